"""Closed windows are read again and compared with the tables, and what differs is named and repaired."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

import pytest

from ecom_assets.load.audit import audit as module
from ecom_assets.load.audit import endpoint_audit
from ecom_assets.load.audit.audit import audit
from ecom_assets.load.audit.report import AuditReport, WindowAudit
from ecom_assets.load.read import Reading, read_verify_and_contract
from ecom_assets_tests.support.loads.changes import Changes, change, instant
from ecom_assets_tests.support.loads.changes import changes as changes
from ecom_assets_tests.support.loads.dispositions import INSTANT, SCD2, TEXT, WHOLE, Things, thing
from ecom_assets_tests.support.loads.dispositions import things as things
from ecom_assets_tests.support.servers.loopback import Reply, json_reply, serving
from ecom_assets_tests.support.servers.order_api import Api, order
from ecom_assets_tests.support.servers.order_api import api as api
from ecom_assets_tests.support.warehouses.engines import Place, making

UTC = timezone.utc
DAYS = range(1, 8)


@pytest.fixture
def week(things: Things, monkeypatch: pytest.MonkeyPatch) -> Things:
    """Return a shop of which a week is loaded, with a thing a day; today is the day after it."""
    stop_at(monkeypatch, 8)
    things.declare("merge", windowed=True)
    things.load(*(thing(day, "a", day) for day in DAYS), days=DAYS)
    return things


def stop_at(monkeypatch: pytest.MonkeyPatch, day: int) -> None:
    """Let audits take an instant of a day of January 2026 for now."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime(2026, 1, day, 6, tzinfo=UTC)

    monkeypatch.setattr(module, "datetime", Clock)


def audit_of(things: Things, *tables: str, windows: int = 100, **options: Any) -> AuditReport:
    return audit(
        things.shop,
        tables,
        windows=windows,
        warehouse=things.place.warehouse(),
        progress=things.said.append,
        **options,
    )


def found(report: AuditReport, table: str = "things") -> dict[str | None, tuple[Any, ...]]:
    """Return outcome, missing, stale and surplus of the windows that are not equal."""
    return {
        entry.partition_key and entry.partition_key[-2:]: (
            entry.outcome,
            entry.missing,
            entry.stale,
            entry.surplus,
        )
        for entry in report.windows
        if entry.resource == table and entry.outcome != "equal"
    }


def one(report: AuditReport) -> WindowAudit:
    (window,) = [entry for entry in report.windows if entry.outcome != "equal"]
    return window


def test_tables_that_hold_what_the_api_has_show_no_drift(week: Things) -> None:
    before = week.place.whole_tables("things", "load_ledger", "rejected_rows")
    report = audit_of(week)
    assert report.ok
    assert [(entry.outcome, entry.compared) for entry in report.windows] == [("equal", 1)] * 7
    assert list(report.lines())[:2] == [
        "things: 7 of 7 loaded windows read again",
        "  2026-01-01: 1 row, no drift",
    ]
    assert week.place.whole_tables("things", "load_ledger", "rejected_rows") == before


def test_a_record_that_came_late_with_an_earlier_cursor_is_missing(week: Things) -> None:
    week.records.append(thing(90, "late", 3))
    report = audit_of(week)
    assert found(report) == {"03": ("drift", 1, 0, 0)}
    assert not report.ok
    (load_id, loaded_at) = week.place.rows(
        "select load_id, loaded_at from load_ledger where partition_key = '2026-01-03'"
    )[0]
    assert one(report).text == (
        f"2 rows read, 1 missing (90); since the load {load_id} of {loaded_at:%Y-%m-%d %H:%M} UTC"
    )


def test_a_change_that_does_not_move_the_cursor_is_stale_and_names_the_column(week: Things) -> None:
    week.records[4] = thing(5, "other", 5)
    report = audit_of(week)
    assert found(report) == {"05": ("drift", 0, 1, 0)}
    assert one(report).columns == {"name": 1}


def test_a_record_that_was_deleted_is_too_much_and_a_sweep_is_suggested(week: Things) -> None:
    del week.records[1]
    report = audit_of(week)
    assert found(report) == {"02": ("drift", 0, 0, 1)}
    assert "1 too much (2)" in one(report).text
    assert "declare deletes: sweep" in one(report).text


def test_a_record_whose_cursor_moved_back_is_stale_where_it_is_now(week: Things) -> None:
    week.records[5] = thing(6, "a", 2, hour=15)
    assert found(audit_of(week)) == {"02": ("drift", 0, 1, 0)}


