"""Open-ended resources: each load reads on from the cursor of the ledger, and no record is missed or doubled."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timezone
from typing import Any

import pytest

from ecom_assets.foundation.errors import DeclarationError, WarehouseError
from ecom_assets.load import commit
from ecom_assets.load.ledger.status import missing_windows, status
from ecom_assets.load.own_tables import CURSOR_COLUMNS
from ecom_assets.load.sweeps.delete_detection import detect_deletes
from ecom_assets_tests.support.examples import slowly
from ecom_assets_tests.support.loads.changes import FIRST, Changes, change, forget_columns, instant
from ecom_assets_tests.support.loads.changes import changes as changes


def test_each_load_reads_on_from_the_cursor_of_the_last_one(changes: Changes) -> None:
    changes.load(change(1, instant(2)), change(2, instant(3)), change(3, instant(1)))
    assert changes.rows() == [(1, "a"), (2, "a"), (3, "a")]
    changes.load(
        change(1, instant(5), "b"), change(2, instant(3)), change(3, instant(1)), change(4, instant(4))
    )
    assert changes.rows() == [(1, "b"), (2, "a"), (3, "a"), (4, "a")]
    changes.load()
    assert changes.asked[-1] == instant(5)
    assert [start for start in dict.fromkeys(changes.asked) if start] == [FIRST, instant(3), instant(5)]
    assert changes.cursors() == [(FIRST, instant(3)), (instant(3), instant(5)), (instant(5), instant(5))]


@pytest.mark.parametrize("form", ["parameter", "placeholder"])
def test_the_other_forms_of_dlt_mean_the_same(changes: Changes, form: str) -> None:
    if form == "parameter":
        changes.endpoint = {
            "params": {"since": {"type": "incremental", "cursor_path": "updated_at", "initial_value": FIRST}}
        }
        changes.incremental = {}
    else:
        changes.endpoint = {"params": {"since": "{incremental.start_value}"}}
        del changes.incremental["start_param"]
    changes.load(change(1, instant(2)))
    changes.load(change(1, instant(2)), change(2, instant(3)))
    assert changes.rows() == [(1, "a"), (2, "a")]
    assert changes.cursors() == [(FIRST, instant(2)), (instant(2), instant(3))]


def test_the_other_placeholders_of_dlt_have_their_values(changes: Changes) -> None:
    del changes.incremental["start_param"]
    changes.endpoint = {
        "params": {"since": "{incremental.last_value}", "q": "{{incremental.last_value}}"},
        "headers": {"X-First": "from {incremental.initial_value}"},
    }
    changes.load(change(1, instant(2)))
    changes.load(change(1, instant(2)), change(2, instant(3)))
    assert changes.cursors() == [(FIRST, instant(2)), (instant(2), instant(3))]
    seen = changes.loopback.seen[-1]
    assert {name.lower(): text for name, text in seen.headers.items()}["x-first"] == f"from {FIRST}"
    assert dict(seen.query)["q"] == "{incremental.last_value}"


@pytest.mark.parametrize(
    ("more", "placeholder"), [({"lag": 60}, "last_value"), ({"convert": str.upper}, "initial_value")]
)
def test_a_placeholder_that_would_mean_something_else_is_refused(
    changes: Changes, more: dict[str, Any], placeholder: str
) -> None:
    changes.incremental |= more
    changes.endpoint = {"headers": {"X-Value": f"{{incremental.{placeholder}}}"}}
    with pytest.raises(DeclarationError, match=f"found {{incremental.{placeholder}}}; allowed: "):
        _ = changes.shop


CURSORS: dict[str, tuple[Any, list[Any], Any]] = {
    "instants": (FIRST, [instant(2), instant(3), instant(4)], "timestamp"),
    "local times with a space": (
        "2024-01-01 00:00:00",
        ["2024-01-02 10:00:00", "2024-01-03 10:00:00", "2024-01-03 10:00:00.5"],
        "timestamp",
    ),
    "dates": ("2024-01-01", ["2024-01-02", "2024-01-03", "2024-01-04"], "timestamp"),
    "seconds": (1_700_000_000, [1_700_000_100, 1_700_000_200, 1_700_000_300], "bigint"),
    "milliseconds": (1_700_000_000_000, [1_700_000_000_100, 1_700_000_000_200, 1_700_000_000_300], "bigint"),
    "ids": (0, [7, 8, 1000], "bigint"),
    "fractions": (0.5, [1.25, 2.5, 10.75], "double"),
    "texts": ("", ["01HA", "01HB", "01Ha"], "text"),
}


@pytest.mark.parametrize(
    ("new_place", "kind", "disposition"),
    [
        ("duckdb", "instants", "merge"),
        ("duckdb", "ids", "merge"),
        *slowly(("duckdb", kind, "merge") for kind in CURSORS if kind not in ("instants", "ids")),
        *slowly(("duckdb", kind, "append") for kind in ("instants", "ids", "fractions", "texts")),
        *slowly(("postgres", kind, "merge") for kind in ("instants", "texts")),
        *slowly([("postgres", "texts", "append")]),
    ],
    indirect=["new_place"],
)
def test_a_cursor_of_any_kind(changes: Changes, kind: str, disposition: str) -> None:
    initial, (first, second, third), data_type = CURSORS[kind]
    changes.incremental["initial_value"] = initial
    changes.resource["write_disposition"] = disposition
    changes.load(change(1, first), change(2, second))
    # another record with the cursor of the last one appears later
    changes.load(change(1, first), change(2, second), change(3, second))
    changes.load(change(1, first), change(2, second), change(3, second), change(4, third))
    report = changes.load()
    assert changes.rows() == [(1, "a"), (2, "a"), (3, "a"), (4, "a")]
    assert changes.cursors()[-1] == (str(third), str(third))
    columns = {column.name: column.data_type for column in report.resources["changes"].columns}
    assert columns["updated_at"] == data_type


@pytest.mark.parametrize(
    "kind", ["instants", "ids", *slowly(["local times with a space", "dates", "seconds", "fractions"])]
)
def test_an_api_that_excludes_the_start_is_asked_from_a_step_before(changes: Changes, kind: str) -> None:
    initial, (first, second, third), _ = CURSORS[kind]
    changes.includes_start = False
    changes.incremental |= {"initial_value": initial, "bounds": "()"}
    changes.load(change(1, first), change(2, second))
    changes.load(change(1, first), change(2, second), change(3, second))
    changes.load(change(1, first), change(2, second), change(3, second), change(4, third))
    assert changes.rows("id") == [(1,), (2,), (3,), (4,)]


def test_events_without_a_key_are_not_repeated(changes: Changes) -> None:
    """Two equal events are two rows, also when the second one appears later."""
    changes.resource = {
        "write_disposition": "append",
        "primary_key": [],
        "columns": {"name": {"data_type": "text"}, "updated_at": {"data_type": "timestamp"}},
        "schema_contract": {"columns": "discard_value"},
    }
    changes.endpoint["paginator"] = {"type": "single_page"}
    one, two, three = change(1, instant(2)), change(2, instant(3)), change(3, instant(3))
    changes.load(one, two)
    changes.load(one, two)
    assert len(changes.rows("updated_at")) == 2
    changes.load(one, two, three)
    changes.load(one, two, three, change(4, instant(3), "b"))
    changes.load()
    assert changes.rows("name") == [("a",), ("a",), ("a",), ("b",)]


def test_a_lag_and_a_lookback_read_again(changes: Changes) -> None:
    changes.incremental["lag"] = 7200
    changes.load(change(1, instant(5)))
    changes.load(change(1, instant(5)), change(2, instant(5, 11)))
    assert changes.asked[-1] == instant(5, 10)
    assert changes.rows("id") == [(1,), (2,)]
    changes.policy["lookback"] = 86400
    changes.load()
    assert changes.asked[-1] == instant(4)
    changes.policy["lookback"] = 400 * 86400
    changes.load()
    assert changes.asked[-1] == FIRST, "as in dlt, a lag does not go beyond initial_value"
    assert {end for _, end in changes.cursors()} == {instant(5)}


def test_a_failed_load_leaves_the_cursor(changes: Changes) -> None:
    changes.load(change(1, instant(2)))
    changes.resource["max_rejected"] = 0
    broken = change(None, instant(3))  # type: ignore[arg-type]
    changes.load(change(1, instant(2)), broken, change(3, instant(4)), fails=True)
    assert changes.cursors() == [(FIRST, instant(2))]
    changes.load(change(1, instant(2)), change(2, instant(3)), change(3, instant(4)))
    assert changes.rows("id") == [(1,), (2,), (3,)]


def test_a_rejected_record_is_read_again_until_it_loads(changes: Changes) -> None:
    """It is in no later load by its cursor, so the cursor stays at it."""
    broken = change(2, instant(3), None)  # type: ignore[arg-type]
    changes.resource["columns"] = {"name": {"data_type": "text", "nullable": False}}
    good = [change(1, instant(2)), change(3, instant(4))]
    report = changes.load(*good, broken)
    assert report.resources["changes"].windows[0].cursor_held_by == 1
    assert changes.rows("id") == [(1,), (3,)]
    assert changes.cursors() == [(FIRST, instant(3))]
    changes.load()
    assert changes.place.rows("select count(*) from rejected_rows") == [(1,)]
    changes.load(*good, change(2, instant(3), "mended"))
    assert changes.rows() == [(1, "a"), (2, "mended"), (3, "a")]
    assert changes.place.rows("select count(*) from rejected_rows") == [(0,)]
    assert changes.cursors()[-1] == (instant(3), instant(4))


def test_a_record_without_a_cursor_is_read_again(changes: Changes) -> None:
    changes.load(change(1, instant(2)), change(2, None), change(3, instant(4)))
    assert changes.cursors() == [(FIRST, FIRST)]
    changes.load(change(1, instant(2)), change(2, instant(3)), change(3, instant(4)))
    assert changes.rows("id") == [(1,), (2,), (3,)]
    assert changes.cursors()[-1] == (FIRST, instant(4))


def test_cursors_that_all_became_something_else_fail_the_load(changes: Changes) -> None:
    """A cursor was a whole number, and is a fraction now: without a failure, no load would bring a record again."""
    changes.incremental["initial_value"] = 0
    changes.load(change(1, 1), change(2, 2))
    report = changes.load(change(3, 3.5), change(4, 4.5), fails=True)
    said = str(report.errors["changes"])
    assert "all 2 records of the list were rejected, the first one because of: updated_at: 3.5" in said
    assert changes.rows("id") == [(1,), (2,)]
    # one good record is enough: the cursor stays before the others until they load
    changes.load(change(3, 3), change(4, 4.5))
    assert changes.rows("id") == [(1,), (2,), (3,)]


def test_a_key_that_no_record_has_fails_the_load(changes: Changes) -> None:
    changes.resource["primary_key"] = "nr"
    said = str(changes.load(change(2, instant(3)), change(3, instant(4)), fails=True).errors["changes"])
    assert "all 2 records of the list were rejected, the first one because of: nr: null" in said
    assert "Correct primary_key, or declare max_rejected: 1" in said
    changes.resource.clear()
    # one record alone is read again until it loads
    changes.load({"updated_at": instant(3)})
    changes.load(change(2, instant(3)), change(3, instant(4)))
    assert changes.rows("id") == [(2,), (3,)]


def test_a_load_that_was_set_back_keeps_what_it_rejected(changes: Changes) -> None:
    """The cursor is at the end by then; the next load still reads the record that was rejected."""
    changes.resource["columns"] = {"name": {"data_type": "text", "nullable": False}}
    changes.load(change(1, instant(2)), change(3, instant(9)))
    broken = change(2, instant(3), None)  # type: ignore[arg-type]
    changes.load(change(1, instant(2)), broken, change(3, instant(9)), since=instant(2))
    changes.load()
    assert changes.place.rows("select count(*) from rejected_rows") == [(1,)]
    changes.load(change(1, instant(2)), change(2, instant(3)), change(3, instant(9)))
    assert changes.rows("id") == [(1,), (2,), (3,)]
    changes.load()
    assert changes.asked[-1] == instant(9)


def test_since_sets_the_cursor_back_for_one_load(changes: Changes) -> None:
    changes.load(change(1, instant(5)), change(2, instant(9)))
    # the first one changed, and its cursor did not move
    changes.load(change(1, instant(5), "b"), change(2, instant(9)))
    assert changes.rows() == [(1, "a"), (2, "a")]
    changes.load(since="2024-01-04")
    assert changes.rows() == [(1, "b"), (2, "a")]
    changes.load()
    assert changes.asked[-1] == instant(9)
    # a later value would leave a gap
    changes.load(since="2024-01-20")
    assert changes.asked[-1] == instant(9)
    report = changes.load(since="yesterday", fails=True)
    assert str(report.errors["changes"]) == (
        "changes: --since: found 'yesterday'; allowed: a value of the cursor updated_at, which is timestamp, such as "
        "2024-01-09T12:00:00Z"
    )


def test_two_loads_at_once_do_not_move_the_cursor_back(changes: Changes) -> None:
    early = [change(1, instant(2)), change(2, instant(3))]
    late = [change(1, instant(6), "new"), change(2, instant(3)), change(3, instant(5))]
    changes.load_late(*early, meanwhile=lambda: changes.load(*late))
    assert changes.rows() == [(1, "new"), (2, "a"), (3, "a")]
    changes.load(*late, change(4, instant(6)))
    assert changes.asked[-1] == instant(6)
    assert changes.rows("id") == [(1,), (2,), (3,), (4,)]


@pytest.mark.parametrize("keys", ["id", []], ids=["with a key", "without a key"])
def test_two_loads_of_events_at_once_lose_and_repeat_nothing(changes: Changes, keys: Any) -> None:
    columns = {"id": {"data_type": "bigint"}, "updated_at": {"data_type": "timestamp"}}
    changes.resource = {"write_disposition": "append", "primary_key": keys, "columns": columns}
    if not keys:
        changes.endpoint["paginator"] = {"type": "single_page"}
    early = [change(1, instant(2)), change(2, instant(3))]
    late = [*early, change(3, instant(3)), change(4, instant(5))]
    changes.load_late(*early, meanwhile=lambda: changes.load(*late))
    assert changes.rows("id") == [(1,), (2,), (3,), (4,)]
    changes.load_late(*late, change(5, instant(6)), meanwhile=lambda: changes.load(*late))
    assert changes.rows("id") == [(1,), (2,), (3,), (4,), (5,)]


def test_rejected_rows_of_loads_at_once_stay(changes: Changes) -> None:
    changes.resource["columns"] = {"name": {"data_type": "text", "nullable": False}}
    broken = change(2, instant(3), None)  # type: ignore[arg-type]
    fixed = change(2, instant(3), "mended")
    others = [change(1, instant(2)), change(3, instant(4))]
    changes.load_late(*others, broken, meanwhile=lambda: changes.load(*others))
    assert changes.place.rows("select count(*) from rejected_rows") == [(1,)]
    changes.load(*others, fixed)
    assert changes.rows("id") == [(1,), (2,), (3,)]
    assert changes.place.rows("select count(*) from rejected_rows") == [(0,)]


def test_a_load_keeps_rejected_rows_that_it_did_not_read_again(changes: Changes) -> None:
    """Another load was set back meanwhile, and rejected a record before the start of this one."""
    changes.resource["columns"] = {"name": {"data_type": "text", "nullable": False}}
    others = [change(1, instant(2)), change(3, instant(9))]
    changes.load(*others)
    broken = change(2, instant(3), None)  # type: ignore[arg-type]
    changes.load_late(*others, broken, meanwhile=lambda: changes.load(since=instant(2)))
    assert changes.place.rows("select count(*) from rejected_rows") == [(1,)]
    changes.load(*others, change(2, instant(3), "mended"))
    assert changes.rows("id") == [(1,), (2,), (3,)]
    assert changes.place.rows("select count(*) from rejected_rows") == [(0,)]


def test_a_crash_before_the_commit_leaves_rows_and_cursor(
    changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes.load(change(1, instant(2)))
    later = [change(1, instant(2)), change(2, instant(3))]

    def crashes(*_: Any) -> None:
        raise WarehouseError("crashed")

    with monkeypatch.context() as patched:
        # the last step of the transaction: rows and ledger are written by then
        patched.setattr(commit, "restore_newer_rows", crashes)
        with pytest.raises(WarehouseError, match="crashed"):
            changes.load(*later)
    assert changes.rows("id") == [(1,)]
    assert changes.cursors() == [(FIRST, instant(2))]
    changes.load(*later)
    assert changes.rows("id") == [(1,), (2,)]


@pytest.mark.slow
def test_a_kill_between_staging_and_commit_leaves_the_cursor(changes: Changes) -> None:
    if changes.place.traits.is_in_this_process:
        pytest.skip("what stands for the engine is in this process")
    changes.load(change(1, instant(2)))
    changes.records = [change(1, instant(2)), change(2, instant(3))]
    script = (
        "import json, os, signal, sys\n"
        "from ecom_assets import rest_api_shop, run_load\n"
        "from ecom_assets_tests.support.warehouses.engines import before_each_load, warehouse_at\n"
        "config, where = json.loads(sys.argv[1]), sys.argv[2]\n"
        "warehouse = before_each_load(warehouse_at(where), lambda: os.kill(os.getpid(), signal.SIGKILL))\n"
        "run_load(rest_api_shop('acme', config), ['changes'], warehouse=warehouse)\n"
    )
    arguments = [json.dumps(changes.config), changes.place.where]
    ended = subprocess.run([sys.executable, "-c", script, *arguments], check=False)
    assert ended.returncode == -9
    assert changes.asked[-1] == instant(2)
    assert changes.rows("id") == [(1,)]
    assert changes.cursors() == [(FIRST, instant(2))]
    changes.load()
    assert changes.rows("id") == [(1,), (2,)]


def test_another_cursor_starts_from_its_initial_value(changes: Changes) -> None:
    instants = {"data_type": "timestamp", "nullable": False}
    changes.resource["columns"] = {
        "version": {"data_type": "bigint", "nullable": False},
        "updated_at": instants,
    }
    changes.load(change(1, instant(2), version=5), change(2, instant(3), version=6))
    changes.incremental |= {"cursor_path": "version", "initial_value": 0, "server_filter": False}
    del changes.incremental["start_param"]
    changes.load(
        change(1, instant(2), version=5), change(2, instant(3), version=6), change(3, FIRST, version=7)
    )
    assert changes.rows("id") == [(1,), (2,), (3,)]
    assert changes.cursors()[-1] == ("0", "7")


def test_nested_lists_go_with_their_records(changes: Changes) -> None:
    changes.others = [
        {
            "name": "lines",
            "primary_key": ["changes_id", "sku"],
            "rows_from": {"resource": "changes", "path": "lines"},
            "include_from_parent": ["id"],
            "columns": {
                "changes_id": {"data_type": "bigint", "path": "_changes_id"},
                "sku": {"data_type": "text"},
            },
        }
    ]
    first = change(1, instant(2), lines=[{"sku": "x"}, {"sku": "y"}])
    second = change(2, instant(3), lines=[{"sku": "z"}])
    changes.load(first, second)
    assert changes.rows("changes_id, sku", "lines") == [(1, "x"), (1, "y"), (2, "z")]
    changes.load(change(1, instant(5), lines=[{"sku": "y"}]), second, names=("changes",))
    changes.load(change(1, instant(5), lines=[{"sku": "y"}]), second, names=("lines",))
    assert changes.rows("changes_id, sku", "lines") == [(1, "y"), (2, "z")]
    assert changes.cursors("lines")[-1] == (instant(3), instant(5)), "each table has its own cursor"


def test_records_older_than_the_cursor_are_left_out(changes: Changes) -> None:
    """As in dlt, an API that ignores the parameter is read as a whole, and that is said."""
    changes.incremental["start_param"] = "ignored"
    changes.load(change(1, "2023-12-31T00:00:00Z"), change(2, instant(3)))
    report = changes.load()
    assert changes.rows("id") == [(2,)]
    assert report.resources["changes"].windows[0].fetched == 1
    assert any("The API ignores ignored, or rounds it" in line for line in changes.said)


def test_a_cursor_of_the_far_future_is_not_read_on_from(changes: Changes) -> None:
    changes.load(change(1, "2099-01-01T00:00:00Z"), change(2, instant(3)))
    changes.load(change(1, "2099-01-01T00:00:00Z"), change(2, instant(3)))
    assert (changes.asked[-1] or "") < "2099"
    changes.load(change(3, "2098-01-01T00:00:00Z"))
    assert changes.rows("id") == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("format_", "sent"),
    [("unix", "1704196800"), ("date", "2024-01-02"), ("%d.%m.%Y %H:%M", "02.01.2024 12:00")],
)
def test_a_declared_format_is_sent(changes: Changes, format_: str, sent: str) -> None:
    changes.incremental |= {"format": format_, "start_param": "from"}
    seen: list[str | None] = []
    changes.load(change(1, instant(2)))
    answer = changes.answer

    def watching(request: Any) -> Any:
        seen.append(dict(request.query).get("from"))
        return answer(request)

    changes.loopback.answering = watching
    changes.load()
    assert seen[-1] == sent


def test_history_keeps_each_state(changes: Changes) -> None:
    changes.resource["write_disposition"] = {"disposition": "merge", "strategy": "scd2"}
    changes.load(change(1, instant(2)), change(2, instant(3)))
    changes.load(change(1, instant(5), "b"), change(2, instant(3)))
    changes.load()
    states = changes.rows("id, name, _dlt_valid_to is null")
    assert states == [(1, "a", False), (1, "b", True), (2, "a", True)]


def test_status_says_where_the_next_load_reads_from(changes: Changes) -> None:
    now = datetime(2024, 2, 1, tzinfo=timezone.utc)

    def entry() -> Any:
        return status(changes.shop, changes.place.warehouse(), now)[0]

    changes.incremental["initial_value"] = 0
    changes.load(change(1, 99), change(2, 100))
    assert (entry().cursor, entry().loaded, entry().rows) == ("100", 1, 2)
    assert missing_windows(changes.shop, changes.place.warehouse(), now) == {}


def test_a_sweep_finds_records_that_are_gone(changes: Changes) -> None:
    changes.resource["deletes"] = "sweep"
    changes.resource["max_deleted"] = 1
    changes.load(change(1, instant(2)), change(2, instant(3)))
    changes.records = [change(2, instant(3))]
    detect_deletes(changes.shop, "changes", warehouse=changes.place.warehouse())
    assert changes.rows("id, deleted_at is null") == [(1, False), (2, True)]
    changes.load(change(1, instant(4)))
    assert changes.rows("id, deleted_at is null") == [(1, True), (2, True)]


def test_a_ledger_of_an_earlier_version_gets_the_columns(changes: Changes) -> None:
    """As it was before there were cursors: without the columns, in the table and in what dlt knows of it."""
    changes.incremental = {}
    changes.load(change(1, instant(2)))
    forget_columns(changes.place, "load_ledger", CURSOR_COLUMNS)
    before = changes.place.rows("select resource, fetched, kept from load_ledger")
    changes.incremental = {"cursor_path": "updated_at", "start_param": "since", "initial_value": FIRST}
    changes.resource["columns"] = {"updated_at": {"data_type": "timestamp"}}
    changes.load(change(1, instant(2)), change(2, instant(3)))
    assert changes.cursors() == [(None, None), (FIRST, instant(3))]
    assert (
        changes.place.rows("select resource, fetched, kept from load_ledger order by loaded_at limit 1")
        == before
    )
