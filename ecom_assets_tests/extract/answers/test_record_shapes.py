"""Records in other shapes than a list of objects: maps by id, wrapped records, single values, JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.check.api_check import check
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.support.examples import slowly
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.servers.raw_answers import HangUp, head, ok, raw_server
from ecom_assets_tests.support.warehouses.engines import Place

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
Row = dict[str, Any]
Shape = Callable[[list[Row], int], Any]
"""Makes the value of `data` from the records of a page and its first position."""


def record(number: int) -> Row:
    return {"sku": f"A{number}", "stock": 10 * number, "at": f"2026-01-0{number % 3 + 1}T10:00:00Z"}


def without_key(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "sku"}


def numbered(rows: list[Row], first: int) -> Any:
    return {str(first + number): row for number, row in enumerate(rows)}


def numbered_after_a_list(rows: list[Row], first: int) -> Any:
    """As PHP writes it: a list if the numbers begin with 0, and if it is empty."""
    return rows if first == 0 else numbered(rows, first) or []


SHAPES: Mapping[str, tuple[Any, Shape]] = {
    "numbered": ("numbered", numbered),
    "numbered after a list": ("numbered", numbered_after_a_list),
    "map": ("map", lambda rows, first: {row["sku"]: row for row in rows}),
    "map_key": ({"map_key": "sku"}, lambda rows, first: {row["sku"]: without_key(row) for row in rows}),
    "wrapper": ({"wrapper": "thing"}, lambda rows, first: [{"thing": row} for row in rows]),
    "wrapped map": (
        {"map_key": "sku", "wrapper": "thing"},
        lambda rows, first: {row["sku"]: {"thing": without_key(row)} for row in rows},
    ),
    "numbered and wrapped": (
        {"form": "numbered", "wrapper": "thing"},
        lambda rows, first: numbered([{"thing": row} for row in rows], first),
    ),
}


class Api:
    """Seven things in pages of three, as a whole or by their time."""

    def __init__(self, loopback: Loopback, shape: Shape, numbers: int = 7) -> None:
        self.shape = shape
        self.rows = [record(number) for number in range(numbers)]
        self.base_url = loopback.base_url
        loopback.answering = self.answer

    def page(self, seen: Seen) -> tuple[list[Row], int, int]:
        query = dict(seen.query)
        low, high = query.get("from", ""), query.get("to", "9")
        rows = [row for row in self.rows if low <= row["at"] < high]
        first = 3 * int(query.get("page", 1)) - 3
        return rows[first : first + 3], first, len(rows)

    def answer(self, seen: Seen) -> Reply:
        rows, first, total = self.page(seen)
        return json_reply({"data": self.shape(rows, first), "total": total})


def shop_of(base_url: str, endpoint: Mapping[str, Any], *, windowed: bool = False, **resource: Any) -> Shop:
    incremental = {"cursor_path": "at", "start_param": "from", "end_param": "to"} if windowed else None
    return Shop.model_validate(
        {
            "name": "testshop",
            "client": {
                "base_url": base_url,
                "paginator": {"type": "page_number", "base_page": 1, "total_path": "total"},
            },
            "policy": {"max_retries": 0},
            "partitions": {"every": "day", "start": "2026-01-01"},
            "resources": [
                {
                    "name": "things",
                    "primary_key": "sku",
                    "endpoint": {
                        "path": "things",
                        "data_selector": "data",
                        "incremental": incremental,
                        **endpoint,
                    },
                    "columns": {
                        "sku": {"data_type": "text"},
                        "stock": {"data_type": "bigint"},
                        "at": {"data_type": "timestamp"},
                    },
                    **resource,
                },
            ],
        }
    )


def load(shop: Shop, warehouse: Any) -> RunReport:
    windows: tuple[Window, ...] = ()
    if shop.partitions and shop.tables[0].windowed:
        windows = windows_between(shop.partitions, START, START + timedelta(days=3))
    return run_load(shop, [entry.name for entry in shop.tables], windows, warehouse=warehouse)


def failed(shop: Shop) -> dict[str, str]:
    return {entry.what: entry.detail for entry in check(shop) if entry.result == "failed"}


EVERYTHING = [(f"A{number}", 10 * number) for number in range(7)]


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with serving() as running:
        yield running


@pytest.mark.parametrize(
    ("name", "windowed"),
    [
        *((name, False) for name in SHAPES),
        ("numbered", True),
        *slowly((name, True) for name in SHAPES if name != "numbered"),
    ],
)
def test_a_declared_shape_loads(loopback: Loopback, place: Place, name: str, windowed: bool) -> None:
    declared, shape = SHAPES[name]
    api = Api(loopback, shape)
    shop = shop_of(api.base_url, {"records": declared}, windowed=windowed)
    assert load(shop, place.warehouse()).errors == {}
    assert place.rows("select sku, stock from testshop.things order by sku") == EVERYTHING
    assert failed(shop) == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("numbered", "an object whose names are numbers (0, 1, 2): declare records: numbered"),
        ("map_key", "A0, A1, A2: if these are ids of records, declare records: {map_key: the field"),
        ("wrapper", "a list of objects with thing alone: declare records: {wrapper: thing}"),
        ("wrapped map", "declare records: {map_key: the field"),
    ],
)
def test_an_undeclared_shape_is_named(loopback: Loopback, place: Place, name: str, text: str) -> None:
    """By a load and by the check; the rows of the load before stay."""
    declared, shape = SHAPES[name]
    api = Api(loopback, shape)
    assert load(shop_of(api.base_url, {"records": declared}), place.warehouse()).errors == {}
    shop = shop_of(api.base_url, {})
    assert text in str(load(shop, place.warehouse()).errors["things"])
    assert text in failed(shop)["reached"]
    assert len(place.rows("select * from testshop.things")) == 7


def test_a_selector_into_wrapped_records(loopback: Loopback, place: Place) -> None:
    """On pages of one record, too, and in windows without any."""
    api = Api(loopback, SHAPES["wrapper"][1])
    api.rows = [row for row in api.rows if row["at"] < "2026-01-02"] + [record(1)]
    shop = shop_of(api.base_url, {"data_selector": "data[*].thing"}, windowed=True)
    assert load(shop, place.warehouse()).errors == {}
    assert place.rows("select sku from testshop.things order by sku") == [("A0",), ("A1",), ("A3",), ("A6",)]


@pytest.mark.parametrize(
    "endpoint",
    [{"data_selector": "data[*].thing"}, {"records": {"wrapper": "thing"}}],
    ids=["path", "wrapper"],
)
def test_an_element_without_the_record_is_rejected(
    loopback: Loopback, place: Place, endpoint: Mapping[str, Any]
) -> None:
    def shape(rows: list[Row], first: int) -> Any:
        return [{"thing": row} if row["sku"] != "A4" else {"sku": "A4", "error": "no"} for row in rows]

    api = Api(loopback, shape)
    report = load(shop_of(api.base_url, endpoint), place.warehouse())
    assert report.errors == {}
    assert place.rows("select sku from testshop.things order by sku") == [
        (f"A{no}",) for no in (0, 1, 2, 3, 5, 6)
    ]
    ((reasons, rejected),) = place.rows("select reasons, record from testshop.rejected_rows")
    assert "the element has no object thing" in str(reasons)
    assert json.loads(rejected) == [{"sku": "A4", "error": "no"}]


def test_fields_of_the_paginator_beside_records_are_no_records(loopback: Loopback, place: Place) -> None:
    api = Api(loopback, SHAPES["map_key"][1])

    def answer(seen: Seen) -> Reply:
        rows, first, total = api.page(seen)
        return json_reply({**api.shape(rows, first), "total": total})

    loopback.answering = answer
    shop = shop_of(api.base_url, {"data_selector": "$", "records": {"map_key": "sku"}})
    assert load(shop, place.warehouse()).errors == {}
    assert place.rows("select sku, stock from testshop.things order by sku") == EVERYTHING


@pytest.mark.parametrize(
    ("records", "data", "text"),
    [
        ("numbered", {"0": {"sku": "A"}, "B2": {"sku": "B"}}, "found an object with B2 among its names"),
        (
            {"map_key": "sku"},
            {"A1": {"sku": "B2"}},
            "the record 'A1' with another value in its own field sku",
        ),
        ({"map_key": "sku"}, [{"stock": 1}], "found list where records: map expects an object"),
        ("map", "none", "found str where records: map expects an object"),
        ("map", None, "found nothing in a 200 answer"),
        ("numbered", {"error": "the session is over"}, "found error and no record in an object"),
    ],
)
def test_another_shape_than_the_declared_one_fails(
    loopback: Loopback, tmp_path: Path, records: Any, data: Any, text: str
) -> None:
    loopback.replies = [json_reply({"data": data, "total": 2})]
    shop = shop_of(loopback.base_url, {"records": records})
    assert text in str(load(shop, DuckDbWarehouse(tmp_path / "w.duckdb")).errors["things"])


def test_an_object_without_fields_is_a_rejected_record(loopback: Loopback, place: Place) -> None:
    api = Api(loopback, lambda rows, first: [{}] if first == 6 else rows)
    report = load(shop_of(api.base_url, {}), place.warehouse())
    assert report.errors == {}
    assert place.rows("select count(*) from testshop.things") == [(6,)]
    assert place.rows("select reasons from testshop.rejected_rows") == [
        ("sku: null, but part of the primary key",)
    ]


def test_several_lists_of_records_are_one_selector_away(loopback: Loopback) -> None:
    """`groups[*].items` finds a list for each group, of which dlt takes the first one."""
    api = Api(loopback, lambda rows, first: [rows[:1], rows[1:]])
    said = failed(shop_of(api.base_url, {}))["reached"]
    assert "found several lists of records: write [*] at its end, for the records of all of them" in said


def test_single_values_as_records(loopback: Loopback, place: Place) -> None:
    """A list of values, and a map of values by id."""
    columns = {"sku": {"data_type": "text"}, "stock": {"data_type": "bigint"}}
    api = Api(loopback, lambda rows, first: [row["sku"] for row in rows])
    shop = shop_of(api.base_url, {"records": {"value": "sku"}}, columns=columns)
    assert load(shop, place.warehouse()).errors == {}
    assert len(place.rows("select sku from testshop.things")) == 7
    assert (
        "declare records: {value: the field" in failed(shop_of(api.base_url, {}, columns=columns))["reached"]
    )
    api.shape = lambda rows, first: {row["sku"]: row["stock"] for row in rows}
    shop = shop_of(api.base_url, {"records": {"map_key": "sku", "value": "stock"}}, columns=columns)
    assert load(shop, place.warehouse()).errors == {}
    assert place.rows("select sku, stock from testshop.things order by sku") == EVERYTHING


def lines_reply(rows: list[Row], content_type: str, end: str = "\n") -> Reply:
    body = "".join(json.dumps(row) + end for row in rows)
    return Reply(200, body, {"Content-Type": content_type, "X-Total": "7"})


LINES = {"data_selector": "$", "paginator": {"type": "page_number", "base_page": 1, "total_path": None}}


@pytest.mark.parametrize(
    ("content_type", "declared", "windowed"),
    [
        ("application/x-ndjson", {}, True),
        ("application/x-ndjson", {}, False),
        ("application/jsonl; charset=utf-8", {}, False),
        ("application/json-lines", {}, False),
        ("text/plain", {"records": "lines"}, False),
        ("application/json", {"records": "lines"}, False),
        ("application/json", {"records": "lines"}, True),
    ],
)
def test_json_lines(
    loopback: Loopback, place: Place, content_type: str, declared: Mapping[str, Any], windowed: bool
) -> None:
    """Of several pages, of one record, and of none at the end."""
    api = Api(loopback, numbered)
    loopback.answering = lambda seen: lines_reply(api.page(seen)[0], content_type, "\r\n\n")
    shop = shop_of(api.base_url, {**LINES, **declared}, windowed=windowed)
    assert load(shop, place.warehouse()).errors == {}
    assert place.rows("select sku, stock from testshop.things order by sku") == EVERYTHING
    assert failed(shop) == {}


def test_json_lines_that_nobody_declared(loopback: Loopback, tmp_path: Path) -> None:
    loopback.replies = [lines_reply([record(1), record(2)], "application/json")]
    shop = shop_of(loopback.base_url, LINES)
    text = "Its first lines are JSON: declare records: lines"
    assert text in str(load(shop, DuckDbWarehouse(tmp_path / "w.duckdb")).errors["things"])
    assert text in failed(shop)["reached"]


def test_a_broken_line_fails(loopback: Loopback, tmp_path: Path) -> None:
    loopback.replies = [Reply(200, '{"sku": "A1"}\n{"sku": "A', {"Content-Type": "application/x-ndjson"})]
    error = load(shop_of(loopback.base_url, LINES), DuckDbWarehouse(tmp_path / "w.duckdb")).errors["things"]
    assert "line 2 of the body is not JSON" in str(error)


@pytest.mark.parametrize("has_length", [True, False])
def test_lines_without_an_end_confirm_nothing(tmp_path: Path, has_length: bool) -> None:
    """Without a length, nobody can tell lines from the first part of more lines."""
    body = b'{"sku": "A1"}\n{"sku": "A2"}\n'
    length = f"Content-Length: {len(body)}" if has_length else "Connection: close"
    answer = head("200 OK", "Content-Type: application/x-ndjson", length) + body

    def answering(path: str) -> Iterator[bytes | float]:
        if "page=2" in path:
            yield ok("", "Content-Type: application/x-ndjson")
            return
        yield answer
        if not has_length:
            raise HangUp

    paginator = {"type": "page_number", "base_page": 1, "total_path": None}
    with raw_server(answering) as server:
        shop = shop_of(f"http://{server.host}", {"data_selector": "$", "paginator": paginator})
        report = load(shop, DuckDbWarehouse(tmp_path / "w.duckdb"))
    assert report.errors == {}
    assert (report.resources["things"].windows[0].confirmed_by == "nothing") == (not has_length)
