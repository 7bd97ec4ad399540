"""The requests and tables that dlt's spellings make: forms, auth by endpoint, functions, older parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from dlt.sources.rest_api import rest_api_source
from requests import Response

from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets.extract.check.api_check import check
from ecom_assets.extract.windows import Window
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.orchestration.assets import shop_assets
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, json_reply
from ecom_assets_tests.support.servers.loopback import api as api
from ecom_assets_tests.support.warehouses.engines import Place

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
DAY = Window("2026-03-01", START, START + timedelta(days=1))
KEY = {"data_type": "bigint", "nullable": False}
ORDER = {"id": 7, "at": "2026-03-01T10:00:00Z"}
AT = {"data_type": "timestamp", "nullable": False}


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """Return an empty place with the shop's dataset."""
    return replace(new_place(), dataset="acme")


def load_file(folder: Path, text: str, api: Loopback) -> Shop:
    """Return the shop of a file that points to the server."""
    file = folder / "acme.yaml"
    file.write_text(text.replace("BASE_URL", api.base_url), "utf-8")
    return load_shop(file)


def run(shop: Shop, place: Place, *names: str, windows: tuple[Window, ...] = (), **secrets: str) -> RunReport:
    """Load resources."""
    return run_load(shop, list(names), windows, secrets=secrets, warehouse=place.warehouse())


def in_python(api: Loopback, endpoint: dict[str, Any], *, windowed: bool = False, **client: Any) -> Shop:
    """Return a shop with the resource orders, as Python declares it."""
    incremental = {"cursor_path": "at", "start_param": "from", **endpoint.pop("incremental", {})}
    return Shop.model_validate(
        {
            "name": "acme",
            "client": {"base_url": api.base_url, "paginator": "single_page", **client},
            "policy": {"max_retries": 0},
            "partitions": {"start": START},
            "resources": [
                {
                    "name": "orders",
                    "primary_key": "id",
                    "endpoint": {
                        "path": "orders",
                        "data_selector": "data",
                        **({"incremental": incremental} if windowed else {}),
                        **endpoint,
                    },
                    "columns": {"id": KEY, "at": AT},
                }
            ],
        }
    )


def test_data_is_sent_as_a_form_with_its_placeholders(api: Loopback, place: Place) -> None:
    api.replies = [json_reply({"data": [ORDER]})]
    endpoint = {
        "method": "POST",
        "data": {"since": "{incremental.start_value}", "open": True, "tag": ["a", "b c"], "literal": "{{x}}"},
        "incremental": {"start_param": None},
    }
    assert run(in_python(api, endpoint, windowed=True), place, "orders", windows=(DAY,)).errors == {}
    (seen,) = api.seen
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert seen.body == "since=2026-03-01T00%3A00%3A00Z&open=true&tag=a&tag=b+c&literal=%7Bx%7D"


def test_data_of_a_child_is_sent_for_each_parent(api: Loopback, place: Place, tmp_path: Path) -> None:
    orders, refunds = [{"id": 1}, {"id": 2}], [{"id": 5}]
    api.answering = lambda seen: json_reply({"data": orders if seen.path == "/orders" else refunds})
    text = """
name: acme
client: {base_url: "BASE_URL", paginator: single_page}
resource_defaults:
  primary_key: id
  endpoint: {data_selector: data}
  columns: {id: {data_type: bigint, nullable: false}}
resources:
- orders
- name: refunds
  primary_key: [order_id, id]
  endpoint: {path: search, method: POST, data: "order={resources.orders.id}"}
  include_from_parent: id
  columns: {order_id: {data_type: bigint, nullable: false, path: _orders_id}}
"""
    assert run(load_file(tmp_path, text, api), place, "orders", "refunds").errors == {}
    assert sorted(seen.body for seen in api.seen if seen.path == "/search") == ["order=1", "order=2"]
    assert place.rows("select order_id, id from refunds order by 1") == [(1, 5), (2, 5)]


