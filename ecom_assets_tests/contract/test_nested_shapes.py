"""Nested lists of single values, lists in lists, and maps by id as rows of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ecom_assets.contract.nested_values import explode
from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.check.api_check import check
from ecom_assets.load.run import run_load
from ecom_assets_tests.extract.answers.test_record_shapes import load
from ecom_assets_tests.support.examples import slowly
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

ORDERS = [
    {
        "id": 1,
        "at": "2026-01-01T10:00:00Z",
        "found": {"tags": ["a", "b", "a"], "cells": [[1, 2], [], [3]], "left": {}},
    },
    {"id": 2, "at": "2026-01-02T10:00:00Z", "found": {"tags": [], "cells": [], "left": {"A1": 5, "B2": 7}}},
    {"id": 3, "at": "2026-01-03T10:00:00Z", "found": {"tags": "c", "cells": None, "left": []}},
    {"id": 4, "at": "2026-01-03T11:00:00Z", "found": None},
]
ID = {"data_type": "bigint", "path": "_orders_id"}


def shop_of(
    loopback: Loopback, rows_from: dict[str, Any], columns: dict[str, Any], *, windowed: bool
) -> Shop:
    incremental = {"cursor_path": "at", "start_param": "from", "end_param": "to"} if windowed else None
    return Shop.model_validate(
        {
            "name": "testshop",
            "client": {
                "base_url": loopback.base_url,
                "paginator": {"type": "page_number", "base_page": 1, "total_path": "total"},
            },
            "policy": {"max_retries": 0},
            "partitions": {"every": "day", "start": "2026-01-01"},
            "resources": [
                {
                    "name": "orders",
                    "primary_key": "id",
                    "endpoint": {"path": "orders", "data_selector": "data", "incremental": incremental},
                    "columns": {"id": {"data_type": "bigint"}, "at": {"data_type": "timestamp"}},
                },
                {
                    "name": "parts",
                    "rows_from": {"resource": "orders", **rows_from},
                    "include_from_parent": ["id"],
                    "primary_key": [
                        "order_id",
                        *(name for name in ("place", "spot", "sku") if name in columns),
                    ],
                    "columns": {"order_id": ID, **columns},
                    # in some of these lists, no element is usable
                    "max_rejected": 1,
                },
            ],
        }
    )


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    def answer(seen: Seen) -> Reply:
        query = dict(seen.query)
        rows = [row for row in ORDERS if query.get("from", "") <= str(row["at"]) < query.get("to", "9")]
        first = 2 * int(query["page"]) - 2
        return json_reply({"data": rows[first : first + 2], "total": len(rows)})

    with serving() as running:
        running.answering = answer
        yield running


PLACE = {"place": {"data_type": "bigint"}}
CASES: list[tuple[dict[str, Any], dict[str, Any], list[Any]]] = [
    (
        {"path": "found.tags", "value": "tag", "position": "place"},
        {**PLACE, "tag": {"data_type": "text"}},
        [(1, 0, "a"), (1, 1, "b"), (1, 2, "a"), (3, 0, "c")],
    ),
    (
        {"path": "found.cells", "value": "cell", "position": ["place", "spot"]},
        {**PLACE, "spot": {"data_type": "bigint"}, "cell": {"data_type": "bigint"}},
        [(1, 0, 0, 1), (1, 0, 1, 2), (1, 2, 0, 3)],
    ),
    (
        {"path": "found.cells", "value": "cell", "position": "place"},
        {**PLACE, "cell": {"data_type": "json"}},
        [(1, 0, "[1,2]"), (1, 1, "[]"), (1, 2, "[3]")],
    ),
    (
        {"path": "found.left", "value": "left_over", "map_key": "sku"},
        {"sku": {"data_type": "text"}, "left_over": {"data_type": "bigint"}},
        [(2, "A1", 5), (2, "B2", 7)],
    ),
]


@pytest.mark.parametrize(
    ("rows_from", "columns", "rows", "windowed"),
    [
        *((*case, False) for case in CASES),
        (*CASES[0], True),
        *slowly((*case, True) for case in CASES[1:]),
    ],
)
def test_elements_become_rows(
    loopback: Loopback, place: Place, rows_from: Any, columns: Any, rows: Any, windowed: bool
) -> None:
    shop = shop_of(loopback, rows_from, columns, windowed=windowed)
    for _ in range(2):
        report = load(shop, place.warehouse())
        assert report.errors == {}
    names = ", ".join(["order_id", *columns])
    assert place.rows(f"select {names} from testshop.parts order by all") == rows
    assert sum(window.rejected for window in report.resources["parts"].windows) == 0
    assert [entry.detail for entry in check(shop) if entry.result == "failed"] == []


def test_what_is_no_inner_list_is_its_only_element() -> None:
    """An API that shortens `[[7, 8]]` to `[7, 8]`, or even to 7, loses no row, and each has a key of its own."""
    cells = [[[1, 2], 5, "x", {"a": 1}, None, []], [7, 8], 9]
    rows_from = {"path": "found.cells", "value": "cell", "position": ["line", "spot"]}
    columns = {**{name: {"data_type": "bigint"} for name in ("line", "spot")}, "cell": {"data_type": "json"}}
    with serving() as loopback:
        resource, root = shop_of(loopback, rows_from, columns, windowed=False).resources[::-1]
    orders = [{"id": number, "found": {"cells": found}} for number, found in enumerate(cells)]
    rows, orders_of_rows = explode(orders, resource, root)
    found = [(row["line"], row["spot"], row.get("cell", row.get("a"))) for row in rows]
    assert list(zip(orders_of_rows, found, strict=True)) == [
        (0, (0, 0, 1)),
        (0, (0, 1, 2)),
        (0, (1, 0, 5)),
        (0, (2, 0, "x")),
        (0, (3, 0, 1)),
        (1, (0, 0, 7)),
        (1, (1, 0, 8)),
        (2, (0, 0, 9)),
    ]


def test_undeclared_values_are_rejected_and_named_by_the_check(loopback: Loopback, place: Place) -> None:
    columns = {**PLACE, "tag": {"data_type": "text"}}
    shop = shop_of(loopback, {"path": "found.tags", "position": "place"}, columns, windowed=False)
    report = load(shop, place.warehouse())
    assert sum(window.rejected for window in report.resources["parts"].windows) == 4
    found = {entry.detail for entry in check(shop) if entry.resource == "parts" and entry.what == "list"}
    assert any("declare rows_from.value, the field that takes them" in text for text in found)
    shop = shop_of(loopback, {"path": "found.left"}, {"sku": {"data_type": "text"}}, windowed=False)
    found = {entry.detail for entry in check(shop) if entry.resource == "parts" and entry.what == "list"}
    assert any("declare rows_from.map_key, the field that takes the names" in text for text in found)


@pytest.mark.parametrize(("rows_from", "columns", "rows"), CASES)
def test_personal_data_in_values_is_hashed(
    loopback: Loopback, place: Place, rows_from: Any, columns: Any, rows: Any
) -> None:
    """In a list, in lists in a list, and in a map."""
    name = rows_from["value"]
    hashed = {**columns, name: {"data_type": "text", "pii": "hash"}}
    shop = shop_of(loopback, rows_from, hashed, windowed=False)
    run_load(shop, ["parts"], warehouse=place.warehouse(), secrets={"pii_key": "k" * 32})
    found = place.rows(f"select {name} from testshop.parts")
    # a list in a list stays one, of hashed values
    expected = [row for row in rows if not str(row[-1]).startswith("[")]
    assert sum(len(value) == 64 for (value,) in found) == len(expected)
    assert not {str(row[-1]) for row in rows if row[-1] != "[]"} & {value for (value,) in found}
