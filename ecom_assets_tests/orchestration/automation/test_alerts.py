"""The failure sensor: real failed runs, posted to a real webhook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    Failure,
    JobDefinition,
    RunFailureSensorContext,
    SkipReason,
    build_run_status_sensor_context,
    job,
    op,
)

from ecom_assets.declaration.reading import load_shop
from ecom_assets.orchestration.automation.alerts import failure_sensor, post
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.orchestration.resources import shop_resources
from ecom_assets_tests.support.dagster.dagster_runs import declare
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, serving

SHOP_KEY = "key-of-the-shop-0815"
DAY = "2026-01-02"


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """Return a real server that ECOM_ALERT_WEBHOOK names, under a path that is a secret."""
    with serving() as server:
        monkeypatch.setenv("ECOM_ALERT_WEBHOOK", f"{server.base_url}/hooks/T0K3N")
        yield server


@pytest.fixture
def shops(tmp_path: Path) -> Path:
    """Return a declaration whose API does not exist, so that each load fails."""
    return declare(
        tmp_path / "shops",
        ('base_url: "sandbox://"', 'base_url: "http://127.0.0.1:9"'),
        ("partitions:", "policy: {max_retries: 0}\npartitions:"),
    )


def alert(shops: Path, failing: JobDefinition, **arguments: Any) -> Any:
    """Run a job that fails, and hand its failure to the sensor as the daemon does."""
    shop = load_shop(shops / "sandbox.yaml")
    definition = failure_sensor((shop,), shop_resources((shop,), {}))
    with DagsterInstance.ephemeral() as instance:
        result = failing.execute_in_process(instance=instance, raise_on_error=False, **arguments)
        assert not result.success
        context: RunFailureSensorContext = build_run_status_sensor_context(
            sensor_name=definition.name,
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            partition_key=arguments.get("partition_key"),
        ).for_run_failure()
        return definition(context), result.run_id


def windows(shops: Path) -> JobDefinition:
    """Return the job of the windows."""
    return build_defs(shops).resolve_job_def("sandbox_windows")


def failing(text: str) -> JobDefinition:
    """Return a job of no shop that fails with a text."""

    @op
    def breaks() -> None:
        raise ValueError(text)

    @job
    def others() -> None:
        breaks()

    return others


def test_a_failed_load_is_posted(
    shops: Path, webhook: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What failed, where to look, and why, as JSON."""
    monkeypatch.setenv("ECOM_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    monkeypatch.setenv("SOURCES__SANDBOX__API_KEY", SHOP_KEY)
    _, run_id = alert(shops, windows(shops), partition_key=DAY)
    (seen,) = webhook.seen
    assert (seen.method, seen.path) == ("POST", "/hooks/T0K3N")
    assert seen.headers["content-type"] == "application/json"
    message = json.loads(seen.body)
    assert message.keys() == {"text", "run_id", "job", "shop", "error", "partition"}
    assert message["run_id"] == run_id
    assert (message["job"], message["shop"]) == ("sandbox_windows", "sandbox")
    assert message["partition"] == DAY
    assert message["error"].startswith("4 of 4 resources failed") or "customers: " in message["error"]
    start = f"sandbox: run {run_id[:8]} of sandbox_windows for {DAY} failed: "
    assert message["text"] == start + message["error"]
    assert "Traceback" not in seen.body
    assert SHOP_KEY not in seen.body


def test_a_range_is_named_by_its_ends(
    shops: Path, webhook: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A run without its secret fails, and the text says where the secret was looked for."""
    monkeypatch.setenv("ECOM_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    monkeypatch.delenv("SOURCES__SANDBOX__API_KEY", raising=False)
    tags = {
        "dagster/asset_partition_range_start": DAY,
        "dagster/asset_partition_range_end": "2026-01-05",
    }
    alert(shops, windows(shops), tags=tags)
    message = json.loads(webhook.seen[0].body)
    assert message["partition"] == f"{DAY}...2026-01-05"
    assert message["error"].startswith("the secret 'api_key' of shop 'sandbox' was not found")


def test_secrets_are_taken_out(shops: Path, webhook: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop's key and the webhook's address are redacted. A run of no shop is posted too."""
    monkeypatch.setenv("SOURCES__SANDBOX__API_KEY", SHOP_KEY)
    text = f"no answer from https://shop.example/?key={SHOP_KEY} nor {webhook.base_url}/hooks/T0K3N"
    alert(shops, failing(text))
    message = json.loads(webhook.seen[0].body)
    assert "no answer from https://shop.example/?key=*** nor ***" in message["error"]
    assert (message["shop"], message["partition"], message["job"]) == (None, None, "others")
    assert message["text"].startswith("unknown shop: run ")
    assert SHOP_KEY not in webhook.seen[0].body
    assert "T0K3N" not in webhook.seen[0].body


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_webhook_nothing_is_posted(
    shops: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """The tick says why."""
    monkeypatch.delenv("ECOM_ALERT_WEBHOOK", raising=False)
    if value is not None:
        monkeypatch.setenv("ECOM_ALERT_WEBHOOK", value)
    skipped, _ = alert(shops, failing("oh"))
    assert isinstance(skipped, SkipReason)
    assert skipped.skip_message == "ECOM_ALERT_WEBHOOK is not set: nothing was posted"


@pytest.mark.parametrize(
    "address", ["ftp://host/T0K3N", "file:///T0K3N", "T0K3N", "http://", "http://[T0K3N/"]
)
def test_a_value_that_is_not_a_web_address(address: str) -> None:
    """The error says what is allowed. It does not show the value, which is a secret."""
    with pytest.raises(Failure) as caught:
        post(address, {"text": "hello"})
    expected = "ECOM_ALERT_WEBHOOK: found a value that is not a web address; allowed: http://… or https://…"
    assert caught.value.description == expected


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply(500, "broken"), "it answered 500"),
        (Reply(404, "no such hook"), "it answered 404"),
        (Reply(302, "", {"Location": "/elsewhere"}), "it answered 302"),
        (Reply(drop=True), "RemoteDisconnected"),
        (Reply(delay=5), "TimeoutError"),
    ],
)
def test_a_webhook_that_fails(
    webhook: Loopback, monkeypatch: pytest.MonkeyPatch, reply: Reply, problem: str
) -> None:
    """The tick fails and names the problem and the host. A redirect is not followed."""
    monkeypatch.setattr("ecom_assets.orchestration.automation.alerts.TIMEOUT", 0.5)
    webhook.replies = [reply]
    with pytest.raises(Failure) as caught:
        post(f"{webhook.base_url}/hooks/T0K3N", {"text": "hello"})
    assert caught.value.description == f"the alert could not be posted to 127.0.0.1: {problem}"
    assert caught.value.__suppress_context__
    assert len(webhook.seen) == 1


def test_a_webhook_that_refuses_the_connection() -> None:
    """The error has the system's text for a refused connection."""
    with pytest.raises(Failure, match=r"^the alert could not be posted to 127\.0\.0\.1: Connection refused$"):
        post("http://127.0.0.1:9/hooks/T0K3N", {"text": "hello"})


def test_off_until_switched_on(shops: Path) -> None:
    """Like everything that runs by itself."""
    definition = build_defs(shops).get_repository_def().get_sensor_def("alert_on_failure")
    assert definition.default_status is DefaultSensorStatus.STOPPED
