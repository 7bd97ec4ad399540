"""Warehouses: where the tables are kept. One interface, one sub-package for each engine.

The interface that `ecom_assets.load` and `ecom_assets.orchestration` use:

* `choice`: `warehouse_from_environment` returns the warehouse that the environment variables name.
* `warehouse`: the ABC `Warehouse`, and `transaction`: the ABC `Transaction`, through which a load writes and a reader
  queries.
* `errors`: how an engine's exceptions become one line for a person.

`choice` finds the engines: each sub-package with a module `engine` is one. They have modules of the same names:

* `engine.py`: how the environment and dlt name this engine, and how its warehouse is built. `ENGINE` is the engine.
* `configuration.py`: what the environment and dlt's configuration say, and why something is refused.
* `warehouse.py` and `transaction.py`: the engine's `Warehouse` and `Transaction`.
* `lock.py`: the lock that keeps two loads of one dataset apart.
* `errors.py`: which exceptions the engine's driver raises, and what they mean.
* Other modules belong to one engine only, such as `postgres/copy.py`.

`remote` is what services share whose statements on tables commit by themselves: the rehearsal of a load, and the SQL of
loads in the words of another engine. An engine whose tables are made within a transaction takes the SQL only.

What happens when the disk is full, the server is gone, or a statement fails while a load writes: the transaction is not
committed, so the tables stay as they were, and `errors.as_warehouse_error` turns the exception into a `WarehouseError`
of one line. Only if the connection is lost during the commit, nobody knows the result, and the error says so.

`disk_problem` in `ecom_assets.foundation.disk_errors` recognises a full disk under the folder of a run. A full
disk under a DuckDB file comes as one of the engine's `DRIVER_ERRORS`.

CONTRIBUTING.md says what to do to add an engine.
"""
