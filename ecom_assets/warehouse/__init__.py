"""Warehouses: where the tables are kept. One interface, one sub-package for each engine.

The interface that `ecom_assets.load` and `ecom_assets.orchestration` use:

* `choice`: `warehouse_from_environment` returns the warehouse that the environment variables name.
* `warehouse`: the ABC `Warehouse`, and `transaction`: the ABC `Transaction`, through which a load writes and a reader
  queries.
* `errors`: how an engine's exceptions become one line for a person.

The sub-packages `duckdb`, `postgres` and `ducklake` have modules of the same names:

* `engine.py`: how the environment and dlt name this engine, and how its warehouse is built.
* `configuration.py`: what the environment and dlt's configuration say, and why something is refused.
* `warehouse.py` and `transaction.py`: the engine's `Warehouse` and `Transaction`.
* `lock.py`: the lock that keeps two loads of one dataset apart.
* `errors.py`: which exceptions the engine's driver raises, and what they mean.
* Other modules belong to one engine only, such as `postgres/copy.py`.

What happens when the disk is full, the server is gone, or a statement fails while a load writes: the transaction is not
committed, so the tables stay as they were, and `errors.as_warehouse_error` turns the exception into a `WarehouseError`
of one line. A full disk under the run's own temporary folder is recognised by `disk_problem` in
`ecom_assets.foundation.disk_errors`; a full disk under a DuckDB file comes as one of the engine's `DRIVER_ERRORS`.

How to add an engine:

1. Add a sub-package with these modules. `engine.py` holds a subclass of `ecom_assets.warehouse.engine.Engine`. A driver
   that not everybody has is imported in `Engine.warehouse`, not at the top of `engine.py` or `configuration.py`.
2. Add the engine to `ENGINES` in `choice.py`.
3. Describe it on a page in `docs/`.
4. Add its tests in `ecom_assets_tests/warehouse/`, and add it to the engines in
   `ecom_assets_tests/support/warehouses/engines.py`, on which the tests of every promise run.
"""
