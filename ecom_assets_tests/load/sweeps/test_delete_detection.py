"""Delete detection with a real API on each engine: gone records are marked, returned ones unmarked, or nothing is."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from ecom_assets.sandbox.server import Running
from ecom_assets_tests.support.loads.sweeps import ORDERS, Sweeps
from ecom_assets_tests.support.loads.sweeps import api as api
from ecom_assets_tests.support.loads.sweeps import loaded as loaded
from ecom_assets_tests.support.loads.sweeps import server as server
from ecom_assets_tests.support.loads.sweeps import sweeps as sweeps
from ecom_assets_tests.support.warehouses.engines import Place


def test_the_column_is_there_from_the_first_run(api: Running, tmp_path: Path, place: Place) -> None:
    sweeps = Sweeps(api, tmp_path, ('start: "2026-01-01"', 'start: "2016-01-01"'), place=place)
    sweeps.load(sweeps.windows[:1])
    assert sweeps.ids() == []
    assert sweeps.rows(
        "select lower(data_type), is_nullable from information_schema.columns "
        "where table_schema = 'sandbox' and table_name = 'orders' and column_name = 'deleted_at'"
    ) == [("timestamp with time zone", "YES")]


def test_gone_records_are_marked_and_nothing_else(sweeps: Sweeps, api: Running) -> None:
    ids = sweeps.ids()
    before = sweeps.place.table("orders", "deleted_at")
    for identity in ids[3:8]:
        api.faults.delete(ORDERS, identity)
    began = datetime.now(timezone.utc)
    report = sweeps.sweep()
    assert sweeps.marked() == dict.fromkeys(ids[3:8], report.instant)
    assert began < report.instant < datetime.now(timezone.utc)
    assert sweeps.place.table("orders", "deleted_at") == before
    assert (report.live_before, report.at_source, report.newly_deleted, report.returned) == (
        len(ids),
        len(ids) - 5,
        5,
        0,
    )
    assert (report.resource, report.table) == ("orders", "sandbox.orders")


def test_the_whole_collection_is_asked_for_without_a_window(sweeps: Sweeps, api: Running) -> None:
    report = sweeps.sweep()
    assert {request.path for request in api.log.requests} == {ORDERS}
    assert {name for request in api.log.requests for name in request.query} == {"api_key", "limit", "offset"}
    assert report.requests == len(api.log.requests) > 1
    assert report.source_total == report.at_source == len(sweeps.ids())
    assert report.seconds > 0


def test_parameters_of_the_sweep_go_before_those_of_the_endpoint(
    api: Running, tmp_path: Path, place: Place
) -> None:
    swept = (
        "    endpoint: {path: /v1/orders, params: {fields: all, expand: lines}}\n"
        "    deletes: {by: sweep, params: {fields: id}}\n"
    )
    sweeps = Sweeps(api, tmp_path, swept=swept, place=place)
    sweeps.load()
    loading = [(request.query["fields"], request.query["expand"]) for request in api.log.requests]
    api.log.clear()
    sweeps.sweep()
    sweeping = [(request.query["fields"], request.query["expand"]) for request in api.log.requests]
    assert (set(loading), set(sweeping)) == ({("all", "lines")}, {("id", "lines")})


def test_two_sweeps_agree(sweeps: Sweeps, api: Running) -> None:
    for identity in sweeps.ids()[:4]:
        api.faults.delete(ORDERS, identity)
    first = sweeps.sweep()
    marked = sweeps.marked()
    second = sweeps.sweep()
    assert sweeps.marked() == marked
    assert (second.newly_deleted, second.returned) == (0, 0)
    assert second.live_before == first.live_before - 4


def test_a_row_that_returns_is_unmarked_by_the_sweep(sweeps: Sweeps, api: Running) -> None:
    gone = sweeps.ids()[:4]
    for identity in gone:
        api.faults.delete(ORDERS, identity)
    sweeps.sweep()
    for identity in gone[:2]:
        api.faults.restore(ORDERS, identity)
    report = sweeps.sweep()
    assert list(sweeps.marked()) == gone[2:]
    assert (report.newly_deleted, report.returned) == (0, 2)


def test_a_row_that_returns_is_unmarked_by_a_load(sweeps: Sweeps, api: Running) -> None:
    gone = sweeps.ids()[:4]
    for identity in gone:
        api.faults.delete(ORDERS, identity)
    sweeps.sweep()
    sweeps.load()
    assert sorted(sweeps.marked()) == gone, "a load of the same windows leaves marks alone"
    for identity in gone[1:]:
        api.faults.restore(ORDERS, identity)
    sweeps.load()
    assert list(sweeps.marked()) == gone[:1]
    report = sweeps.sweep()
    assert (report.newly_deleted, report.returned) == (0, 0)


def test_a_list_that_moves_is_read_again(sweeps: Sweeps, api: Running) -> None:
    ((first,),) = sweeps.rows("select id from sandbox.orders order by updated_at, id limit 1")
    api.faults.after(ORDERS, requests=1, do=lambda: api.faults.delete(ORDERS, first))
    report = sweeps.sweep()
    assert report.restarts == 1
    assert list(sweeps.marked()) == [first]


def test_an_empty_table(api: Running, tmp_path: Path, place: Place) -> None:
    sweeps = Sweeps(api, tmp_path, ('start: "2026-01-01"', 'start: "2016-01-01"'), place=place)
    sweeps.load(sweeps.windows[:1])
    report = sweeps.sweep()
    assert (report.live_before, report.newly_deleted, report.returned) == (0, 0, 0)
    assert report.at_source > 50


def test_the_ledger_has_a_row_of_the_sweep_under_a_name_of_its_own(sweeps: Sweeps, api: Running) -> None:
    orders = sweeps.place.table("load_ledger")
    api.faults.delete(ORDERS, sweeps.ids()[0])
    report = sweeps.sweep()
    assert set(orders) < set(sweeps.place.table("load_ledger"))
    assert sweeps.rows(
        "select partition_key, window_start, window_end, source_total, fetched, kept, rejected, requests, retries, "
        "restarts, seconds, loaded_at, load_id is not null from sandbox.load_ledger where resource = 'orders_deletions'"
    ) == [
        (
            None,
            None,
            None,
            report.source_total,
            report.at_source,
            report.at_source,
            0,
            report.requests,
            0,
            0,
            report.seconds,
            report.instant,
            True,
        )
    ]