def test_an_endpoint_is_signed_with_its_own_auth(api: Loopback, place: Place, tmp_path: Path) -> None:
    api.replies = [json_reply([{"id": 1}])]
    text = """
name: acme
client:
  base_url: "BASE_URL"
  auth: bearer
  paginator: single_page
resource_defaults: {primary_key: id, columns: [{name: id, data_type: bigint, primary_key: true}]}
resources:
- name: orders
- name: reports
  endpoint: {auth: {type: api_key, name: X-Report-Key, secret: report_key}, headers: {X-Page: reports}}
- name: status
  endpoint: {path: /status, auth: null}
"""
    shop = load_file(tmp_path, text, api)
    report = run(shop, place, "orders", "reports", "status", token="the-token", report_key="the-report-key")
    assert report.errors == {}
    by_path = {seen.path: seen.headers for seen in api.seen}
    assert by_path["/orders"]["authorization"] == "Bearer the-token"
    assert "authorization" not in by_path["/reports"]
    assert by_path["/reports"]["x-report-key"] == "the-report-key"
    assert by_path["/reports"]["x-page"] == "reports"
    assert not {"authorization", "x-report-key"} & by_path["/status"].keys()
    assert not [name for headers in by_path.values() for name in headers if name.startswith("x-ecom")]


def test_the_secret_of_an_endpoint_is_required_and_hidden(api: Loopback, place: Place) -> None:
    api.replies = [Reply(400, "the-report-key is wrong")]
    shop = in_python(api, {"auth": {"type": "api_key", "name": "X-Key", "secret": "report_key"}})
    report = run(shop, place, "orders", report_key="the-report-key")
    assert "status 400" in str(report.errors["orders"])
    assert "the-report-key" not in str(report.errors["orders"])
    findings = list(check(shop, {"report_key": "the-report-key"}))
    assert all(seen.headers["x-key"] == "the-report-key" for seen in api.seen)
    assert "the-report-key" not in str(findings)


def test_a_response_action_may_change_a_response_and_ignore_another(api: Loopback, place: Place) -> None:
    api.replies = [json_reply({"rows": [ORDER]})]
    seen_by: list[str] = []

    def rename(response: Response) -> None:
        seen_by.append("rename")
        response._content = response.content.replace(b"rows", b"data")

    actions = [rename, {"status_code": 200, "action": [lambda response: seen_by.append("second")]}]
    assert run(in_python(api, {"response_actions": actions}), place, "orders").errors == {}
    assert place.rows("select id from orders") == [(7,)]
    assert seen_by == ["rename", "second"]


def test_a_response_action_that_raises_fails_the_resource_in_one_line(api: Loopback, place: Place) -> None:
    def refuse(response: Response) -> None:
        raise ValueError(f"not\nthis: {len(response.content)}")

    report = run(
        in_python(api, {"response_actions": [{"content": "data", "action": refuse}]}), place, "orders"
    )
    assert str(report.errors["orders"]) == "GET /orders: response_actions[0] raised ValueError: not this: 12"


def test_convert_gets_the_bound_in_its_format(api: Loopback, place: Place) -> None:
    api.replies = [json_reply({"data": [ORDER]})]
    endpoint = {"incremental": {"format": "unix", "end_param": "to", "convert": lambda bound: bound + 1}}
    report = run(in_python(api, endpoint, windowed=True), place, "orders", windows=(DAY,))
    assert report.errors == {}
    seconds = int(START.timestamp())
    assert dict(api.seen[0].query) == {"from": str(seconds + 1), "to": str(seconds + 86401)}


def test_convert_that_raises_fails_the_resource_in_one_line(api: Loopback, place: Place) -> None:
    endpoint = {"incremental": {"convert": lambda bound: int(bound)}}
    report = run(in_python(api, endpoint, windowed=True), place, "orders", windows=(DAY,))
    text = str(report.errors["orders"])
    assert text.startswith("incremental.convert of '2026-03-01T00:00:00Z': ValueError")
    assert api.seen == []


