"""A contract over several loads: rejections are replaced, duplicates stay one row, columns come and stay."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest

from ecom_assets.contract.result import ContractResult, RejectedRow
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.slices import Slice
from ecom_assets.foundation.errors import ContractBroken
from ecom_assets_tests.support.paths import ROOT
from ecom_assets_tests.support.servers.order_api import Api, order
from ecom_assets_tests.support.servers.order_api import api as api
from ecom_assets_tests.support.warehouses.engines import parsed

BEFORE, NEXT_DAY = "2026-01-01T11:00:00Z", "2026-01-02T12:00:00Z"


def rejected(api: Api) -> list[tuple[Any, ...]]:
    return sorted(api.rows("select resource, partition_key, primary_key from rejected_rows"))


def test_rejections_of_a_window_are_replaced_when_it_runs_again(api: Api) -> None:
    bad_lines = [{"id": 1}, {"sku": "a"}, "x"]
    other_day = order(3, updated_at=NEXT_DAY, name=None, lines=["y"])
    for _ in range(2):
        api.load(order(1, name=None, lines=bad_lines), order(2), other_day, days=2)
        assert rejected(api) == [
            ("lines", "2026-01-01", ""),
            ("lines", "2026-01-01", "1, "),
            ("lines", "2026-01-02", ""),
            ("orders", "2026-01-01", "1"),
            ("orders", "2026-01-02", "3"),
        ]
    api.load(order(1, lines=[{"id": 1}]), order(2))
    assert rejected(api) == [("lines", "2026-01-02", ""), ("orders", "2026-01-02", "3")]
    assert api.rows("select id from orders order by 1") == [(1,), (2,)]
    assert api.rows("select order_id, id from lines") == [(1, 1)]


def test_the_page_of_tables_lists_every_reason(api: Api) -> None:
    """Nothing is rejected for a reason that the page lacks, and the page has no reason that does not occur."""
    page = (ROOT / "docs" / "tables.md").read_text("utf-8")
    listed = re.findall(
        r"^\| `([^`]+)` \|", page.partition("| reason | meaning |")[2].partition("\n\n")[0], re.M
    )
    patterns = {text: re.escape(text).replace("…", ".+") for text in listed}
    api.load(
        order(1, total="1.23456", name=None, shippingAddress="Main Street"),
        order(None),
        order(2, lines=["x", {"id": 1}, {"id": 1}]),
        order("3", updated_at=BEFORE, lines=[{"id": 1}]),
        order(3, lines=[{"id": 1}]),
    )
    reasons = [
        reason for (text,) in api.rows("select reasons from rejected_rows") for reason in text.split("; ")
    ]
    found = {
        text: [reason for reason in reasons if re.fullmatch(pattern, reason)]
        for text, pattern in patterns.items()
    }
    assert [text for text in listed if not found[text]] == []
    assert set(reasons) == set().union(*found.values())


def test_lines_of_a_rejected_order_are_loaded(api: Api) -> None:
    report = api.load(order(1, name=None, lines=[{"id": 1, "sku": "a"}]))
    assert api.rows("select count(*) from orders") == [(0,)]
    # what points to no order is for the check of references to tell
    assert api.rows("select order_id, id, sku from lines") == [(1, 1, "a")]
    assert [report.resources[name].windows[0].kept for name in ("orders", "lines")] == [0, 1]


def test_duplicates_are_one_row_the_newest_and_stay_it(api: Api) -> None:
    records = [
        order("1", name="new", lines=[{"id": 1}, {"id": "1", "sku": "last"}]),
        order(1, updated_at=BEFORE, name="old", lines=[{"id": 1}, {"id": 2}]),
        order(2),
    ]
    for _ in range(2):
        report = api.load(*records)
        assert report.errors == {}
        assert api.rows("select id, name from orders order by 1") == [(1, "new"), (2, "x")]
        assert api.rows("select order_id, id, sku from lines") == [(1, 1, "last")]
        assert sorted(api.rows("select resource, primary_key, reasons from rejected_rows")) == [
            ("lines", "1, 1", "duplicate of the primary key 1, 1: another row with it was kept"),
            (
                "lines",
                "1, 1",
                "of an outdated record of orders: another record with its primary key was read",
            ),
            (
                "lines",
                "1, 2",
                "of an outdated record of orders: another record with its primary key was read",
            ),
            ("orders", "1", "duplicate of the primary key 1: another row with it was kept"),
        ]
        figures = [report.resources[name].windows[0] for name in ("orders", "lines")]
        assert [(window.fetched, window.kept, window.rejected) for window in figures] == [
            (3, 2, 1),
            (4, 1, 3),
        ]


def test_of_two_versions_in_two_windows_the_later_one_stays(api: Api) -> None:
    for records in ([order(1, name="old"), order("1", updated_at=NEXT_DAY, name="new")],):
        for chosen in (records, records[::-1]):
            assert api.load(*chosen, days=2).errors == {}
            assert api.rows("select id, name from orders") == [(1, "new")]


@pytest.mark.parametrize(("bad", "fails"), [(1, False), (2, True)])
def test_a_share_of_rejected_rows_fails_the_resource_alone(api: Api, bad: int, fails: bool) -> None:
    records = [order(number, name=None if number < bad else "x", lines=[{"id": 1}]) for number in range(100)]
    report = api.load(*records, max_rejected=0.01)
    assert list(report.errors) == (["orders"] if fails else [])
    assert api.rows("select count(*) from lines") == [(100,)]
    if fails:
        assert isinstance(report.errors["orders"], ContractBroken)
        assert "orders: 2 of 100 records were rejected, max_rejected is 0.01" in str(report.errors["orders"])
        assert api.rows("select count(*) from rejected_rows") == [(0,)]
    else:
        assert api.rows("select count(*) from orders") == [(99,)]


@pytest.mark.parametrize("percent", [0, 1, 7, 14, 28, 29, 55, 57, 58, 100])
def test_the_share_that_is_allowed_is_allowed(api: Api, percent: int) -> None:
    resource = api.shop(max_rejected=percent / 100).resource("orders")

    def result_of(bad: int) -> ContractResult:
        rows = tuple(RejectedRow(row, "", ("bad",), "{}") for row in range(bad))
        return ContractResult(pa.table({"id": range(bad, 100)}), range(bad, 100), rows)

    slice_ = Slice("orders/all")
    LoadMetrics(resource, [slice_]).add([slice_], [0] * 100, result_of(percent))
    if percent < 100:
        with pytest.raises(ContractBroken, match=rf"{percent + 1} of 100 records were rejected"):
            LoadMetrics(resource, [slice_]).add([slice_], [0] * 100, result_of(percent + 1))


def test_columns_come_and_stay(api: Api) -> None:
    assert api.load(order(1)).errors == {}
    assert api.load(order(1), order(2, note={"by": "me"}, rank=1)).errors == {}
    assert (
        api.load(order(3, note=["a"], rank=None), order(4, note={"by": "you", "on": "2026-01-01"})).errors
        == {}
    )
    assert api.load(order(5, rank="first"), order(6)).errors == {}
    described = api.place.columns("orders")
    new = {"note__by": "text", "rank": "bigint", "note": "json", "note__on": "text"}
    assert {name: described[name] for name in new} == {
        name: api.place.type_of(data_type=kind) for name, kind in new.items()
    }
    rows = api.rows("select id, note__by, rank, note from orders order by 1")
    assert [(*row[:3], parsed(row[3])) for row in rows] == [
        (1, None, None, None),
        (2, "me", 1, None),
        (3, None, None, ["a"]),
        (4, "you", None, None),
        (6, None, None, None),
    ]
    assert api.rows("select primary_key, reasons from rejected_rows") == [
        ("5", "rank: 'first' is not a whole number of 64 bits")
    ]


@pytest.mark.parametrize("policy", ["discard_value", "freeze"])
def test_an_undeclared_field_is_discarded_or_fails_its_resource_alone(api: Api, policy: str) -> None:
    report = api.load(order(1, rank=1, lines=[{"id": 1, "more": 1}]), order(2), policy=policy)
    assert list(report.errors) == (["orders"] if policy == "freeze" else [])
    assert api.rows("select order_id, id, more from lines") == [(1, 1, 1)]
    if policy == "discard_value":
        assert report.resources["orders"].discarded == {"rank": 1}
        assert api.rows("select count(*) from orders") == [(2,)]


def test_an_object_keyed_by_sku_fails_its_resource_alone(api: Api) -> None:
    stock = {f"S{number}": {"left": number} for number in range(20_000)}
    report = api.load(order(1, stock=stock, lines=[{"id": 1}]), order(2))
    assert list(report.errors) == ["orders"]
    assert "orders: the object stock has 20000 different names" in str(report.errors["orders"])
    assert api.rows("select order_id, id from lines") == [(1, 1)]


def test_no_key_is_null_and_each_is_once(api: Api) -> None:
    keys = [1, "1", 2.0, None, "", "x", True, [1], {"id": 1}, 2**64]
    api.load(*(order(key, lines=[{"id": inner} for inner in keys]) for key in keys))
    assert api.rows("select id, count(*) from orders group by 1 order by 1") == [(1, 1), (2, 1)]
    assert api.rows("select order_id, id, count(*) from lines group by 1, 2 order by 1, 2") == [
        (1, 1, 1),
        (1, 2, 1),
        (2, 1, 1),
        (2, 2, 1),
    ]
    ((kept, rejected_rows, fetched),) = api.rows(
        "select sum(kept), sum(rejected), sum(fetched) from load_ledger"
    )
    assert kept + rejected_rows == fetched == 10 + 100
    assert api.rows("select count(*) from rejected_rows") == [(rejected_rows,)]
