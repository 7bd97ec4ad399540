"""Ticks of the change sensor against a real API, on a real instance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    Definitions,
    Failure,
    build_sensor_context,
)

from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets.definitions import defs
from ecom_assets.extract.windows import Window
from ecom_assets.orchestration.assets import shop_assets
from ecom_assets.orchestration.automation.jobs import windows_job
from ecom_assets.orchestration.automation.sensors import change_sensor, contiguous_ranges
from ecom_assets.orchestration.resources import ShopSecrets, secrets_key
from ecom_assets_tests.support.dagster.dagster_runs import WINDOWED, declare
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving

UTC = timezone.utc
NOW = datetime(2026, 3, 5, 9, 30, tzinfo=UTC)
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def cursor(until: str, version: int = 1) -> str:
    """Return the cursor of a sensor that looked at all windows before a day."""
    return json.dumps({"version": version, "looked_until": f"{until}T00:00:00+00:00"})


@dataclass
class Sensor:
    """The sensor of a shop whose API has one order at each instant of `changes`."""

    shop: Shop
    api: Loopback
    instance: DagsterInstance
    changes: list[datetime] = field(default_factory=list)

    def answer(self, seen: Seen) -> Reply:
        """Answer like the sandbox, with the records that changed in the half-open interval."""
        query = dict(seen.query)
        start, end = (
            datetime.fromisoformat(query[name].replace("Z", "+00:00"))
            for name in ("updated_at_min", "updated_at_max")
        )
        found = [{"id": 1} for at in self.changes if start <= at < end and seen.path == "/v1/orders"]
        return json_reply({"data": found[:1], "total": len(found)})

    def tick(self, cursor: str | None = None, now: datetime = NOW) -> Any:
        """Return the result of the sensor's tick at an instant."""
        assert self.shop.partitions
        job = windows_job(self.shop)
        assert job
        definition = change_sensor(self.shop, self.shop.partitions, job, clock=lambda: now)
        whole = Definitions(
            assets=shop_assets(self.shop),
            jobs=[job],
            sensors=[definition],
            resources={secrets_key(self.shop): ShopSecrets()},
        )
        context = build_sensor_context(
            instance=self.instance,
            cursor=cursor,
            definitions=whole,
            resources={secrets_key(self.shop): ShopSecrets()},
        )
        return definition.evaluate_tick(context)

    def run_in_progress(self, job: str, tags: dict[str, str], selection: set[AssetKey] | None = None) -> str:
        """Add a run to the instance that has not ended."""
        run = self.instance.create_run_for_job(
            defs.resolve_job_def(job),
            tags=tags,
            status=DagsterRunStatus.STARTED,
            asset_selection=frozenset(selection) if selection else None,
        )
        return run.run_id


@pytest.fixture
def sensor(tmp_path: Path) -> Iterator[Sensor]:
    """Return a sensor of the bundled shop, at a loopback API, with an instance of its own."""
    with serving() as api, DagsterInstance.ephemeral() as instance:
        folder = declare(
            tmp_path,
            ('base_url: "sandbox://"', f'base_url: "{api.base_url}"'),
            ("  auth: {type: api_key, name: api_key, location: query}\n", ""),
        )
        made = Sensor(load_shop(folder / "sandbox.yaml"), api, instance)
        api.answering = made.answer
        yield made


def at(day: int, hour: int = 12) -> datetime:
    """Return an instant in March."""
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def test_the_first_tick_looks_at_the_last_window(sensor: Sensor) -> None:
    """A changed window is requested by its key. Older windows need a backfill."""
    sensor.changes = [at(2), at(4)]
    found = sensor.tick()
    (request,) = found.run_requests
    assert request.run_key == "sandbox:2026-03-04"
    assert request.tags["dagster/partition"] == "2026-03-04"
    assert found.cursor == cursor("2026-03-05")


def test_nothing_changed(sensor: Sensor) -> None:
    """The tick is skipped with a reason, and the next one does not look at that window."""
    sensor.changes = [at(5, 8)]
    found = sensor.tick()
    assert found.run_requests in (None, [])
    assert found.skip_message == "nothing changed in the windows 2026-03-04 to 2026-03-04"
    assert found.cursor == cursor("2026-03-05")


def test_an_open_window_waits_until_it_closed(sensor: Sensor) -> None:
    """No request is sent before a window closes. Afterwards its early changes are found."""
    sensor.changes = [at(5, 8)]
    found = sensor.tick(cursor("2026-03-05"))
    assert found.skip_message == (
        "no window has closed since 2026-03-05 00:00:00+00:00; the next one closes at 2026-03-06 00:00:00+00:00"
    )
    assert sensor.api.seen == []
    later = sensor.tick(cursor("2026-03-05"), NOW + timedelta(days=1))
    assert [request.run_key for request in later.run_requests] == ["sandbox:2026-03-05"]


