"""Tries whether a warehouse keeps the promises about loads, by loads in processes of their own, some of them killed.

What is in the tables is compared with a DuckDB file that got the same loads one after the other, without any fault.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ecom_assets.client.redaction import Redactor
from ecom_assets.foundation.errors import IngestError, WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.own_tables import LEDGER_TABLE
from ecom_assets.load.relocation.stored_tables import stored_tables
from ecom_assets.load.trial.load_process import LoadProcess
from ecom_assets.load.trial.loads import DATASET, RESOURCES, load_days, trial_shop
from ecom_assets.warehouse.checksum import Checksum
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets.warehouse.errors import Overtaken, as_warehouse_error
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse

AT_ONCE = 4
"""How many loads run at the same time."""
MOST_STATEMENTS = 200
"""A load with more statements than this would be killed for ever."""

_BATCH_ROWS = 50_000
_TIMEOUT = 600.0
"""Seconds that one load may take."""
_WAITS = 15.0
"""Seconds in which a load reaches the lock that it has to wait for."""
_OF_A_LOAD = ("_dlt_load_id",)
"""A column whose values differ from one load to the next."""

State = Mapping[str, tuple[int, Mapping[str, int]]]
"""Of each table the number of rows, and a sum of each column."""


@dataclass(frozen=True)
class Finding:
    """What one step showed: its name, whether the warehouse kept the promise, details in words, and seconds."""

    step: str
    passed: bool
    detail: str
    seconds: float


class _Broken(Exception):
    """A promise was not kept; the text says what was seen."""


def try_warehouse(
    warehouse: Warehouse, on_progress: OnProgress, most_kills: int | None = None
) -> Iterator[Finding]:
    """Yield what each step of the trial showed. Its dataset is dropped at the end, also after a failure.

    Args:
        warehouse: The warehouse that ECOM_WAREHOUSE names; the loads in other processes find it by that.
        on_progress: Is told what happens meanwhile.
        most_kills: How many loads to kill at most, spread over the statements of a load; one for each by default.

    Raises:
        WarehouseError: The warehouse cannot be used, or it has a dataset of this name already.
    """
    trial = _Trial(warehouse, on_progress, most_kills)
    trial.require_empty()
    try:
        with tempfile.TemporaryDirectory(prefix="ecom_trial_") as folder:
            trial.reference = DuckDbWarehouse(Path(folder) / "reference.duckdb")
            for step in (
                trial.first_load,
                trial.killed_loads,
                trial.loads_at_once,
                trial.repeated_load,
                trial.overtaken_load if warehouse.is_optimistic else trial.held_lock,
            ):
                began = time.monotonic()
                name = (step.__doc__ or "").strip().rstrip(".")
                on_progress(f"{name} …")
                try:
                    detail, passed = step(), True
                except (_Broken, IngestError) as error:
                    detail, passed = str(error), False
                yield Finding(name, passed, detail, round(time.monotonic() - began, 1))
                if not passed:
                    return  # the later steps need what this one loads
    finally:
        trial.drop()


class _Trial:
    """The steps, in their order. Each returns what it did, in words, or raises _Broken."""

    reference: DuckDbWarehouse

    def __init__(self, warehouse: Warehouse, on_progress: OnProgress, most_kills: int | None) -> None:
        self._warehouse = warehouse
        self._on_progress = on_progress
        self._most_kills = most_kills

    def require_empty(self) -> None:
        """Raise WarehouseError if the dataset is there already."""
        self._warehouse.check(trial_shop())
        if not self._warehouse.exists():
            return
        with (
            as_warehouse_error(self._warehouse, Redactor(())),
            self._warehouse.read(DATASET) as transaction,
        ):
            if present := sorted(transaction.columns_of(DATASET)):
                raise WarehouseError(
                    f"the warehouse {self._warehouse} has the schema {DATASET} with {', '.join(present)} already: "
                    "another trial runs, or was killed. Drop the schema first"
                )

    def first_load(self) -> str:
        """A load has what the API has."""
        load_days(self.reference, 0, 3)
        load_days(self._warehouse, 0, 3)
        rows = self._require_reference()
        return f"{rows:,} rows of {len(RESOURCES)} tables are equal to those in a DuckDB file"

    def killed_loads(self) -> str:
        """A load that is killed leaves everything as it was."""
        before, killed = self._state(), 0
        for number in self._statements_to_kill_at():
            load = _ended(LoadProcess(3, 1, kill_before=number))
            if load.is_complete():
                break
            if not load.was_killed():
                raise _Broken(f"the load to be killed before statement {number} failed: {load.problem()}")
            killed += 1
            if self._state() != before:
                raise _Broken(f"a load that was killed before its statement {number} changed the tables")
            if killed % 10 == 0:
                self._on_progress(f"{killed} loads killed")
        load_days(self._warehouse, 3, 1)
        load_days(self.reference, 3, 1)
        self._require_reference()
        return f"{killed} loads were killed, each before another statement; the next load had everything"

    def loads_at_once(self) -> str:
        """Loads at the same time lose nothing."""
        days = [(4 + 2 * number, 2) for number in range(AT_ONCE)]
        started = [LoadProcess(first, number) for first, number in days]
        for load in started:
            if not _ended(load).is_complete():
                raise _Broken(f"a load beside others failed: {load.problem()}")
        load_days(self.reference, 4, 2 * AT_ONCE)
        rows = self._require_reference()
        return f"{AT_ONCE} loads of two days each, started at once: {rows:,} rows"

    def repeated_load(self) -> str:
        """A window that is loaded again changes nothing."""
        before = self._state(without_ledger=True)
        load_days(self._warehouse, 2, 3)
        if self._state(without_ledger=True) != before:
            raise _Broken("days that were loaded again have other rows")
        return "3 days were loaded again"

    def held_lock(self) -> str:
        """A load waits for the lock, and the other one is not disturbed."""
        with self._warehouse.transaction(DATASET) as transaction:
            load = LoadProcess(2, 1)
            if load.wait(_WAITS):
                failed = "" if load.is_complete() else f": {load.problem()}"
                raise _Broken(f"a load did not wait while another one held the lock{failed}")
            transaction.execute(f'select count(*) from "{DATASET}"."{LEDGER_TABLE}"')
        if not _ended(load).is_complete():
            raise _Broken(f"a load that had waited failed: {load.problem()}")
        return "it went on when the lock was free"

    def overtaken_load(self) -> str:
        """A load that another one overtakes writes nothing."""
        before = self._state()[LEDGER_TABLE][0]
        try:
            with self._warehouse.transaction(DATASET) as transaction:
                load = _ended(LoadProcess(2, 1))
                if not load.is_complete():
                    raise _Broken(f"a load beside another one failed: {load.problem()}")
                transaction.execute(f'delete from "{DATASET}"."{LEDGER_TABLE}"')
        except Overtaken:
            if (after := self._state()[LEDGER_TABLE][0]) <= before:
                raise _Broken(
                    f"the ledger had {before:,} entries, and has {after:,} after both loads"
                ) from None
            return "it was refused at its commit, and the other one is complete"
        raise _Broken("two loads at the same time were both committed")

    def drop(self) -> None:
        """Drop the dataset, so that nothing stays of the trial."""
        if not self._warehouse.exists():
            return
        with (
            as_warehouse_error(self._warehouse, Redactor(())),
            self._warehouse.transaction(DATASET) as transaction,
        ):
            for table in transaction.columns_of(DATASET):
                transaction.execute(f'drop table "{DATASET}"."{table}"')
            transaction.execute(f'drop schema if exists "{DATASET}"')

    def _statements_to_kill_at(self) -> range:
        """Return the numbers of the statements; a load that is not killed ends the step."""
        if self._most_kills is None:
            return range(1, MOST_STATEMENTS)
        apart = max(1, 40 // self._most_kills)
        return range(1, 1 + apart * self._most_kills, apart)

    def _require_reference(self) -> int:
        """Compare the shop's tables with those of the reference, and return the number of rows."""
        wanted, found = _sums_of(self.reference, _is_data), _sums_of(self._warehouse, _is_data)
        for table, sums in wanted.items():
            if table not in found:
                raise _Broken(f"the table {table} is missing")
            if found[table] != sums:
                raise _Broken(f"{table}: {found[table][0]:,} rows that are not the {sums[0]:,} of the API")
        return sum(rows for rows, _ in wanted.values())

    def _state(self, without_ledger: bool = False) -> State:
        return _sums_of(self._warehouse, _is_data if without_ledger else lambda _: True)


