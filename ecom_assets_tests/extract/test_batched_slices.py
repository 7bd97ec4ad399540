"""Slices judged together: what becomes of each row is what becomes of it when its slice is judged alone."""

from __future__ import annotations

import gc
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecom_assets.client.read_statistics import ReadStatistics
from ecom_assets.contract.contract import Contract
from ecom_assets.declaration.reading import Shop
from ecom_assets.extract import batching as gathering
from ecom_assets.extract import window_assignment as sorting
from ecom_assets.extract.batching import SliceBatcher
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.window_assignment import AssignedRecords, apply_contract, assign_windows
from ecom_assets.extract.windows import Slice, cut_into_slices, windows_between
from ecom_assets.foundation.errors import ApiError
from ecom_assets.load.garbage_collection import THRESHOLDS, relaxed_garbage_collection
from ecom_assets.load.report import window_reports

UTC = timezone.utc
START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = {"data_type": "bigint", "nullable": False}
SHOP = Shop.model_validate(
    {
        "name": "testshop",
        "client": {"base_url": "http://127.0.0.1:1"},
        "partitions": {"every": "day", "start": "2026-01-01"},
        "resources": [
            {
                "name": "orders",
                "primary_key": "id",
                "endpoint": {
                    "path": "orders",
                    "incremental": {"cursor_path": "at", "start_param": "from", "end_param": "to"},
                },
                "columns": {
                    "id": KEY,
                    "at": {"data_type": "timestamp", "nullable": False},
                    "name": {"data_type": "text", "nullable": False},
                },
            },
            {
                "name": "lines",
                "primary_key": ["order_id", "id"],
                "rows_from": {"resource": "orders", "path": "lines"},
                "include_from_parent": ["id"],
                "columns": {"order_id": {**KEY, "path": "_orders_id"}, "id": KEY},
            },
        ],
    }
)


def slices(days: int, start: datetime = START) -> tuple[Slice, ...]:
    assert SHOP.partitions
    return cut_into_slices(
        SHOP, "orders", windows_between(SHOP.partitions, start, start + timedelta(days=days))
    )


LINES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.just("x"), st.lists(st.one_of(st.just(7), st.builds(dict, id=st.integers(1, 3))))
)
ORDER = st.fixed_dictionaries(
    {"id": st.sampled_from([1, 2, 3, "2", None, "no"]), "hour": st.integers(0, 23)},
    optional={"name": st.sampled_from(["a", None]), "lines": LINES},
)
RECORD = st.one_of(ORDER, ORDER, ORDER, st.just("not an object"))


def dated(part: Slice, record: Any) -> Any:
    """Return a record with its hour as an instant of its slice."""
    if not isinstance(record, dict) or part.start is None:
        return record
    fields = dict(record)
    moment = part.start + timedelta(hours=fields.pop("hour"))
    return {**fields, "at": moment.isoformat()}


def judged(name: str, groups: list[list[AssignedRecords]], parts: tuple[Slice, ...]) -> tuple[Any, ...]:
    """Return rows, rejected rows, reports and what else is kept of groups of slices."""
    metrics = LoadMetrics(SHOP.resource(name), parts)
    contract = Contract(SHOP.resource(name), SHOP.children_of(name))
    tables = [apply_contract(SHOP, contract, metrics, group).kept for group in groups]
    return (
        pa.concat_tables(tables).to_pylist(),
        [(key, entry.primary_key, entry.reasons, entry.record) for key, entry in metrics.rejected_rows],
        window_reports(metrics, ReadStatistics()),
        pa.concat_tables(metrics.root_states).to_pylist(),
        pa.concat_tables(metrics.root_keys).to_pylist() if metrics.root_keys else [],
        metrics.preview,
    )


