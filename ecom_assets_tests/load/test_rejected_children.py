"""Children and nested lists of which records are rejected: all of them, or those whose keys repeat."""

from __future__ import annotations

from typing import Any

import pytest

from ecom_assets import rest_api_shop
from ecom_assets.load.run import RunReport, run_load
from ecom_assets_tests.support.servers.loopback import Loopback, json_reply
from ecom_assets_tests.support.servers.loopback import api as api
from ecom_assets_tests.support.warehouses.engines import Place
from ecom_assets_tests.support.warehouses.engines import place as place

CHILDREN: dict[str, dict[str, Any]] = {
    "endpoint": {"endpoint": "orders/{resources.orders.id}/notes"},
    "nested list": {"rows_from": {"resource": "orders", "path": "notes"}},
}


@pytest.mark.parametrize("source", CHILDREN)
def test_a_misspelt_key_of_a_child_leaves_its_table_as_it_was(
    api: Loopback, place: Place, source: str
) -> None:
    notes = [{"number": 1}, {"number": 2}]
    api.answering = lambda seen: json_reply([{"id": 7, "notes": notes}] if seen.path == "/orders" else notes)

    def load(**more: Any) -> RunReport:
        child = {"name": "notes", **CHILDREN[source], "include_from_parent": ["id"], **more}
        config = {
            "client": {"base_url": api.base_url, "paginator": "single_page"},
            "resource_defaults": {"primary_key": "id"},
            "resources": ["orders", child],
        }
        shop = rest_api_shop(place.dataset, config)
        return run_load(shop, ["orders", "notes"], warehouse=place.warehouse())

    assert load(primary_key=["_orders_id", "number"]).errors == {}
    report = load(primary_key=["_orders_id", "nmuber"])
    assert list(report.errors) == ["notes"]
    assert "all 2 records of the list were rejected, the first one because of: nmuber" in str(report.errors)
    assert place.rows("select _orders_id, number from notes order by 2") == [(7, 1), (7, 2)]
    assert load(primary_key=["_orders_id", "nmuber"], max_rejected=1).errors == {}


@pytest.mark.parametrize(("key", "is_told"), [("number", True), (["_orders_id", "number"], False)])
@pytest.mark.parametrize("source", CHILDREN)
def test_keys_that_begin_anew_in_each_parent_and_fields_that_no_parent_has_are_told_of(
    api: Loopback, place: Place, source: str, key: Any, is_told: bool
) -> None:
    """Two thirds of the records were rejected as duplicates, or a column was missing, and nobody was told why."""
    notes, said = [{"number": 1}, {"number": 2}], list[str]()
    orders = [{"id": number, "notes": notes} for number in (7, 8, 9)]
    api.answering = lambda seen: json_reply(orders if seen.path == "/orders" else notes)
    fields = ["id"] if is_told else ["id", "nmae"]
    child = {"name": "notes", **CHILDREN[source], "include_from_parent": fields, "primary_key": key}
    config = {
        "client": {"base_url": api.base_url, "paginator": "single_page"},
        "resource_defaults": {"primary_key": "id"},
        "resources": ["orders", child],
    }
    shop = rest_api_shop(place.dataset, config)
    assert run_load(shop, ["orders", "notes"], warehouse=place.warehouse(), progress=said.append).errors == {}
    advice = (
        "notes: 4 of 6 records were rejected, because another one has their primary key (number). If each record of "
        "orders has keys of its own, add a field of include_from_parent to primary_key"
    )
    other = (
        "notes: no record of orders had a value in nmae, so no row has one: check the spelling in "
        "include_from_parent"
    )
    assert [line for line in said if "orders ha" in line] == [advice if is_told else other]
    assert len(place.table("notes")) == (2 if is_told else 6)


def test_rows_of_outdated_copies_of_a_record_do_not_fail_a_nested_list(api: Loopback, place: Place) -> None:
    """An order comes a second time, with its key written in another way, and has no notes any more."""
    orders = [{"id": 7, "notes": [{"number": 1}, {"number": 2}]}, {"id": "7", "notes": []}]
    api.answering = lambda _: json_reply(orders)
    child = {"name": "notes", **CHILDREN["nested list"], "include_from_parent": ["id"]}
    config = {
        "client": {"base_url": api.base_url, "paginator": "single_page"},
        "resource_defaults": {"primary_key": "id"},
        "resources": [
            {"name": "orders", "endpoint": "orders", "columns": {"id": {"data_type": "bigint"}}},
            {**child, "primary_key": ["_orders_id", "number"]},
        ],
    }
    shop = rest_api_shop(place.dataset, config)
    report = run_load(shop, ["orders", "notes"], warehouse=place.warehouse())
    assert report.errors == {}
    assert [window.rejected for window in report.resources["notes"].windows] == [2]
    assert place.rows("select id from orders") == [(7,)]
