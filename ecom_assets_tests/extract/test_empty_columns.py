"""Declared columns that no record fills: `check` names the field that may be meant, and the asset check warns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.check.api_check import Finding, check
from ecom_assets.load.checks.finding import CheckedTable, examine
from ecom_assets.load.checks.table import declared_columns_filled
from ecom_assets.load.run import run_load
from ecom_assets_tests.support.servers.loopback import Loopback, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with serving() as running:
        yield running


def shop_with(loopback: Loopback, column: dict[str, Any], *records: dict[str, Any]) -> Shop:
    """Return a shop whose only optional column is `wanted`."""
    loopback.replies = [json_reply([{"id": number, **record} for number, record in enumerate(records)])]
    return Shop.model_validate(
        {
            "name": "testshop",
            "client": {"base_url": loopback.base_url, "paginator": "single_page"},
            "resources": [
                {
                    "name": "things",
                    "primary_key": "id",
                    "endpoint": {"path": "things"},
                    "columns": {"id": {"data_type": "bigint"}, "wanted": {"data_type": "text", **column}},
                }
            ],
        }
    )


def column_findings(shop: Shop) -> list[Finding]:
    return [finding for finding in check(shop) if finding.what == "column"]


@pytest.mark.parametrize(
    ("path", "record", "guess"),
    [
        ("user_id", {"userId": "a"}, "userId"),
        ("custmer.name", {"customer": {"name": "a"}}, "customer.name"),
        ("user.name", {"user.name": "a"}, "['user.name']"),
        ("größe", {"groesse": "a", "größen": "b"}, "größen"),
        ("price", {"order": {"price": "1"}}, "order.price"),
    ],
)
def test_check_names_the_field_that_may_be_meant(
    loopback: Loopback, path: str, record: dict[str, Any], guess: str
) -> None:
    (finding,) = column_findings(shop_with(loopback, {"path": path}, record, record))
    assert finding.result == "failed"
    assert finding.detail == (
        f"wanted: none of 2 records has {path}; it may be the field {guess}: declare path: {guess}"
    )


def test_a_field_that_is_null_or_unlike_any_other_is_no_fault(loopback: Loopback) -> None:
    assert column_findings(shop_with(loopback, {}, {"wanted": None})) == []
    assert column_findings(shop_with(loopback, {}, {"wanted": "a"}, {})) == []
    assert [entry.result for entry in column_findings(shop_with(loopback, {}, {"zzz": 1}))] == ["skipped"]


def test_a_path_may_be_a_list_of_names_with_dots(loopback: Loopback, place: Place) -> None:
    shop = shop_with(loopback, {"path": ["user.name", "first.x"]}, {"user.name": {"first.x": "a"}})
    place = replace(place, dataset="testshop")
    assert run_load(shop, ["things"], warehouse=place.warehouse()).errors == {}
    assert place.rows("select wanted from things") == [("a",)]


@pytest.mark.parametrize(("record", "passed"), [({"Wanted2": 1}, False), ({"wanted": "a"}, True)])
def test_the_asset_check_warns(
    loopback: Loopback, place: Place, record: dict[str, Any], passed: bool
) -> None:
    shop = shop_with(loopback, {}, record, {})
    place = replace(place, dataset="testshop")
    assert run_load(shop, ["things"], warehouse=place.warehouse()).errors == {}
    with place.warehouse().read("testshop") as transaction:
        found = examine(declared_columns_filled, CheckedTable(transaction, shop, shop.resource("things")))
    assert found.passed is passed
    assert passed or found.description.startswith("wanted: null in all 2 rows.")