@pytest.mark.parametrize("day", [8, 9])
def test_a_record_that_moved_to_a_window_that_is_not_loaded_is_no_drift(
    week: Things, monkeypatch: pytest.MonkeyPatch, day: int
) -> None:
    stop_at(monkeypatch, day)
    week.records[2] = thing(3, "changed", 8, hour=3)
    report = audit_of(week)
    assert report.ok
    assert found(report) == {}


def test_repair_loads_the_windows_with_drift_and_no_others(week: Things) -> None:
    week.records[4] = thing(5, "other", 5)
    week.records.append(thing(90, "late", 3))
    report = audit_of(week, repair=True)
    assert report.ok
    assert [entry.partition_key for entry in report.windows if entry.repaired] == ["2026-01-03", "2026-01-05"]
    assert (5, "other") in week.rows()
    assert (90, "late") in week.rows()
    loads = week.place.rows(
        "select partition_key from load_ledger group by partition_key having count(*) > 1"
    )
    assert sorted(loads) == [("2026-01-03",), ("2026-01-05",)]


def test_drift_that_loading_cannot_remove_remains(week: Things) -> None:
    del week.records[1]
    report = audit_of(week, repair=True)
    assert not report.ok
    assert "loaded it again without removing that" in one(report).text


def test_as_many_windows_are_read_as_asked_and_others_the_next_time(week: Things) -> None:
    first = {entry.partition_key for entry in audit_of(week, windows=4).windows}
    second = {entry.partition_key for entry in audit_of(week, windows=3).windows}
    assert (len(first), len(second)) == (4, 3)
    assert not first & second


def test_only_windows_that_are_closed_and_loaded_are_read(
    week: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, 6)
    assert [entry.partition_key for entry in audit_of(week).windows] == [
        f"2026-01-0{day}" for day in range(1, 6)
    ]


