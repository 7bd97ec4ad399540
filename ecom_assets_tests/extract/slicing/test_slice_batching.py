"""Slices in batches: a row comes out of the contract of a batch as it comes out of the contract of its slice alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.client.read_statistics import ReadStatistics
from ecom_assets.contract.contract import Contract
from ecom_assets.declaration.reading import Shop
from ecom_assets.extract import window_assignment as window_assignment
from ecom_assets.extract.contract_application import apply_contract
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.slices import Slice, cut_into_slices
from ecom_assets.extract.slicing import batching as batching
from ecom_assets.extract.slicing.batching import SliceBatcher
from ecom_assets.extract.window_assignment import AssignedRecords, assign_windows
from ecom_assets.extract.windows import windows_between
from ecom_assets.foundation.errors import ApiError
from ecom_assets.load.report import window_reports
from ecom_assets_tests.support.examples import examples

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
                "max_rejected": 1,  # otherwise, a window whose records are all rejected fails
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
                "max_rejected": 1,
                "rows_from": {"resource": "orders", "path": "lines"},
                "include_from_parent": ["id"],
                "columns": {"order_id": {**KEY, "path": "_orders_id"}, "id": KEY},
            },
        ],
    }
)


def day_slices(days: int, start: datetime = START) -> tuple[Slice, ...]:
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


def dated(slice_: Slice, record: Any) -> Any:
    """Return a record with its hour as an instant of its slice."""
    if not isinstance(record, dict) or slice_.start is None:
        return record
    fields = dict(record)
    moment = slice_.start + timedelta(hours=fields.pop("hour"))
    return {**fields, "at": moment.isoformat()}


def outcome_of(name: str, batches: list[list[AssignedRecords]], slices: tuple[Slice, ...]) -> tuple[Any, ...]:
    """Return the rows, the rejected rows, the reports and the other figures of batches of slices."""
    metrics = LoadMetrics(SHOP.resource(name), slices)
    contract = Contract(SHOP.resource(name), SHOP.children_of(name))
    tables = [apply_contract(SHOP, contract, metrics, batch).kept for batch in batches]
    return (
        pa.concat_tables(tables).to_pylist(),
        [(key, entry.primary_key, entry.reasons, entry.record) for key, entry in metrics.rejected_rows],
        window_reports(metrics, ReadStatistics()),
        pa.concat_tables(metrics.root_states).to_pylist(),
        pa.concat_tables(metrics.root_keys).to_pylist() if metrics.root_keys else [],
        metrics.preview,
    )


@given(st.lists(st.lists(RECORD, max_size=6), min_size=1, max_size=5))
@examples(3)
def test_slices_in_one_batch_come_out_as_each_alone(days: list[list[Any]]) -> None:
    slices = day_slices(len(days))
    batch = []
    for slice_, records in zip(slices, days, strict=True):
        whole = [dated(slice_, record) for record in records]
        batch.append(AssignedRecords(slice_, whole, [0] * len(whole), whole))
    for name in ("orders", "lines"):
        alone = outcome_of(name, [[assigned] for assigned in batch], slices)
        assert outcome_of(name, [batch], slices) == alone
        # a key in two slices is no duplicate: the load decides which of the two rows stays
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
@examples(5)
def test_comparing_cursors_as_texts_gives_the_same_as_parsing_them(cursors: list[Any], lookback: int) -> None:
    (slice_,) = day_slices(1)
    slice_ = replace(slice_, start=START - timedelta(microseconds=lookback))
    records = [{"id": number, "at": at} for number, at in enumerate(cursors)]

    def outcome() -> Any:
        try:
            return assign_windows(SHOP, SHOP.resource("orders"), slice_, records)
        except ApiError as error:
            return str(error)

    as_texts = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window_assignment, "_all_within", lambda *given: False)
        assert outcome() == as_texts


def batches_of(slices: tuple[Slice, ...], sizes: list[int]) -> list[list[int]]:
    """Return the batches in which slices of these sizes come out, as positions of slices."""
    batcher = SliceBatcher(LoadMetrics(SHOP.resource("orders"), slices))
    batches = []
    for slice_, size in zip(slices, sizes, strict=True):
        records = [{"id": number} for number in range(size)]
        batches += batcher.add(AssignedRecords(slice_, records, [0] * size, records))
    return [[slices.index(assigned.slice_) for assigned in batch] for batch in batches]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 9))
def test_every_slice_comes_out_once_and_none_waits_forever(sizes: list[int], most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batching, "RECORDS", most)
        groups = batches_of(day_slices(len(sizes)), sizes)
    assert [place for group in groups for place in group] == list(range(len(sizes)))
    for group in groups:
        assert sum(sizes[place] for place in group[:-1]) < most


def test_a_slice_with_an_open_window_is_a_batch_of_its_own() -> None:
    assert SHOP.partitions
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    slices = (*day_slices(2, today - timedelta(days=9)), *day_slices(1, today))
    assert batches_of(slices, [1, 1, 1]) == [[2], [0, 1]]


def test_only_the_readings_of_the_slices_named_and_of_the_lists_below_them_are_forgotten() -> None:
    statistics = ReadStatistics()
    for name in ("orders/2026-01-01", "orders/2026-01-01/7", "orders/2026-01-01-08:00", "lines/2026-01-01/7"):
        statistics.of(name).requests = 1
    statistics.reset(["orders/2026-01-01"])
    counts = [statistics.of(name).requests for name in ("orders/2026-01-01", "orders/2026-01-01/7")]
    others = [statistics.of(name).requests for name in ("orders/2026-01-01-08:00", "lines/2026-01-01/7")]
    assert (counts, others) == ([0, 0], [1, 1])
