"""Children read by a field of the parent: read completely and replaced parent by parent, in the parent's windows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ecom_assets.foundation.errors import IncompleteSlice
from ecom_assets_tests.support.servers.children_api import ALL, DAYS, START, Api, Loads, shop_of
from ecom_assets_tests.support.servers.children_api import api as api
from ecom_assets_tests.support.servers.children_api import loads as loads
from ecom_assets_tests.support.servers.loopback import Reply, json_reply


def test_children_of_children_and_their_lists_come_with_one_reading_of_each(api: Api, loads: Loads) -> None:
    assert loads.run(shop_of(api), ALL).errors == {}
    loads.as_served(api)
    # two orders on the first day are a page of two, on the second three are two pages; a page that is full is followed
    # by one more request, because its total may be that of the page
    assert api.asked("/orders") == 5
    assert api.asked("/refunds/10/notes") == 2


def test_the_ledger_says_of_each_window_of_the_parent_what_came(api: Api, loads: Loads) -> None:
    loads.run(shop_of(api), ALL)
    ledger = loads.rows(
        "select resource, partition_key, source_total, fetched, kept, requests from load_ledger "
        "where resource in ('refunds', 'notes') order by 1 desc, 2"
    )
    assert ledger == [
        ("refunds", "2026-03-01", 3, 3, 3, 3),  # a full page is followed by one more request
        ("refunds", "2026-03-02", 12, 12, 12, 18),  # lists of several pages are read twice
        ("refunds", "2026-03-03", 0, 0, 0, 0),
        ("notes", "2026-03-01", 6, 6, 6, 6),
        ("notes", "2026-03-02", 24, 24, 24, 24),
        ("notes", "2026-03-03", 0, 0, 0, 0),
    ]


def test_windows_of_parents_that_are_sorted_here_are_those_of_the_children(api: Api, loads: Loads) -> None:
    shop = shop_of(api)
    orders = shop.resource("orders")
    assert orders.endpoint
    assert orders.endpoint.incremental
    unfiltered = orders.endpoint.incremental.model_copy(update={"server_filter": False})
    endpoint = orders.endpoint.model_copy(update={"incremental": unfiltered})
    changed = orders.model_copy(update={"endpoint": endpoint})
    shop = shop.model_copy(update={"resources": (*shop.resources[:-1], changed)})
    assert loads.run(shop, ALL).errors == {}
    loads.as_served(api)
    assert loads.rows(
        "select resource, partition_key, source_total, fetched, kept from load_ledger "
        "where resource in ('refunds', 'notes') order by 1 desc, 2"
    ) == [
        ("refunds", "2026-03-01", 3, 3, 3),
        ("refunds", "2026-03-02", 12, 12, 12),
        ("refunds", "2026-03-03", 0, 0, 0),
        ("notes", "2026-03-01", 6, 6, 6),
        ("notes", "2026-03-02", 24, 24, 24),
        ("notes", "2026-03-03", 0, 0, 0),
    ]


def test_a_window_without_parents_makes_the_tables_and_asks_nothing(api: Api, loads: Loads) -> None:
    report = loads.run(shop_of(api), ALL, DAYS[2:])
    assert report.errors == {}
    assert loads.tables() == set(ALL)
    assert [loads.rows(f"select count(*) from {name}") for name in ALL] == [[(0,)]] * 4
    assert {seen.path for seen in api.loopback.seen} == {"/orders"}
    assert [report.resources[name].windows[0].kept for name in ALL] == [0] * 4


def test_the_parent_is_read_and_not_loaded_where_it_is_not_chosen(api: Api, loads: Loads) -> None:
    assert loads.run(shop_of(api), ["notes"]).errors == {}
    assert loads.tables() == {"notes"}
    assert loads.rows("select count(*) from notes") == [(30,)]


def test_what_is_gone_at_the_source_goes_parent_by_parent(api: Api, loads: Loads) -> None:
    shop = shop_of(api, response_actions=[{"status_code": 404, "action": "ignore"}])
    loads.run(shop, ALL)
    api.refunds[4] = api.refunds[4][1:3]
    api.refunds[5] = []
    api.answers["/orders/5/refunds"] = Reply(404)
    api.refunds[2][1]["lines"] = []
    before = loads.rows("select * from refunds where order_id = 3 order by id")
    loads.run(shop, ALL)
    loads.as_served(api)
    assert loads.rows("select * from refunds where order_id = 3 order by id") == before


def test_windows_one_by_one_equal_the_range(api: Api, loads: Loads) -> None:
    for window in DAYS[::-1]:
        assert loads.run(shop_of(api), ALL, (window,)).errors == {}
    loads.as_served(api)


def test_a_list_that_is_short_of_its_total_fails_its_tables_alone(api: Api, loads: Loads) -> None:
    api.totals["/orders/4/refunds"] = 5
    report = loads.run(shop_of(api), ALL)
    assert set(report.errors) == {"refunds", "refund_lines", "notes"}
    assert isinstance(report.errors["refunds"], IncompleteSlice)
    assert "says it has 5 records, 4 distinct ones came" in str(report.errors["refunds"])
    assert loads.tables() == {"orders"}


def test_a_child_that_fails_leaves_what_does_not_come_through_it(api: Api, loads: Loads) -> None:
    api.answers["/refunds/30/notes"] = Reply(500)
    report = loads.run(shop_of(api), ALL)
    assert set(report.errors) == {"notes"}
    assert "GET /refunds/30/notes: status 500" in str(report.errors["notes"])
    assert loads.tables() == {"orders", "refunds", "refund_lines"}
    assert loads.rows("select count(*) from refunds") == [(15,)]


def test_a_parent_that_fails_fails_its_children(api: Api, loads: Loads) -> None:
    api.answers["/orders"] = Reply(500)
    assert set(loads.run(shop_of(api), ALL).errors) == set(ALL)
    assert loads.tables() == set()


def test_a_404_is_a_failure_unless_it_is_declared(api: Api, loads: Loads) -> None:
    api.answers["/orders/2/refunds"] = Reply(404)
    assert "GET /orders/2/refunds: status 404" in str(loads.run(shop_of(api), ["refunds"]).errors["refunds"])
    ignoring = shop_of(api, response_actions=[{"status_code": 404, "action": "ignore"}])
    assert loads.run(ignoring, ["refunds"]).errors == {}
    assert loads.rows("select order_id, count(*) from refunds group by 1 order by 1") == [
        (1, 1),
        (3, 3),
        (4, 4),
        (5, 5),
    ]
    # one of the lists of the first day told no total
    assert loads.rows("select source_total from load_ledger order by partition_key") == [(None,), (12,), (0,)]


def test_the_lists_of_many_parents_are_read_side_by_side(api: Api, loads: Loads) -> None:
    api.orders = {number: START + timedelta(minutes=number) for number in range(1, 31)}
    api.refunds = {number: [{"id": number, "lines": []}] for number in api.orders}
    for number in api.orders:
        api.answers[f"/orders/{number}/refunds"] = Reply(
            200, f'{{"data": [{{"id": {number}}}], "total": 1}}', delay=0.2
        )
    report = loads.run(shop_of(api), ["refunds"], DAYS[:1])
    assert report.errors == {}
    (window,) = report.resources["refunds"].windows
    assert window.kept == 30
    assert window.seconds < 30 * 0.2 / 2


def test_a_parent_that_has_no_value_is_not_asked_by(api: Api, loads: Loads) -> None:
    shop = shop_of(api, path="orders/{resources.orders.ref}/refunds")
    records = [
        {"id": number, "ref": ref, "at": api.orders[number].isoformat()}
        for number, ref in ((1, None), (2, 2), (3, ""))
    ]
    api.answers["/orders"] = json_reply({"data": records[:2], "total": 2})
    assert loads.run(shop, ["orders", "refunds"], DAYS[:1]).errors == {}
    assert loads.rows("select distinct order_id from refunds") == [(2,)]
    assert loads.rows("select count(*) from orders") == [(2,)]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            {"a": 1},
            "refunds: ref of a record of orders is neither a text nor a number, so it cannot be put into a request",
        ),
        ("..", "a request's path cannot have '..' in place of a placeholder"),
    ],
)
def test_a_parent_that_cannot_be_asked_by_fails_the_child_alone(
    api: Api, loads: Loads, value: Any, problem: str
) -> None:
    shop = shop_of(api, path="orders/{resources.orders.ref}/refunds")
    record = {"id": 1, "ref": value, "at": api.orders[1].isoformat()}
    api.answers["/orders"] = json_reply({"data": [record], "total": 1})
    report = loads.run(shop, ["orders", "refunds"], DAYS[:1])
    assert {name: str(error) for name, error in report.errors.items()} == {"refunds": problem}
    assert loads.tables() == {"orders"}