def test_volatile_columns_are_left_out(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_at(monkeypatch, 3)
    columns = {"id": WHOLE, "changed": INSTANT, "name": {**TEXT, "volatile": True}}
    things.declare("merge", windowed=True, columns=columns)
    things.load(thing(1, "a"), thing(2, "b", 2), days=[1, 2])
    things.records = [thing(1, "x"), thing(2, "y", 2)]
    assert audit_of(things).ok


def test_personal_data_is_compared_as_it_is_stored_and_never_shown(
    things: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, 2)
    columns = {"id": WHOLE, "changed": INSTANT, "name": {**TEXT, "pii": "mask"}}
    things.declare("merge", windowed=True, columns=columns)
    things.load(thing(1, "Ada"))
    assert audit_of(things).ok
    things.place.write("update testshop.things set name = 'Ada'")
    report = audit_of(things)
    assert found(report) == {"01": ("drift", 0, 1, 0)}
    assert "Ada" not in repr(report)


def test_rows_that_a_sweep_marked_are_no_drift(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_at(monkeypatch, 3)
    things.declare("merge", windowed=True, deletes={"by": "sweep"}, max_deleted=1)
    things.load(thing(1, "a"), thing(2, "b", 2), days=[1, 2])
    things.sweep(thing(2, "b", 2))
    assert audit_of(things).ok
    things.records = [thing(1, "a"), thing(2, "b", 2)]
    report = audit_of(things)
    assert (found(report), one(report).columns) == ({"01": ("drift", 0, 1, 0)}, {"deleted_at": 1})
    assert audit_of(things, repair=True).ok


def test_rows_that_the_list_tells_to_be_deleted_are_compared(
    things: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, 2)
    things.declare("merge", windowed=True, deletes={"field": "gone"})
    things.load(thing(1, "a", gone=True), thing(2, "b", gone=False))
    assert audit_of(things).ok
    things.records[1]["gone"] = True
    assert found(audit_of(things)) == {"01": ("drift", 0, 1, 0)}


def test_of_a_history_the_valid_states_are_compared(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_at(monkeypatch, 3)
    things.declare(SCD2, windowed=True)
    things.load(thing(1, "a"))
    things.load(thing(1, "b", 2), days=[2])
    assert len(things.rows()) == 2
    assert audit_of(things).ok
    things.records = [thing(1, "c", 2)]
    assert found(audit_of(things)) == {"02": ("drift", 0, 1, 0)}
    assert audit_of(things, repair=True).ok


def test_appended_rows_are_compared_by_key(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_at(monkeypatch, 2)
    things.declare("append", windowed=True)
    things.load(thing(1, "a"), thing(2, "b"))
    things.records = [thing(1, "other"), thing(2, "b")]
    assert audit_of(things).ok
    things.records = [thing(1, "a"), thing(3, "c")]
    assert found(audit_of(things)) == {"01": ("drift", 1, 0, 1)}
    assert audit_of(things, repair=True).ok


def test_appended_rows_without_a_key_are_counted(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_at(monkeypatch, 2)
    things.declare("append", windowed=True, primary_key=[])
    things.load(thing(1, "a"), thing(1, "a"), thing(2, "b"))
    assert audit_of(things).ok
    things.records = [thing(1, "a"), thing(2, "b"), thing(3, "c")]
    assert found(audit_of(things)) == {"01": ("drift", 1, 0, 1)}
    assert audit_of(things, repair=True).ok


@pytest.mark.parametrize(("disposition", "surplus"), [("replace", 1), ("merge", 0), (SCD2, 1), ("append", 0)])
def test_of_a_snapshot_the_whole_list_is_compared(things: Things, disposition: Any, surplus: int) -> None:
    things.declare(disposition, windowed=False)
    things.load(thing(1, "a"), thing(2, "b"))
    things.load(thing(1, "a"), thing(2, "B"))
    assert audit_of(things).ok
    things.records = [thing(2, "B"), thing(3, "c")]
    report = audit_of(things)
    assert found(report) == {None: ("drift", 1, 0, surplus)}
    assert next(report.lines()).startswith("things: whole list: 2 rows read, 1 missing (3)")
    assert audit_of(things, repair=True).ok


def test_an_open_ended_table_is_not_audited(changes: Changes) -> None:
    changes.load(change(1, instant(2)))
    changes.records = [change(1, instant(2), "other")]
    report = audit(changes.shop, warehouse=changes.place.warehouse())
    assert [line.split(",")[0] for line in report.lines()] == ["changes: not audited: it is open-ended"]
    assert report.ok


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen once after an audit has read."""
    read, happened = read_verify_and_contract, list[None]()

    def read_then(*arguments: Any) -> Reading:
        reading = read(*arguments)
        if not happened:
            happened.append(None)
            # as another process would: dlt has one pipeline a thread
            with ThreadPoolExecutor(1) as pool:
                pool.submit(happens).result()
        return reading

    monkeypatch.setattr(endpoint_audit, "read_verify_and_contract", read_then)


def test_a_window_that_another_load_writes_meanwhile_is_not_compared(
    week: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = [thing(5, "other", 5), *(record for record in week.records if record["id"] != 5)]
    meanwhile(monkeypatch, lambda: week.load(*changed, days=[5]))
    report = audit_of(week)
    assert found(report) == {"05": ("moved", 0, 0, 0)}
    assert one(report).text == "moved, not compared: another load wrote it meanwhile"
    assert report.ok


def test_a_record_that_another_load_moves_to_its_window_meanwhile_is_not_compared(
    week: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = [thing(5, "other", 8), *(record for record in week.records if record["id"] != 5)]
    meanwhile(monkeypatch, lambda: week.load(*changed, days=[8]))
    report = audit_of(week)
    assert found(report) == {"05": ("moved", 0, 0, 0)}
    assert report.ok


def test_a_list_that_moves_while_it_is_read_is_no_drift(week: Things) -> None:
    # without a total, a list of pages is read twice
    endpoint = {
        "path": "things",
        "data_selector": "data",
        "paginator": {"type": "offset", "limit": 1, "total_path": None},
        "incremental": {"cursor_path": "changed", "start_param": "from", "end_param": "to"},
    }
    week.declare("merge", windowed=True, endpoint=endpoint)
    numbers = iter(range(1000))

    def changing(seen: Any) -> Reply:
        query = dict(seen.query)
        rows = [row for row in week.records if query["from"][:10] == row["changed"][:10]]
        if rows and rows[0]["id"] == 3:
            rows = [thing(3, f"name {next(numbers)}", 3), thing(90, "b", 3)]
        return json_reply({"data": rows[int(query["offset"]) :][:1]})

    week.loopback.answering = changing
    report = audit_of(week)
    assert found(report) == {"03": ("moved", 0, 0, 0)}
    assert one(report).text.startswith("moved, not compared: ")
    assert report.ok


def test_a_window_that_the_api_refuses_is_no_drift_but_an_error(week: Things) -> None:
    answer = week.loopback.answering
    assert answer
    week.loopback.answering = lambda seen: (
        Reply(500, "{}") if "2026-01-03" in dict(seen.query).get("from", "") else answer(seen)
    )
    report = audit_of(week)
    assert found(report) == {"03": ("failed", 0, 0, 0)}
    assert "500" in one(report).text
    assert not report.ok


def test_a_record_that_breaks_its_contract_now_is_stale(week: Things) -> None:
    week.records[2]["name"] = {"not": "a text"}
    week.records.append(thing(90, "late", 3))
    report = audit_of(week, "things")
    assert found(report) == {"03": ("drift", 1, 1, 0)}
    assert one(report).columns == {"the contract": 1}


def test_drift_of_a_row_is_found_in_every_type(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_at(monkeypatch, 2)
    record = order(
        1,
        total="12.5",
        big="1.25",
        day="2026-01-01",
        clock="12:30:00",
        share=0.1,
        open=True,
        raw="aGk=",
        tags={"b": [1, 2.5, True, None], "a": "\u00e9"},
        shippingAddress={"cityName": "Graz"},
        more={"x": 1},
    )
    assert api.load(record, order(2)).errors == {}
    report = audit(api.shop(), warehouse=api.place.warehouse())
    assert [entry.outcome for entry in report.windows] == ["equal", "equal"]
    others = {
        "total": "12.51",
        "big": "1.26",
        "day": "2026-01-02",
        "clock": "12:30:01",
        "share": 0.2,
        "open": False,
        "raw": "aGkh",
        "tags": {"b": [1, 2.5, 1, None], "a": "\u00e9"},
    }
    api.orders = [{**record, **others}, order(2, more=5)]
    (found_,) = [
        entry
        for entry in audit(api.shop(), warehouse=api.place.warehouse()).windows
        if entry.outcome == "drift"
    ]
    assert (found_.stale, set(found_.columns)) == (1, set(others))


def test_nested_rows_are_compared_by_the_record_they_come_from(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, 2)
    assert (
        api.load(order(1, lines=[{"id": 1, "sku": "a"}, {"id": 2, "sku": "b"}]), order(2, lines=[])).errors
        == {}
    )
    assert audit(api.shop(), warehouse=api.place.warehouse()).ok
    api.orders[0]["lines"] = [{"id": 1, "sku": "x"}, {"id": 3, "sku": "c"}]
    report = audit(api.shop(), warehouse=api.place.warehouse())
    assert found(report, "orders") == {}
    assert found(report, "lines") == {"01": ("drift", 1, 1, 1)}
    assert audit(api.shop(), ["lines"], warehouse=api.place.warehouse(), repair=True).ok
    assert sorted(api.rows("select id, sku from lines")) == [(1, "x"), (3, "c")]


def test_a_table_that_is_not_loaded_is_named(week: Things) -> None:
    others = [
        {"name": "others", "primary_key": "id", "endpoint": {"path": "others"}, "columns": {"id": WHOLE}}
    ]
    week.declare("merge", windowed=True, others=others)
    lines = list(audit_of(week, "others").lines())
    assert lines == ["others: not audited: it is not loaded"]


def test_a_column_that_was_declared_since_is_left_out_until_it_is_loaded(week: Things) -> None:
    columns = {"id": WHOLE, "changed": INSTANT, "name": TEXT, "more": TEXT}
    week.declare("merge", windowed=True, columns=columns)
    week.records[0]["more"] = "new"
    assert audit_of(week).ok
    week.load(*week.records, days=[7])
    report = audit_of(week)
    assert (found(report), one(report).columns) == ({"01": ("drift", 0, 1, 0)}, {"more": 1})


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["postgres", "ducklake"])
def test_every_engine_finds_the_same(
    engine: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of other engines come back in other types of Python; those of a lake come by the same driver."""

    def new_place() -> Place:
        return making(request, engine)()

    with serving() as loopback:
        test_drift_of_a_row_is_found_in_every_type(Api(loopback, new_place()), monkeypatch)
    if engine == "ducklake":
        return
    with serving() as loopback:
        test_nested_rows_are_compared_by_the_record_they_come_from(Api(loopback, new_place()), monkeypatch)
    for of_things in (
        test_rows_that_a_sweep_marked_are_no_drift,
        test_of_a_history_the_valid_states_are_compared,
        test_appended_rows_are_compared_by_key,
    ):
        with serving() as loopback:
            of_things(Things(loopback, new_place()), monkeypatch)
