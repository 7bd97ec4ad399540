"""The change sensor asks again for windows that are not loaded, within a budget, whatever becomes of its cursor."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterRunStatus

from ecom_assets.definitions import defs
from ecom_assets.extract.changed_windows import ask_about
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.ledger.coverage import loaded_time
from ecom_assets.orchestration.automation import sensors
from ecom_assets_tests.orchestration.automation.test_sensors import NOW, RANGE, Sensor, at, cursor
from ecom_assets_tests.orchestration.automation.test_sensors import sensor as sensor
from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply
from ecom_assets_tests.support.warehouses.engines import Place

HOUR = timedelta(hours=1)


def ended(sensor: Sensor, tags: dict[str, str], status: DagsterRunStatus = DagsterRunStatus.FAILURE) -> str:
    """Add a run that has ended to the instance."""
    job = defs.resolve_job_def("sandbox_windows")
    return sensor.instance.create_run_for_job(job, tags=tags, status=status).run_id


def requested(found: Any) -> list[str]:
    """Return the partitions, or the ranges of them, that a tick requests."""
    return [
        request.tags.get("dagster/partition") or "...".join(request.tags[name] for name in RANGE)
        for request in found.run_requests or ()
    ]


def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *windows: tuple[str, str]) -> Place:
    """Make a ledger with windows of all tables that were loaded after their end."""
    place = Place("duckdb", str(tmp_path / "ledger.duckdb"))
    monkeypatch.setenv("ECOM_WAREHOUSE", place.where)
    names = ("customers", "orders", "order_items")
    place.write(
        "create schema sandbox",
        "create table sandbox.load_ledger (load_id text, resource text, partition_key text, window_start timestamptz, "
        "window_end timestamptz, source_total bigint, fetched bigint, kept bigint, rejected bigint, "
        "loaded_at timestamptz)",
        *(
            f"insert into sandbox.load_ledger values ('1', '{name}', '{start}', '{start} 00:00:00+00', "
            f"'{end} 00:00:00+00', 0, 0, 0, 0, '{end} 01:00:00+00')"
            for start, end in windows
            for name in names
        ),
    )
    return place


@pytest.mark.parametrize("status", [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED])
def test_a_window_whose_run_failed_is_requested_again_with_another_run_key(
    sensor: Sensor, status: DagsterRunStatus
) -> None:
    sensor.changes = [at(4)]
    (first,) = sensor.tick().run_requests
    ended(sensor, {**first.tags, "dagster/run_key": first.run_key}, status)
    found = sensor.tick(cursor("2026-03-05"), NOW + 2 * HOUR)
    (again,) = found.run_requests
    assert again.tags["dagster/partition"] == "2026-03-04"
    assert again.run_key == "sandbox:2026-03-04@2026-03-05T11:30:00Z"
    ended(sensor, {**again.tags, "dagster/run_key": again.run_key}, status)
    soon = sensor.tick(found.cursor, NOW + 2 * HOUR + timedelta(minutes=50))
    assert not soon.run_requests
    assert soon.skip_message.startswith("2026-03-04: its run ")
    assert soon.skip_message.endswith(" failed; it is requested again at 2026-03-05 12:30 UTC")
    third = sensor.tick(soon.cursor, NOW + 3 * HOUR)
    assert [request.run_key for request in third.run_requests] == ["sandbox:2026-03-04@2026-03-05T12:30:00Z"]


def test_the_first_retry_waits_an_hour_too(sensor: Sensor) -> None:
    """By the run's own time, since the sensor has not seen it before."""
    sensor.changes = []
    day = (datetime.now(timezone.utc) - timedelta(days=2)).date().isoformat()
    ended(sensor, {"dagster/partition": day})
    later = datetime.now(timezone.utc) + timedelta(minutes=1)
    today = json.dumps({"version": 1, "looked_until": f"{later.date()}T00:00:00+00:00"})
    assert sensor.tick(today, later).skip_message.startswith(f"{day}: its run ")
    assert requested(sensor.tick(today, later + HOUR)) == [day]


def test_a_failed_range_is_requested_again_but_for_what_was_loaded_since(sensor: Sensor) -> None:
    ended(sensor, dict(zip(RANGE, ("2026-03-01", "2026-03-04"), strict=True)))
    ended(sensor, {"dagster/partition": "2026-03-02"}, DagsterRunStatus.SUCCESS)
    assert requested(sensor.tick(cursor("2026-03-05"))) == ["2026-03-01", "2026-03-03...2026-03-04"]
    assert requested(sensor.tick(None)) == ["2026-03-01", "2026-03-03...2026-03-04"], "also without a cursor"