@given(st.lists(st.lists(RECORD, max_size=6), min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_slices_judged_together_come_out_as_each_alone(days: list[list[Any]]) -> None:
    parts = slices(len(days))
    batches = []
    for part, records in zip(parts, days, strict=True):
        whole = [dated(part, record) for record in records]
        batches.append(AssignedRecords(part, whole, [0] * len(whole), whole))
    for name in ("orders", "lines"):
        alone = judged(name, [[batch] for batch in batches], parts)
        assert judged(name, [batches], parts) == alone
        # a key that two slices bring is no duplicate: which of the two stays is told by the merge
        assert len(alone[0]) + len(alone[1]) == sum(window.fetched for window in alone[2])


INSTANTS = st.one_of(
    st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T23:59:59.999999Z", "2026-01-02T00:00:00Z"]),
    st.sampled_from(
        ["2025-12-31T23:59:59Z", "2026-01-01T25:00:00Z", "2026-01-01 12:00:00Z", "x", "", None, 7]
    ),
    st.sampled_from(["2026-01-01T23:30:00-05:00", "2026-01-01T12:00:00+00:00", "2026-01-01T12:00:00z"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 1, 23, 59, 59)).map(lambda at: f"{at.isoformat()}Z"),
)


@given(st.lists(INSTANTS, min_size=1, max_size=5), st.integers(0, 1))
@settings(max_examples=500, deadline=None)
def test_the_quick_look_at_cursors_tells_what_the_thorough_one_does(
    cursors: list[Any], lookback: int
) -> None:
    (part,) = slices(1)
    part = replace(part, start=START - timedelta(microseconds=lookback))
    records = [{"id": number, "at": at} for number, at in enumerate(cursors)]

    def outcome() -> Any:
        try:
            return assign_windows(SHOP, SHOP.resource("orders"), part, records)
        except ApiError as error:
            return str(error)

    quick = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "_all_within", lambda *given: False)
        assert outcome() == quick


def waiting(parts: tuple[Slice, ...], sizes: list[int]) -> list[list[int]]:
    """Return the groups in which slices of so many records come out, by their places."""
    found = SliceBatcher(LoadMetrics(SHOP.resource("orders"), parts))
    groups = []
    for part, size in zip(parts, sizes, strict=True):
        records = [{"id": number} for number in range(size)]
        groups += found.add(AssignedRecords(part, records, [0] * size, records))
    return [[parts.index(batch.part) for batch in group] for group in groups]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 9))
def test_every_slice_comes_out_once_and_none_waits_for_ever(sizes: list[int], most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathering, "RECORDS", most)
        groups = waiting(slices(len(sizes)), sizes)
    assert [place for group in groups for place in group] == list(range(len(sizes)))
    for group in groups:
        assert sum(sizes[place] for place in group[:-1]) < most


def test_a_slice_with_an_open_window_is_judged_alone() -> None:
    assert SHOP.partitions
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    parts = slices(3, today - timedelta(days=2))
    assert waiting(parts, [1, 1, 1]) == [[2], [0, 1]]


def test_garbage_is_searched_seldom_while_one_run_reads_and_then_as_before() -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(700, 10, 10)
        with relaxed_garbage_collection():
            with relaxed_garbage_collection():
                assert gc.get_threshold() == THRESHOLDS
            assert gc.get_threshold() == THRESHOLDS
        assert gc.get_threshold() == (700, 10, 10)
        gc.set_threshold(0, 10, 10)
        with relaxed_garbage_collection():
            assert gc.get_threshold() == (0, 10, 10)
    finally:
        gc.set_threshold(*before)


def test_only_the_readings_of_the_slices_named_and_of_the_lists_below_them_are_forgotten() -> None:
    statistics = ReadStatistics()
    for name in ("orders/2026-01-01", "orders/2026-01-01/7", "orders/2026-01-01-08:00", "lines/2026-01-01/7"):
        statistics.of(name).requests = 1
    statistics.reset(["orders/2026-01-01"])
    counts = [statistics.of(name).requests for name in ("orders/2026-01-01", "orders/2026-01-01/7")]
    others = [statistics.of(name).requests for name in ("orders/2026-01-01-08:00", "lines/2026-01-01/7")]
    assert (counts, others) == ([0, 0], [1, 1])
