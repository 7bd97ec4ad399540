"""Answers that response actions ignore: no page of records is dropped, and no row is lost because of a refusal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.declaration.reading import load_shop
from ecom_assets.extract.check.api_check import check
from ecom_assets.foundation.errors import DeclarationError
from ecom_assets.load.run import run_load
from ecom_assets_tests.extract.test_source import load, loaded, shop_of
from ecom_assets_tests.extract.test_source import loopback as loopback
from ecom_assets_tests.support.servers import children_api
from ecom_assets_tests.support.servers.children_api import DAYS, Api, Loads
from ecom_assets_tests.support.servers.children_api import api as api
from ecom_assets_tests.support.servers.children_api import loads as loads
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, json_reply

ONE_PAGE = {"type": "single_page"}
FORBIDDEN = [{"status_code": 403, "action": "ignore"}]


@pytest.mark.parametrize(
    ("content", "field"),
    [("[]", []), ("{}", {}), ("no such page", "no such page"), ('"tags":[]', []), ('{"id":1}', {"id": 1})],
)
def test_a_page_that_contains_the_content_is_loaded(
    loopback: Loopback, tmp_path: Path, content: str, field: Any
) -> None:
    rows = [{"id": number, "tags": field} for number in range(250)]
    loopback.replies = [Reply(200, json.dumps({"data": rows}, separators=(",", ":")).encode())]
    shop = shop_of(loopback.base_url, ONE_PAGE, response_actions=[{"content": content, "action": "ignore"}])
    assert load(shop, tmp_path / "w.duckdb").errors == {}
    assert len(loaded(tmp_path / "w.duckdb")) == 250


@pytest.mark.parametrize(
    ("content", "status", "body"),
    [
        ("[]", 200, b" [ ]\n"),
        ('{"data":null}', 200, b'{ "data": null }'),
        ("no records today", 200, b"no records today\n"),
        ("no records today", 200, b'{"message": "no records today", "code": 7}'),
        ("no records today", 404, b'{"errors": [{"text": "no records today"}]}'),
        ("[]", 400, b"[]"),
    ],
)
def test_an_answer_that_is_the_content_is_an_empty_page(
    loopback: Loopback, tmp_path: Path, content: str, status: int, body: bytes
) -> None:
    loopback.replies = [Reply(status, body)]
    shop = shop_of(loopback.base_url, ONE_PAGE, response_actions=[{"content": content, "action": "ignore"}])
    report = load(shop, tmp_path / "w.duckdb")
    assert report.errors == {}
    assert report.resources["things"].windows[0].ignored == 1
    assert loaded(tmp_path / "w.duckdb") == []


def test_an_error_that_contains_the_content_fails(loopback: Loopback, tmp_path: Path) -> None:
    loopback.replies = [Reply(400, b'{"error": "unknown parameter", "details": []}')]
    shop = shop_of(loopback.base_url, ONE_PAGE, response_actions=[{"content": "[]", "action": "ignore"}])
    error = load(shop, tmp_path / "w.duckdb").errors["things"]
    assert str(error).startswith(
        "GET /things: status 400; its body contains response_actions[0].content and more."
    )


@pytest.mark.parametrize("status", [401, 403, 407, 429, 500, 503, 599])
def test_a_refused_list_leaves_the_table(loopback: Loopback, tmp_path: Path, status: int) -> None:
    actions = [{"status_code": status, "action": "ignore"}]
    shop = shop_of(loopback.base_url, ONE_PAGE, response_actions=actions)
    loopback.replies = [json_reply({"data": [{"id": 1}, {"id": 2}]})]
    assert load(shop, tmp_path / "w.duckdb").errors == {}
    loopback.replies = [Reply(status)]
    error = str(load(shop, tmp_path / "w.duckdb").errors["things"])
    assert f"things: the API answered with status {status}" in error
    assert "which response_actions ignores" in error
    assert loaded(tmp_path / "w.duckdb") == [1, 2]
    assert [(entry.result, entry.what) for entry in check(shop) if "response_actions" in entry.detail] == [
        ("failed", "reached")
    ]


def test_a_refused_page_in_the_middle_fails(loopback: Loopback, tmp_path: Path) -> None:
    loopback.replies = [json_reply({"data": [{"id": 1}], "next": "/things?page=2"}), Reply(403)]
    shop = shop_of(
        loopback.base_url, {"type": "json_link", "next_url_path": "next"}, response_actions=FORBIDDEN
    )
    assert "status 403 Forbidden" in str(load(shop, tmp_path / "w.duckdb").errors["things"])


def test_all_lists_refused_fail_the_child_and_leave_its_rows(api: Api, loads: Loads) -> None:
    shop = children_api.shop_of(api, response_actions=FORBIDDEN)
    loads.run(shop, children_api.ALL)
    for number in api.orders:
        api.answers[f"/orders/{number}/refunds"] = Reply(403, b'{"error": "missing scope"}')
    report = loads.run(shop, children_api.ALL)
    assert set(report.errors) == {"refunds", "refund_lines", "notes"}
    assert "of every record of orders that was asked for" in str(report.errors["refunds"])
    loads.as_served(api)
    findings = [entry for entry in check(shop) if (entry.resource, entry.what) == ("refunds", "reached")]
    assert [entry.result for entry in findings] == ["failed"]
    assert "status 403" in findings[0].detail


def test_the_rows_of_one_refused_list_stay(api: Api, loads: Loads) -> None:
    shop = children_api.shop_of(api, response_actions=FORBIDDEN)
    loads.run(shop, children_api.ALL)
    api.answers["/orders/5/refunds"] = Reply(403, b"archived")
    api.refunds[4] = api.refunds[4][:1]
    said: list[str] = []
    report = run_load(shop, children_api.ALL, DAYS, warehouse=loads.place.warehouse(), progress=said.append)
    assert report.errors == {}
    loads.as_served(api)
    assert any("the API refused 1 of 5 lists with status 403" in line for line in said)
    assert loads.rows("select sum(ignored) from load_ledger where resource = 'refunds'") == [(1,)]


def test_a_run_tells_that_all_lists_were_ignored(api: Api, loads: Loads) -> None:
    """An API may answer 404 because the secret lost a right. It may be right, too, so the run does not fail."""
    shop = children_api.shop_of(api, response_actions=[{"status_code": 404, "action": "ignore"}])
    said: list[str] = []
    for number in api.orders:
        api.answers[f"/orders/{number}/refunds"] = Reply(404)
    warehouse = loads.place.warehouse()
    report = run_load(shop, children_api.ALL, DAYS, warehouse=warehouse, progress=said.append)
    assert report.errors == {}
    text = "refunds: response_actions ignores the lists of all 5 records of orders that were asked for"
    assert [line for line in said if line.startswith(text)]
    said.clear()
    del api.answers["/orders/5/refunds"]
    run_load(shop, children_api.ALL, DAYS, warehouse=warehouse, progress=said.append)
    assert not [line for line in said if "response_actions" in line]


def test_a_declared_refusal_of_all_lists_does_not_fail(api: Api, loads: Loads) -> None:
    actions = [{"status_code": 403, "content": "archived", "action": "ignore"}]
    shop = children_api.shop_of(api, response_actions=actions)
    loads.run(shop, ["orders", "refunds"])
    for number in api.orders:
        api.answers[f"/orders/{number}/refunds"] = Reply(403, b"archived")
    assert loads.run(shop, ["orders", "refunds"]).errors == {}
    assert loads.rows("select count(*) from refunds") == [(15,)]


def test_check_fails_where_all_children_were_ignored(api: Api) -> None:
    for number in api.orders:
        api.answers[f"/orders/{number}/refunds"] = Reply(404)
    shop = children_api.shop_of(api, response_actions=[{"status_code": 404, "action": "ignore"}])
    (reached,) = [entry for entry in check(shop) if (entry.resource, entry.what) == ("refunds", "reached")]
    assert reached.result == "failed"
    assert "the lists of all 2 parent records tried (status 404)" in reached.detail


@pytest.mark.parametrize(
    ("action", "found"),
    [
        ({"action": "ignore"}, "ignore for every answer"),
        ({"status_code": 200, "action": "ignore"}, "ignore for every answer with 200"),
        ({"content": " ", "action": "ignore"}, "an empty text"),
    ],
)
def test_ignoring_every_page_is_refused(tmp_path: Path, action: dict[str, Any], found: str) -> None:
    file = tmp_path / "testshop.yaml"
    endpoint = json.dumps({"path": "a", "response_actions": [action]})
    file.write_text(
        f"name: testshop\nclient: {{base_url: 'https://a.example'}}\n"
        f"resources: [{{name: things, primary_key: id, endpoint: {endpoint}}}]\n"
    )
    with pytest.raises(DeclarationError, match=rf"response_actions\[0\]\S*: found {found}; allowed"):
        load_shop(file)