OLDER = """
name: acme
client: {base_url: "BASE_URL", paginator: json_response}
partitions: {start: "2026-03-01"}
resource_defaults:
  primary_key: id
  columns: [{name: id, data_type: bigint, nullable: false}]
  schema_contract: evolve
resources:
- name: orders
  selected: false
  endpoint:
    path: orders
    data_selector: data
    params:
      status: any
      from: {type: incremental, cursor_path: $.at, initial_value: "2026-03-01T00:00:00+00:00"}
  columns: [{name: at, data_type: timestamp, nullable: false, dedup_sort: desc}]
- name: refunds
  primary_key: [order_id, id]
  endpoint:
    path: orders/{order}/refunds
    data_selector: data
    params: {order: {type: resolve, resource: orders, field: id}, all: true}
  include_from_parent: [id]
  columns: [{name: order_id, data_type: bigint, nullable: false, path: _orders_id}]
"""


def test_older_parameters_and_a_parent_that_is_not_selected(
    api: Loopback, place: Place, tmp_path: Path
) -> None:
    api.answering = lambda seen: json_reply({"data": [ORDER] if seen.path == "/orders" else [{"id": 1}]})
    shop = load_file(tmp_path, OLDER, api)
    assert [resource.name for resource in shop.tables] == ["refunds"]
    assert run(shop, place, "refunds", windows=(DAY,)).errors == {}
    assert [(seen.path, dict(seen.query)) for seen in api.seen] == [
        ("/orders", {"status": "any", "from": "2026-03-01T00:00:00Z"}),
        ("/orders/7/refunds", {"all": "true"}),
    ]
    assert place.rows("select order_id, id from refunds") == [(7, 1)]
    assert set(place.present(["orders", "refunds"])) == {"refunds"}


SAME = """
client:
  base_url: "BASE_URL"
  paginator: json_response
  headers: {X-Client: ecom}
resource_defaults:
  primary_key: id
  endpoint: {data_selector: data, params: {per: 5}}
  columns: [{name: id, data_type: bigint, nullable: false}]
resources:
- orders
- name: refunds
  endpoint:
    path: orders/{order}/refunds
    params: {order: {type: resolve, resource: orders, field: id}}
    headers: {X-Order: "{resources.orders.id}"}
- name: search
  endpoint: {method: POST, data: {text: shoes}, response_actions: [{status_code: 404, action: ignore}]}
- name: status
  endpoint: v1/status
"""
"""A configuration that dlt takes as it is."""


def test_the_requests_are_those_of_dlt(api: Loopback, place: Place, tmp_path: Path) -> None:
    answers = {
        ("/orders", ""): json_reply({"data": [{"id": 1}], "next": "/orders?page=2"}),
        ("/orders", "2"): json_reply({"data": [{"id": 2}]}),
        ("/search", ""): Reply(404),
    }
    api.answering = lambda seen: answers.get(
        (seen.path, dict(seen.query).get("page", "")), json_reply({"data": [{"id": 9}]})
    )

    def requests() -> set[tuple[Any, ...]]:
        names = ("x-client", "x-order", "content-type")
        found = {
            (
                seen.method,
                seen.path,
                tuple(seen.query),
                seen.body,
                *(seen.headers.get(name) for name in names),
            )
            for seen in api.seen
        }
        api.seen.clear()
        return found

    source = rest_api_source(yaml.safe_load(SAME.replace("BASE_URL", api.base_url)))
    dlt_rows = {name: len(list(resource)) for name, resource in source.resources.items()}
    by_dlt = requests()
    shop = load_file(tmp_path, f"name: acme\n{SAME}", api)
    assert run(shop, place, "orders", "refunds", "search", "status").errors == {}
    assert requests() == by_dlt
    assert len(by_dlt) == 6
    rows = {name: place.rows(f"select count(*) from {name}")[0][0] for name in dlt_rows}
    # the two lists of refunds have the same record
    assert (dlt_rows, rows) == (
        {"orders": 2, "refunds": 2, "search": 0, "status": 1},
        {"orders": 2, "refunds": 1, "search": 0, "status": 1},
    )


