"""Rows of one primary key: one of them is kept, the others are rejected, and so are the elements of their lists."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from ecom_assets.client.read_statistics import ReadStatistics
from ecom_assets.contract.contract import Contract
from ecom_assets.contract.duplicates import superseded_rows
from ecom_assets.contract.result import ContractResult
from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.contract_application import apply_contract
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_assignment import AssignedRecords
from ecom_assets.load.report import window_reports
from ecom_assets_tests.contract.test_contract_faults import AT, kept, reasons, things
from ecom_assets_tests.contract.test_contract_properties import shop_of

LATER = "2026-01-01T00:00:01Z"
ALL = Slice("things/all")
DUPLICATE = "duplicate of the primary key {}: another row with it was kept"


@pytest.mark.parametrize(
    ("cursors", "winner"),
    [
        ((AT, LATER), 1),
        ((LATER, AT), 0),
        ((AT, AT), 1),
        (("2026-01-01T01:00:00+01:00", AT), 1),
        (("2026-01-01T12:00:00+14:00", AT), 1),
        (("2026-01-01T00:00:00-12:00", LATER), 0),
    ],
)
def test_the_row_with_the_greatest_cursor_wins(cursors: tuple[str, str], winner: int) -> None:
    contracted = things({"id": 7, "at": cursors[0]}, {"id": 7, "at": cursors[1]}, {"id": 8, "at": AT})
    assert list(contracted.kept_rows) == [winner, 2]
    assert reasons(contracted) == {1 - winner: (DUPLICATE.format(7),)}


def test_without_a_cursor_the_last_row_wins() -> None:
    records = [{"id": 7, "at": LATER}, {"id": 7, "at": AT}, {"id": 7, "at": AT, "a": {"bigint": "x"}}]
    contracted = things(*records, windowed=False)
    assert list(contracted.kept_rows) == [1]
    # a row that breaks the contract takes no other's place
    assert reasons(contracted)[0] == (DUPLICATE.format(7),)
    assert reasons(contracted)[2] == ("a_bigint: 'x' is not a whole number of 64 bits",)


@pytest.mark.parametrize(
    ("key", "same"),
    [
        ("bigint", [1, "1", " 1", 1.0, Decimal("1.00")]),
        ("text", ["1", 1, Decimal("1")]),
        ("decimal", ["1.50", 1.5, Decimal("1.5")]),
        ("double", ["1.5", 1.5, "15e-1"]),
        ("bool", [True, 1, "true"]),
        ("timestamp", [AT, "2026-01-01", 1_767_225_600, "2025-12-31T19:00:00-05:00"]),
        ("date", ["2026-01-01", AT]),
        ("time", ["10:00", "10:00:00"]),
        ("json", [[1], [1]]),
        ("binary", ["aGk=", "aGk="]),
    ],
)
def test_keys_are_compared_as_the_warehouse_has_them(key: str, same: list[Any]) -> None:
    contracted = things(*({"id": value, "at": AT} for value in same), key=key)
    assert list(contracted.kept_rows) == [len(same) - 1]
    assert len(contracted.rejected) == len(same) - 1
    assert all("duplicate of the primary key" in entry.reasons[0] for entry in contracted.rejected)


def test_duplicates_are_told_among_many_rows_and_several_columns() -> None:
    rows = 50_000
    first = pa.array(range(rows))
    assert superseded_rows([first], None) == []
    assert superseded_rows([pa.array([1, 1, 2]), pa.array(["a", "b", "a"])], None) == []
    assert superseded_rows([pa.array([1, 1, 1]), pa.array(["a", "b", "a"])], pa.array([2, 0, 1])) == [2]
    assert superseded_rows([pa.array([1, 1, 1])], pa.array([None, 0, None])) == [0, 2]
    assert superseded_rows([pa.array([], pa.int64())], None) == []


def parts_of(shop: Shop, records: list[Any]) -> tuple[ContractResult, LoadMetrics]:
    metrics = LoadMetrics(shop.resource("parts"), [ALL])
    return apply_contract(
        shop,
        Contract(shop.resource("parts")),
        metrics,
        [AssignedRecords(ALL, records, [0] * len(records), records)],
    ), metrics


def slice_(number: Any, *parts: Any, at: str = AT) -> dict[str, Any]:
    return {"id": number, "at": at, "content": {"parts": list(parts)}}


def test_elements_of_one_key_are_duplicates_and_those_of_another_record_are_not() -> None:
    shop = shop_of("bigint", "evolve", required=False, windowed=True)
    records = [slice_(1, {"id": 1}, {"id": "1"}, {"id": 2}), slice_(2, {"id": 1})]
    contracted, metrics = parts_of(shop, records)
    assert contracted.kept.select(["thing_id", "id"]).to_pylist() == [
        {"thing_id": 1, "id": 1},
        {"thing_id": 1, "id": 2},
        {"thing_id": 2, "id": 1},
    ]
    assert reasons(contracted) == {0: (DUPLICATE.format("1, 1"),)}
    (report,) = window_reports(metrics, ReadStatistics())
    assert (report.fetched, report.kept, report.rejected) == (4, 3, 1)


@pytest.mark.parametrize("windowed", [True, False])
def test_elements_of_an_outdated_record_are_not_loaded(windowed: bool) -> None:
    shop = shop_of("bigint", "evolve", required=False, windowed=windowed)
    old, new = slice_("1", {"id": 1}, {"id": 2}, at=AT), slice_(1, {"id": 1}, at=LATER)
    for records in ([old, new], [new, old]):
        contracted, _ = parts_of(shop, records)
        stays = new if windowed else records[1]
        expected = [(1, element["id"]) for element in stays["content"]["parts"]]
        assert list(zip(kept(contracted, "thing_id"), kept(contracted), strict=True)) == expected
        assert {entry.reasons[0] for entry in contracted.rejected} == {
            "of an outdated record of things: another record with its primary key was read"
        }
        assert len(contracted.rejected) + len(expected) == 3


def test_a_rejected_record_still_has_its_elements() -> None:
    shop = shop_of("bigint", "evolve", required=False, windowed=True)
    bad = {**slice_(1, {"id": 1}), "a": {"bigint": "many"}}
    keyless = {**slice_(None, {"id": 2})}
    (records, contract) = ([bad, keyless], Contract(shop.resource("things"), shop.children_of("things")))
    assert kept(contract.apply(records)) == []
    contracted, _ = parts_of(shop, records)
    assert list(zip(kept(contracted, "thing_id"), kept(contracted), strict=True)) == [(1, 1)]
    assert reasons(contracted) == {1: ("thing_id: null, but part of the primary key",)}


def test_a_record_may_have_its_key_in_an_object() -> None:
    key = {"data_type": "bigint", "nullable": False}
    shop = Shop.model_validate(
        {
            "name": "testshop",
            "client": {"base_url": "https://api.example.com"},
            "partitions": {"every": "day", "start": "2026-01-01"},
            "resources": [
                {
                    "name": "things",
                    "primary_key": "id",
                    "endpoint": {
                        "path": "things",
                        "incremental": {"cursor_path": "at", "start_param": "from"},
                    },
                    "columns": {
                        "id": {**key, "path": "meta.id"},
                        "at": {"data_type": "timestamp", "nullable": False},
                    },
                },
                {
                    "name": "parts",
                    "primary_key": ["thing_id", "id"],
                    "rows_from": {"resource": "things", "path": "parts"},
                    "include_from_parent": ["meta"],
                    "columns": {"thing_id": {**key, "path": "_things_meta.id"}, "id": key},
                },
            ],
        }
    )
    contracted, metrics = parts_of(shop, [{"meta": {"id": "7"}, "at": AT, "parts": [{"id": 1}]}])
    assert contracted.kept.select(["thing_id", "id"]).to_pylist() == [{"thing_id": 7, "id": 1}]
    assert [table.to_pylist() for table in metrics.root_keys] == [[{"thing_id": 7}]]