def test_a_request_for_each_group_of_windows(sensor: Sensor) -> None:
    """Adjacent windows share a run by range tags, a single one has its key. The same windows have the same run key."""
    sensor.changes = [at(1), at(2), at(4)]
    first, second = sensor.tick(cursor("2026-02-25")).run_requests
    assert first.run_key == "sandbox:2026-03-01...2026-03-02"
    assert tuple(first.tags[name] for name in RANGE) == ("2026-03-01", "2026-03-02")
    assert second.run_key == "sandbox:2026-03-04"
    again = sensor.tick(cursor("2026-02-25")).run_requests
    assert [request.run_key for request in again] == [first.run_key, second.run_key]


def test_the_question_is_cheap(sensor: Sensor) -> None:
    """Each request asks for one record. If nothing changed, one request covers all windows."""
    sensor.tick(cursor("2026-02-01"))
    assert [seen.path for seen in sensor.api.seen] == ["/v1/customers", "/v1/orders"]
    assert {dict(seen.query)["limit"] for seen in sensor.api.seen} == {"1"}


@pytest.mark.parametrize(
    ("job", "tags", "selection", "wanted"),
    [
        ("sandbox_windows", {"dagster/partition": "2026-03-03"}, None, ["2026-03-04"]),
        ("sandbox_windows", dict(zip(RANGE, ("2026-03-01", "2026-03-04"), strict=True)), None, []),
        ("sandbox_windows", dict(zip(RANGE, ("2026-03-01", "2026-03-02"), strict=True)), None, ["3...4"]),
        ("sandbox_snapshots", {"dagster/partition": "2026-03-03"}, None, ["3...4"]),
    ],
)
def test_windows_of_a_run_in_progress_are_left_to_it(
    sensor: Sensor, job: str, tags: dict[str, str], selection: set[AssetKey] | None, wanted: list[str]
) -> None:
    """The run may have a partition or a range. A job of other assets does not count."""
    sensor.changes = [at(3), at(4)]
    sensor.run_in_progress(job, tags, selection)
    found = sensor.tick(cursor("2026-03-03"))
    keys = [key.replace("3...4", "2026-03-03...2026-03-04") for key in wanted]
    assert [request.run_key for request in found.run_requests or ()] == [f"sandbox:{key}" for key in keys]
    if not wanted:
        expected = "a run in progress already loads all changes in the windows 2026-03-03 to 2026-03-04"
        assert found.skip_message == expected


def test_a_backfill_in_progress_counts_when_it_loads_all_tables(sensor: Sensor) -> None:
    """A run of fewer assets does not load what changed."""
    sensor.changes = [at(4)]
    some = sensor.run_in_progress(
        "__ASSET_JOB", {"dagster/partition": "2026-03-04"}, {AssetKey(["sandbox", "orders"])}
    )
    assert sensor.tick().run_requests
    sensor.instance.delete_run(some)
    sensor.run_in_progress(
        "__ASSET_JOB",
        {"dagster/partition": "2026-03-04"},
        {AssetKey(["sandbox", name]) for name in WINDOWED},
    )
    assert not sensor.tick().run_requests


def test_an_api_that_fails_fails_the_tick(sensor: Sensor) -> None:
    """The error is one line, and the cursor stays unchanged."""
    sensor.api.answering = None
    sensor.api.replies = [Reply(404, "no such thing")]
    with pytest.raises(Failure, match="404") as caught:
        sensor.tick(cursor("2026-03-04"))
    assert "\n" not in (caught.value.description or "")
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("wrong", ["yesterday", "[]", "{}", cursor("2026-03-04", version=2), cursor("today")])
def test_a_cursor_that_is_not_ours(sensor: Sensor, wrong: str) -> None:
    """After somebody edited the cursor, the tick says what to do."""
    with pytest.raises(Failure) as caught:
        sensor.tick(wrong)
    assert caught.value.description == (
        f"this sensor cannot read the cursor {wrong!r}: reset the cursor in the UI"
    )


def test_the_bundled_sensor_asks_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the real clock and the sandbox's real server: yesterday had orders."""
    monkeypatch.setenv("ECOM_SANDBOX_ORDERS_PER_DAY", "20")
    definition = defs.get_repository_def().get_sensor_def("sandbox_changes")
    assert definition.default_status is DefaultSensorStatus.STOPPED
    with DagsterInstance.ephemeral() as instance:
        context = build_sensor_context(
            instance=instance, definitions=defs, resources={"sandbox_secrets": ShopSecrets()}
        )
        (request,) = definition.evaluate_tick(context).run_requests or ()
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert request.tags["dagster/partition"] == str(yesterday)


def test_contiguous_groups() -> None:
    """The result is ordered whatever the input's order. A gap ends a range."""
    windows = [Window(f"{day}", at(day, 0), at(day + 1, 0)) for day in (7, 3, 2, 5)]
    keys = [[window.partition_key for window in group] for group in contiguous_ranges(windows)]
    assert keys == [["2", "3"], ["5"], ["7"]]
    assert contiguous_ranges([]) == []