def test_a_resource_that_is_not_selected_has_no_asset_and_no_load(
    api: Loopback, place: Place, tmp_path: Path
) -> None:
    shop = load_file(tmp_path, OLDER, api)
    keys = {key.to_user_string() for assets in shop_assets(shop) for key in assets.keys}
    assert keys == {"acme/refunds"}
    (assets,) = shop_assets(shop)
    assert [list(spec.deps) for spec in assets.specs] == [[]]
    with pytest.raises(Exception, match="orders, which has no table"):
        run(shop, place, "orders", windows=(DAY,))


def test_a_file_that_extends_another_may_use_dlts_spellings(api: Loopback, tmp_path: Path) -> None:
    (tmp_path / "_base.yaml").write_text(
        OLDER.replace("name: acme\n", "").replace("BASE_URL", api.base_url), "utf-8"
    )
    layer = {
        "name": "acme",
        "extends": "_base.yaml",
        "resources": [
            {"name": "orders", "columns": [{"name": "total", "data_type": "decimal"}], "selected": True},
            "refunds",
        ],
    }
    file = tmp_path / "acme.yaml"
    file.write_text(yaml.safe_dump(layer), "utf-8")
    shop = load_shop(file)
    assert [column.name for column in shop.resource("orders").columns] == ["id", "at", "total"]
    refunds = shop.resource("refunds").endpoint
    assert refunds
    assert refunds.path == "orders/{resources.orders.id}/refunds"


NO_PAGINATOR = [
    (json_reply({"data": [ORDER], "next": "/orders?page=2"}), "{type: json_link, next_url_path: next}"),
    (json_reply({"data": [ORDER]}, link='</orders?page=2>; rel="next"'), "{type: header_link}"),
    (json_reply({"data": [ORDER], "meta": {"next": "abc"}}), "{type: cursor, cursor_path: meta.next}"),
    (json_reply({"data": [ORDER], "total_pages": 3}), "{type: page_number}"),
]


@pytest.mark.parametrize(("reply", "paginator"), NO_PAGINATOR)
def test_a_page_that_leads_on_fails_without_a_paginator(
    api: Loopback, place: Place, reply: Reply, paginator: str
) -> None:
    api.replies = [reply]
    shop = in_python(api, {}, paginator=None)
    report = run(shop, place, "orders")
    assert f"Declare paginator: {paginator}" in str(report.errors["orders"])
    findings = {finding.what: finding for finding in check(shop)}
    assert findings["paging"].detail == f"there are more pages: declare paginator: {paginator}"
    assert run(in_python(api, {}), place, "orders").errors == {}, "single_page says that this is everything"


@pytest.mark.parametrize(
    "reply",
    [
        json_reply({"data": [ORDER], "next": None}),
        json_reply({"data": [ORDER], "total_pages": 1}),
        json_reply({"data": [ORDER], "links": {"next": ""}}),
    ],
)
def test_the_only_page_loads_without_a_paginator(api: Loopback, place: Place, reply: Reply) -> None:
    api.replies = [reply]
    shop = in_python(api, {}, paginator=None)
    assert run(shop, place, "orders").errors == {}
    assert "paging" not in {finding.what for finding in check(shop)}


def test_max_table_nesting_0_keeps_undeclared_objects_as_json(api: Loopback, place: Place) -> None:
    api.replies = [
        json_reply({"data": [{**ORDER, "buyer": {"id": 3, "address": {"city": "Bonn"}}, "tags": ["a"]}]})
    ]
    shop = in_python(api, {})
    document = shop.resource("orders").model_copy(update={"max_table_nesting": 0})
    shop = shop.model_copy(update={"resources": (document,)})
    assert run(shop, place, "orders").errors == {}
    ((buyer, tags),) = place.rows("select buyer, tags from orders")
    assert yaml.safe_load(str(buyer)) == {"id": 3, "address": {"city": "Bonn"}}
    assert yaml.safe_load(str(tags)) == ["a"]