def _ended(load: LoadProcess) -> LoadProcess:
    """Wait for the end of a load, and return it."""
    if not load.wait(_TIMEOUT):
        raise _Broken(f"a load did not end in {_TIMEOUT:.0f} seconds")
    return load


def _is_data(table: str) -> bool:
    return table in RESOURCES or table.partition("__")[0] in RESOURCES


def _sums_of(warehouse: Warehouse, wanted: Callable[[str], bool]) -> State:
    """Return the rows and sums of the tables of a trial."""
    with as_warehouse_error(warehouse, Redactor(())), warehouse.read(DATASET) as transaction:
        return {table: sums for table, sums in _read_sums(transaction) if wanted(table)}


def _read_sums(transaction: Transaction) -> Iterator[tuple[str, tuple[int, Mapping[str, int]]]]:
    for table in stored_tables(transaction, trial_shop())[0]:
        with Checksum(table.json) as checksum:
            for batch in transaction.arrow_batches(table.select(DATASET), _BATCH_ROWS):
                own = [name for name in _OF_A_LOAD if name in table.schema.names]
                checksum.add(batch.cast(table.schema).drop_columns(own))
            sums = {name: total for name, total in sorted(checksum.sums.items()) if name != "*"}
            yield table.name, (checksum.rows, sums)
