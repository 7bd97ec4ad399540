"""Random loads give the history that Python computes from what was read, whatever the order of the commits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.slices import Slice
from ecom_assets.load.dispositions.history_table import HistoryTable
from ecom_assets.load.dispositions.snapshot_history import add_reading
from ecom_assets.load.dispositions.staged_table import StagedTable
from ecom_assets.load.dispositions.window_history import add_states
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets_tests.support.examples import examples
from ecom_assets_tests.support.loads.dispositions import SCD2
from ecom_assets_tests.support.warehouses.engines import Place

UTC = timezone.utc
Row = tuple[int, str, int, int | None]
"""Key, name, start and end, the instants as minutes since START."""
START = datetime(2026, 1, 1, tzinfo=UTC)


def instant(minute: int) -> datetime:
    """Return an instant."""
    return START + timedelta(minutes=minute)


def shop(*, windowed: bool) -> Shop:
    """Return a shop of things with history."""
    incremental = {"cursor_path": "changed", "start_param": "from"} if windowed else None
    columns: dict[str, Any] = {
        "id": {"data_type": "bigint", "nullable": False},
        "name": {"data_type": "text"},
    }
    if windowed:
        columns["changed"] = {"data_type": "timestamp", "nullable": False}
    return Shop.model_validate(
        {
            "name": "testshop",
            "client": {"base_url": "https://api.example.com"},
            "partitions": {"every": "day", "start": "2026-01-01"},
            "resources": [
                {
                    "name": "things",
                    "primary_key": "id",
                    "write_disposition": SCD2,
                    "endpoint": {"path": "x", "incremental": incremental},
                    "columns": columns,
                }
            ],
        }
    )


class Warehouse:
    """The tables of one example, in one transaction."""

    def __init__(self, transaction: Transaction, *, windowed: bool) -> None:
        self.transaction, self.windowed = transaction, windowed
        declared = shop(windowed=windowed)
        self.resource = declared.resource("things")
        names = tuple(column.name for column in self.resource.table_columns)
        columns = ", ".join(
            f'"{column.name}" {transaction.type_of(column)}' for column in self.resource.table_columns
        )
        transaction.execute("create schema if not exists testshop")
        for table in ("testshop.things", "ecom_read_things"):
            transaction.execute(f"drop table if exists {table}")
            transaction.execute(f"create table {table} ({columns})")
        transaction.execute("drop table if exists testshop.load_ledger")
        transaction.execute(
            "create table testshop.load_ledger "
            "(load_id varchar, resource varchar, loaded_at timestamp with time zone)"
        )
        history = self.resource.history
        assert history
        self.table = HistoryTable(StagedTable(transaction, declared, self.resource, names), history)

    def stage(self, rows: Sequence[Sequence[Any]]) -> None:
        """Put rows into the staging table in place of the ones there."""
        self.transaction.execute("delete from ecom_read_things")
        for row in rows:
            values = [*row, row[2] if self.windowed else None, None]
            marks = ", ".join("?" if value is not None else "null" for value in values)
            self.transaction.execute(
                f"insert into ecom_read_things values ({marks})",
                [value for value in values if value is not None],
            )

    def rows(self) -> list[Row]:
        """Return the history, sorted."""
        found = self.transaction.execute(
            "select id, name, _dlt_valid_from, _dlt_valid_to from testshop.things"
        ).fetchall()
        return sorted(
            (key, name, minute(start), None if end is None else minute(end))
            for key, name, start, end in found
        )


def minute(value: datetime) -> int:
    """Return the minutes since START."""
    return int((value - START) / timedelta(minutes=1))


@contextmanager
def tables(place: Place, *, windowed: bool) -> Iterator[Warehouse]:
    """Create the tables of an example."""
    with place.warehouse().transaction("testshop") as transaction:
        yield Warehouse(transaction, windowed=windowed)


KEYS = st.integers(1, 3)
NAMES = st.sampled_from("ab")
SWEEP = st.tuples(st.just("sweep"), st.sets(KEYS, max_size=2))
LOAD = st.tuples(
    st.just("load"),
    st.dictionaries(KEYS, st.tuples(st.integers(0, 9), NAMES), max_size=3),
)


def history_of(
    events: Mapping[int, list[tuple[int, int, str]]], states: Mapping[tuple[int, int], str]
) -> list[Row]:
    """Walk through what happened to each key: at a minute it was (0) gone, (1) back, or (2) in a state."""
    rows: list[Row] = []
    for key, happened in events.items():
        open_since: tuple[int, str] | None = None
        name = ""
        known = [(at, 2, states[key, at]) for at in sorted({at for other, at in states if other == key})]
        for at, kind, _ in sorted([*happened, *known]):
            if kind == 1 and open_since is not None:
                continue
            if open_since is not None:
                rows.append((key, open_since[1], open_since[0], at))
            if kind == 2:
                name = states[key, at]
            open_since = None if kind == 0 else (at, name)
        if open_since is not None:
            rows.append((key, open_since[1], open_since[0], None))
    return sorted(rows)


@pytest.mark.hypothesis  # `given` is inside, where the engine is known
@pytest.mark.parametrize("step", [10, 1], ids=["all states before the loads", "states between the loads"])
def test_states_of_windows(place: Place, step: int) -> None:
    """Loads bring states of any age; sweeps find keys gone. A load after it finds a key of the same state back."""

    @settings(examples(place.traits.share_of_examples), suppress_health_check=list(HealthCheck))
    @given(st.lists(st.one_of(LOAD, LOAD, SWEEP), min_size=1, max_size=7))
    def check(operations: list[tuple[str, Any]]) -> None:
        events: dict[int, list[tuple[int, int, str]]] = {key: [] for key in (1, 2, 3)}
        states: dict[tuple[int, int], str] = {}
        with tables(place, windowed=True) as warehouse:
            for number, (what, given_) in enumerate(operations):
                now = 10 + number * step if step > 1 else 2 * number + 1
                if what == "sweep":
                    for key in given_:
                        if any(row[0] == key and row[3] is None for row in history_of(events, states)):
                            swept = max(now, *(at + 1 for other, at in states if other == key))
                            events[key].append((swept, 0, ""))
                            warehouse.transaction.execute(
                                "update testshop.things set _dlt_valid_to = ? where id = ? and _dlt_valid_to is null",
                                [instant(swept), key],
                            )
                    continue
                read = {key: (2 * at, name) for key, (at, name) in given_.items()}
                states |= {(key, at): name for key, (at, name) in read.items()}
                for key in read:
                    last = max([*events[key], *((at, 2, "") for other, at in states if other == key)])
                    if last[1] == 0 and last[0] < now:
                        events[key].append((now, 1, ""))
                warehouse.stage([(key, name, instant(at)) for key, (at, name) in read.items()])
                add_states(warehouse.table, instant(now), instant(now))
                assert warehouse.rows() == history_of(events, states), operations[: number + 1]

    check()


def test_what_python_computes() -> None:
    """One history that is written down."""
    events = {1: [(5, 0, ""), (8, 1, "")]}
    states = {(1, 1): "a", (1, 3): "b", (1, 9): "c"}
    assert history_of(events, states) == [
        (1, "a", 1, 3),
        (1, "b", 3, 5),
        (1, "b", 8, 9),
        (1, "c", 9, None),
    ]


def history_of_readings(readings: Sequence[Mapping[int, str]]) -> list[Row]:
    """Return the history of readings at the minutes 0, 1, 2 and so on."""
    rows: list[Row] = []
    valid: dict[int, tuple[str, int]] = {}
    for at, reading in enumerate(readings):
        for key, (name, since) in list(valid.items()):
            if reading.get(key) != name:
                rows.append((key, name, since, at))
                del valid[key]
        for key, name in reading.items():
            valid.setdefault(key, (name, at))
    return sorted([*rows, *((key, name, since, None) for key, (name, since) in valid.items())])


@pytest.mark.hypothesis
def test_readings_of_snapshots(place: Place) -> None:
    """The readings that are committed give the history of these readings, in the order in which they were read."""

    @settings(examples(place.traits.share_of_examples), suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        readings = data.draw(st.lists(st.dictionaries(KEYS, NAMES, max_size=3), min_size=1, max_size=6))
        order = data.draw(st.permutations(range(len(readings))))
        with tables(place, windowed=False) as warehouse:
            committed: set[int] = set()
            for number in order:
                committed.add(number)
                warehouse.transaction.execute(
                    "insert into testshop.load_ledger values (?, 'things', ?)", [str(number), instant(number)]
                )
                warehouse.stage([(key, name) for key, name in readings[number].items()])
                metrics = LoadMetrics(warehouse.resource, [Slice("things/all")])
                later = {str(other) for other in committed if other > number}
                add_reading(warehouse.table, metrics, instant(number), later, lambda _: None)
                places = sorted(committed)
                expected = [
                    (key, name, places[start], None if end is None else places[end])
                    for key, name, start, end in history_of_readings([readings[place] for place in places])
                ]
                assert warehouse.rows() == sorted(expected)

    check()
