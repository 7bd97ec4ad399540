"""Declared forms of an empty answer load as empty lists; a wrong selector and an error in a 200 still fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.check.api_check import check
from ecom_assets.extract.windows import Window
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.load.sweeps.delete_detection import detect_deletes
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
DAYS = tuple(
    Window(f"2026-03-0{day + 1}", START + timedelta(days=day), START + timedelta(days=day + 1))
    for day in range(3)
)
RECORDS = [{"id": number, "at": f"2026-03-02T0{number}:00:00Z"} for number in range(1, 4)]


class Orders:
    """Orders of the second day only; `empty` is the answer where there are none."""

    def __init__(self, loopback: Loopback, place: Place) -> None:
        self.place = replace(place, dataset="testshop")
        self.loopback = loopback
        self.records: list[Any] = RECORDS
        self.empty: Callable[[], Reply] = lambda: json_reply({"page": 1})
        self.full: Callable[[list[Any]], Reply] = lambda rows: json_reply({"page": 1, "items": rows})
        loopback.answering = self._answer

    def _answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        rows = [
            row for row in self.records if query.get("from", "2000") <= row["at"] < query.get("to", "2100")
        ]
        return self.full(rows) if rows else self.empty()

    def shop(self, paginator: dict[str, Any] | None = None, **endpoint: Any) -> Shop:
        return Shop.model_validate(
            {
                "name": "testshop",
                "client": {"base_url": self.loopback.base_url},
                "policy": {"max_retries": 0},
                "partitions": {"every": "day", "start": START},
                "resources": [
                    {
                        "name": "orders",
                        "primary_key": "id",
                        "deletes": {"by": "sweep"},
                        "endpoint": {
                            "path": "orders",
                            "data_selector": "items",
                            "paginator": paginator or {"type": "single_page"},
                            "incremental": {"cursor_path": "at", "start_param": "from", "end_param": "to"},
                            **endpoint,
                        },
                    }
                ],
            }
        )

    def run(self, shop: Shop, windows: tuple[Window, ...] = DAYS) -> RunReport:
        return run_load(shop, ["orders"], windows, warehouse=self.place.warehouse())


@pytest.fixture
def orders(place: Place) -> Iterator[Orders]:
    with serving() as loopback:
        yield Orders(loopback, place)


@pytest.mark.parametrize(
    ("form", "empty"),
    [
        ("missing", lambda: json_reply({"page": 1})),
        (["missing"], lambda: json_reply({})),
        ("null", lambda: json_reply({"page": 1, "items": None})),
        (None, lambda: json_reply(None)),
        ([[]], lambda: json_reply([])),
        ("{}", lambda: json_reply({"items": {}})),
        ("false", lambda: json_reply({"items": False})),
        (204, lambda: Reply(204)),
        ("204", lambda: Reply(200, b" ")),
    ],
)
def test_a_declared_form_is_an_empty_window(orders: Orders, form: Any, empty: Callable[[], Reply]) -> None:
    orders.empty = empty
    failed = orders.run(orders.shop(), DAYS[:1])
    assert set(failed.errors) == {"orders"}
    expected = "empty_answers: [" if form not in (204, "204") else "empty body"
    assert expected in str(failed.errors["orders"])
    declared = {} if form is None else {"empty_answers": form}
    if form is None:
        declared = {"empty_answers": [None]}
    shop = orders.shop(**declared)
    if form in ("missing", ["missing"]):
        shop = orders.shop(empty_answers=["missing", "{}"])
    assert orders.run(shop, DAYS[:1]).errors == {}
    assert orders.run(shop).errors == {}
    assert orders.place.rows("select id from orders order by 1") == [(1,), (2,), (3,)]
    findings = list(check(shop, now=START + timedelta(days=3)))
    assert [entry for entry in findings if entry.result == "failed"] == []
    undeclared = {entry.what: entry for entry in check(orders.shop(), now=START + timedelta(days=3))}
    assert undeclared["window"].result == "failed"


def test_a_total_and_a_cursor_may_be_left_out_as_well(orders: Orders) -> None:
    orders.full = lambda rows: json_reply({"items": rows, "count": len(rows), "next": None})
    orders.empty = lambda: json_reply({})
    for paginator in (
        {"type": "offset", "limit": 5, "total_path": "count"},
        {"type": "cursor", "cursor_path": "next", "total_path": "count"},
        {"type": "page_number", "base_page": 1, "total_path": "count"},
        {"type": "json_link", "next_url_path": "next"},
    ):
        assert orders.run(orders.shop(paginator, empty_answers=["missing", "{}"])).errors == {}, paginator


@pytest.mark.parametrize("windows", [DAYS, DAYS[:1]])
def test_a_wrong_selector_fails_although_the_list_may_be_left_out(
    orders: Orders, windows: tuple[Window, ...]
) -> None:
    shop = orders.shop(data_selector="itms", empty_answers=["missing", "{}"])
    error = str(orders.run(shop, windows).errors["orders"])
    assert (
        "orders: data_selector 'itms' found no list in any answer, and their keys are: items, page" in error
        or ("found no list in any answer" in error and len(windows) == 1)
    )
    assert orders.place.warehouse().exists() is False
    reached = [entry for entry in check(shop) if entry.what == "reached"]
    assert [entry.result for entry in reached] == ["failed"]


def test_an_error_in_place_of_the_list_fails(orders: Orders) -> None:
    orders.empty = lambda: json_reply({"page": 1, "message": "too many requests"})
    error = str(orders.run(orders.shop(empty_answers="missing")).errors["orders"])
    assert (
        "an answer has no list at data_selector 'items', but message, which no answer with a list has"
        in error
    )


def test_a_total_of_0_confirms_an_empty_list(orders: Orders) -> None:
    orders.records = []
    orders.empty = lambda: json_reply({"count": 0})
    paginator = {"type": "single_page", "total_path": "count"}
    assert orders.run(orders.shop(paginator, empty_answers="missing")).errors == {}
    orders.empty = lambda: json_reply({"count": 3})
    assert "it has 3 records, 0" in str(
        orders.run(orders.shop(paginator, empty_answers="missing")).errors["orders"]
    )


def test_a_sweep_that_sees_no_list_marks_nothing(orders: Orders) -> None:
    shop = orders.shop(empty_answers="missing")
    assert orders.run(shop).errors == {}
    orders.records = []
    with pytest.raises(Exception, match="found no list in any answer"):
        detect_deletes(shop, "orders", warehouse=orders.place.warehouse())
    assert orders.place.rows("select count(*) from orders where deleted_at is null") == [(3,)]


def test_the_lists_of_children_may_be_left_out(orders: Orders) -> None:
    def answer(seen: Seen) -> Reply:
        if seen.path == "/orders":
            return json_reply({"items": RECORDS})
        lines = [{"no": 1}, {"no": 2}]
        return json_reply({"lines": lines} if seen.path == "/orders/2/lines" else {})

    orders.loopback.answering = answer
    endpoint = {
        "path": "orders/{resources.orders.id}/lines",
        "data_selector": "lines",
        "empty_answers": "missing",
    }
    lines = {
        "name": "lines",
        "primary_key": ["_orders_id", "no"],
        "include_from_parent": ["id"],
        "endpoint": endpoint,
    }
    parent = {"name": "orders", "primary_key": "id", "endpoint": {"path": "orders", "data_selector": "items"}}

    def load(selector: str) -> RunReport:
        child = {
            **lines,
            "endpoint": {**endpoint, "data_selector": selector, "empty_answers": ["missing", "{}"]},
        }
        client = {"base_url": orders.loopback.base_url, "paginator": "single_page"}
        shop = Shop.model_validate({"name": "testshop", "client": client, "resources": [parent, child]})
        return run_load(shop, ["orders", "lines"], warehouse=orders.place.warehouse())

    assert load("lines").errors == {}
    assert orders.place.rows("select _orders_id, no from lines order by 2") == [(2, 1), (2, 2)]
    assert set(load("line").errors) == {"lines"}
    assert orders.place.rows("select count(*) from lines") == [(2,)]