def test_what_the_ledger_lacks_is_requested_if_it_has_records(
    sensor: Sensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether or not the cursor was reset. Windows before the first load take a backfill."""
    ledger(tmp_path, monkeypatch, ("2026-02-20", "2026-02-21"), ("2026-02-24", "2026-03-02"))
    sensor.changes = [
        datetime(2026, 2, 19, 5, tzinfo=timezone.utc),
        datetime(2026, 2, 22, 5, tzinfo=timezone.utc),
        at(3),
    ]
    for text in (None, cursor("2026-03-05")):
        assert requested(sensor.tick(text)) == ["2026-02-22", "2026-03-03"]
    quiet = sensor.tick(cursor("2026-03-05"))
    sensor.changes = []
    sensor.api.seen.clear()
    assert "2026-02-21" in (quiet.cursor or ""), "what has no record is not asked again"
    quiet = sensor.tick(quiet.cursor)
    assert len(sensor.api.seen) == 4
    assert sensor.tick(quiet.cursor).skip_message.startswith("no window has closed since")
    assert len(sensor.api.seen) == 4


def test_what_is_loaded_is_not_requested(
    sensor: Sensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ledger(tmp_path, monkeypatch, ("2026-03-01", "2026-03-05"))
    sensor.changes = [at(3), at(4)]
    found = sensor.tick(cursor("2026-03-03"))
    assert not found.run_requests
    assert found.skip_message == "all is loaded already in the windows 2026-03-03 to 2026-03-04"
    assert found.cursor == cursor("2026-03-05")
    place.write(
        "update sandbox.load_ledger set loaded_at = '2026-03-04 12:00:00+00' where resource = 'orders'"
    )
    assert requested(sensor.tick(cursor("2026-03-03"))) == ["2026-03-03...2026-03-04"], (
        "it was loaded while open"
    )
    place.write("update sandbox.load_ledger set loaded_at = '2026-03-06 12:00:00+00', kept = 1")
    assert requested(sensor.tick(cursor("2026-03-03"))) == ["2026-03-03...2026-03-04"], "it does not add up"


def test_the_week_in_which_the_cadence_changes_is_not_skipped(
    sensor: Sensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger(tmp_path, monkeypatch, ("2026-02-22", "2026-03-04"))
    partitions = sensor.shop.partitions
    assert partitions
    sensor.shop = sensor.shop.model_copy(
        update={"partitions": partitions.model_copy(update={"every": "week"})}
    )
    sensor.changes = [at(2)]
    assert requested(sensor.tick(cursor("2026-03-04"), datetime(2026, 3, 9, tzinfo=timezone.utc))) == [
        "2026-03-01"
    ]


def test_a_tick_ends_within_its_budget_and_the_next_one_goes_on(
    sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API is slow, and each day has an order."""
    monkeypatch.setattr(sensors, "BUDGET", 0.2)
    sensor.changes = [at(day) for day in range(1, 6)]
    fast = sensor.answer

    def slowly(seen: Seen) -> Reply:
        time.sleep(0.04)
        return fast(seen)

    sensor.api.answering = slowly
    text, ticks, now = cursor("2026-03-01"), 0, datetime(2026, 3, 6, 1, tzinfo=timezone.utc)
    days: list[str] = []
    while text != cursor("2026-03-06") and ticks < 15:
        ticks += 1
        found = sensor.tick(text, now)
        days += requested(found)
        for request in found.run_requests or ():
            ended(sensor, {**request.tags, "dagster/run_key": request.run_key}, DagsterRunStatus.SUCCESS)
        text = found.cursor
    assert text == cursor("2026-03-06")
    assert ticks > 1
    assert days[0].startswith("2026-03-01")
    assert days[-1].endswith("2026-03-05")


def test_an_api_that_is_slow_for_long_spans_is_asked_about_shorter_ones(
    sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question about all windows takes longer than a tick may, so its answer never comes."""
    monkeypatch.setattr(sensors, "BUDGET", 1.5)
    sensor.changes = [at(4)]
    fast = sensor.answer

    def slowly(seen: Seen) -> Reply:
        start, end = (
            datetime.fromisoformat(dict(seen.query)[name].replace("Z", "+00:00"))
            for name in ("updated_at_min", "updated_at_max")
        )
        time.sleep(2 if (end - start).days > 3 else 0)
        return fast(seen)

    sensor.api.answering = slowly
    text, days = cursor("2026-02-17"), list[str]()
    for _ in range(5):
        found = sensor.tick(text)
        text, days = found.cursor, days + requested(found)
        for request in found.run_requests or ():
            ended(sensor, {**request.tags, "dagster/run_key": request.run_key}, DagsterRunStatus.SUCCESS)
    assert text == cursor("2026-03-05")
    assert days == ["2026-03-04"]


def test_an_api_that_hangs_ends_the_tick_with_a_reason(
    sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "BUDGET", 0.3)

    def hang(_: Seen) -> Reply:
        time.sleep(2)
        return json_reply({"data": [], "total": 0})

    sensor.api.answering = hang
    found = sensor.tick(cursor("2026-03-01"))
    assert found.skip_message == (
        "the API was not asked about all windows within 0.3 s; the next tick goes on with 2026-03-01"
    )
    assert found.cursor == cursor("2026-03-01")


def test_twenty_five_days_of_hours_take_few_questions(sensor: Sensor) -> None:
    partitions = sensor.shop.partitions
    assert partitions
    hourly = partitions.model_copy(update={"every": "hour"})
    windows = windows_between(hourly, NOW - timedelta(days=25), NOW)
    assert len(windows) == 599
    sensor.changes = [at(1, 5), at(1, 6)]
    answers = ask_about(sensor.shop, windows, secrets={})
    assert [window.partition_key for window, answer in answers.changed.items() if answer] == [
        "2026-03-01-05:00",
        "2026-03-01-06:00",
    ]
    assert len(sensor.api.seen) < 100


def test_no_ledger_is_no_loaded_time(sensor: Sensor, tmp_path: Path) -> None:
    assert loaded_time(sensor.shop, Place("duckdb", str(tmp_path / "none.duckdb")).warehouse()) is None
