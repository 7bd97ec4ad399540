"""Fixtures for tests that run on every engine, and what these tests know of an engine.

`conftest.py` makes the fixtures known to pytest. Modules that read the environment are imported inside the functions.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ecom_assets_tests.support.warehouses.engine_traits import EngineTraits, traits_modules

if TYPE_CHECKING:
    from ecom_assets.warehouse.transaction import Transaction
    from ecom_assets.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Place:
    """An empty place for a warehouse, as ECOM_WAREHOUSE names it."""

    engine: str
    where: str
    dataset: str = "sandbox"

    @property
    def traits(self) -> EngineTraits:
        """Return what tests know of the engine."""
        return TRAITS[self.engine]

    def warehouse(self, lock_timeout: float = 20) -> Warehouse:
        """Return the warehouse at this place, with a lock timeout in seconds."""
        return warehouse_at(self.where, lock_timeout)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query, with the dataset as the schema of unqualified names."""
        with self.warehouse().read(self.dataset) as transaction:
            return [tuple(row) for row in transaction.execute(sql, parameters).fetchall()]

    def write(self, *statements: str) -> None:
        """Run statements in one transaction, to tamper with the warehouse; one by one where tables need it."""

        def run(transaction: Transaction) -> None:
            for statement in statements:
                transaction.execute(statement)

        first = self.traits.ddl_commits
        with self.warehouse().transaction(self.dataset, stage=run if first else None) as transaction:
            if not first:
                run(transaction)

    def table(self, name: str, *without: str) -> list[tuple[Any, ...]]:
        """Return all rows of a table, sorted, in the order of the columns' names."""
        return self._tables([name], without)[name]

    def whole_tables(self, *names: str) -> dict[str, list[tuple[Any, ...]]]:
        """Return all rows of each of these tables, as `table` does."""
        return self._tables(names, ())

    def _tables(
        self, names: Iterable[str] | None, without: Sequence[str]
    ) -> dict[str, list[tuple[Any, ...]]]:
        # in one transaction: to open a lake for each table takes longer than to read it
        with self.warehouse().read(self.dataset) as transaction:
            present = transaction.columns_of(self.dataset)
            found = {}
            for name in [name for name in present if not name.startswith("_dlt")] if names is None else names:
                columns = sorted(present.get(name, {}).keys() - set(without))
                listed = ", ".join(f'"{column}"' for column in columns)
                sql = f'select {listed} from "{self.dataset}"."{name}"'
                rows = transaction.execute(sql).fetchall() if columns else []
                found[name] = sorted((tuple(row) for row in rows), key=repr)
            return found

    def not_null(self, table: str) -> int:
        """Return how many columns of a table are not nullable."""
        with self.warehouse().read(self.dataset) as transaction:
            return sum(name == table for name, _ in transaction.required_columns_of(self.dataset))

    def tables(self, *names: str) -> dict[str, list[tuple[Any, ...]]]:
        """Return the rows of tables without the columns that differ between runs. Default: all but dlt's."""
        return self._tables(names or None, OF_A_RUN)

    def columns(self, table: str) -> dict[str, str]:
        """Return the columns of a table in their order, with the engine's names of their types."""
        with self.warehouse().read(self.dataset) as transaction:
            return dict(transaction.columns_of(self.dataset).get(table, {}))

    def present(self, names: Iterable[str]) -> list[str]:
        """Return those of the tables that exist."""
        with self.warehouse().read(self.dataset) as transaction:
            there = transaction.columns_of(self.dataset)
        return [name for name in names if name in there]

    def type_of(self, **column: Any) -> str:
        """Return the engine's name of the type that a declared column has."""
        from ecom_assets.declaration.reading import Column

        with self.warehouse().read(self.dataset) as transaction:
            return transaction.type_of(Column.model_validate({"name": "column", **column}))


def parsed(value: Any) -> Any:
    """Return the value of a JSON column. DuckDB's driver returns it as text."""
    return json.loads(value) if isinstance(value, str) else value


OF_A_RUN = ("load_id", "loaded_at", "rejected_at", "seconds", "requests", "retries", "restarts")
"""Columns whose values differ from one run to the next."""


def warehouse_at(where: str, lock_timeout: float = 20, copy: str | None = None) -> Warehouse:
    """Return the warehouse at a path or an address."""
    from ecom_assets.warehouse.choice import warehouse_from_environment

    settings = {"ECOM_WAREHOUSE": where, "ECOM_LOCK_TIMEOUT": str(lock_timeout)}
    return warehouse_from_environment(settings | ({"ECOM_PUBLISH": copy} if copy else {}))


def before_each_load(warehouse: Warehouse, happens: Callable[[], object]) -> Warehouse:
    """Call `happens` right before each transaction of the warehouse, when the run has read everything."""
    warehouse.transaction = _after(happens, warehouse.transaction)  # type: ignore[method-assign]
    return warehouse


def before_each_use(warehouse: Warehouse, happens: Callable[[], object]) -> Warehouse:
    """Call `happens` right before the warehouse is read, and right before each transaction."""
    warehouse.read = _after(happens, warehouse.read)  # type: ignore[method-assign]
    return before_each_load(warehouse, happens)


def _after(happens: Callable[[], object], real: Callable[..., Any]) -> Callable[..., Any]:
    """Return the context manager `real`, preceded by what happens."""

    @contextmanager
    def opened(*given: Any) -> Iterator[Any]:
        thread = threading.Thread(target=happens)  # like a run of its own
        thread.start()
        thread.join()
        with real(*given) as transaction:
            yield transaction

    return opened


TRAITS: Mapping[str, EngineTraits] = {name: module.TRAITS for name, module in traits_modules().items()}
"""What tests know of each engine, by the name of its sub-package."""


def engines_where(has: Callable[[EngineTraits], object] = lambda _: True) -> list[Any]:
    """Return the engines of which something holds, as parameters of `new_place`. Slow ones come last."""
    chosen = [name for name, traits in TRAITS.items() if has(traits)]
    fast = [name for name in chosen if not TRAITS[name].is_slow]
    return [*fast, *slowly(*(name for name in chosen if TRAITS[name].is_slow))]


def slowly(*engines: str) -> list[Any]:
    """Return engines as parameters for slow tests."""
    return [pytest.param(engine, marks=pytest.mark.slow) for engine in engines]


OTHER = os.environ.get("TEST_ENGINE", "postgres")
"""The engine beside DuckDB on which tests of SQL run."""
SLOWLY = ["duckdb", *slowly(OTHER)]
"""DuckDB, and slowly the other engine. A lake runs the SQL of DuckDB."""


@pytest.fixture(scope="session")
def empty_place(request: pytest.FixtureRequest) -> Callable[[str], Place]:
    """Return a function that makes an empty place on an engine."""
    return lambda engine: making(request, engine)()


@pytest.fixture(scope="session")
def copy_of(request: pytest.FixtureRequest) -> Callable[[Place], Place]:
    """Return a function that copies a place that nobody has open."""
    return lambda place: Place(place.engine, request.getfixturevalue(f"copied_{place.engine}")(place))


def making(request: pytest.FixtureRequest, engine: str) -> Callable[[], Place]:
    """Return a function that makes an empty place on an engine."""
    made: Callable[[], str] = request.getfixturevalue(f"new_{engine}")
    return lambda: Place(engine, made())


@pytest.fixture
def new_place(request: pytest.FixtureRequest) -> Callable[[], Place]:
    """Return a function that makes an empty place. `conformance.py` chooses the engines of each test."""
    return making(request, request.param)


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """Return an empty place."""
    return new_place()
