"""A broker that does not answer: one line that names the variable and the host, and never a password."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from dagster import DagsterInstance

from ecom_assets.client import shared_rate_limit
from ecom_assets.client.shared_rate_limit import SharedRateLimit
from ecom_assets.declaration.reading import load_shop
from ecom_assets.extract.windows import windows_between
from ecom_assets.foundation.errors import BrokerError
from ecom_assets.load.run import run_load
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets_tests.orchestration.shops.test_isolation import declaration, page
from ecom_assets_tests.support.dagster.dagster_runs import Outcome, declare
from ecom_assets_tests.support.paths import ROOT
from ecom_assets_tests.support.servers.broker import Broker, broker
from ecom_assets_tests.support.servers.loopback import Reply, Seen, serving

PASSWORD = "S3same-0pen"
ADDRESS = (
    "found something else than a broker's address (not shown, it may hold a password); allowed: redis://…"
)


@pytest.fixture
def shared() -> Iterator[Broker]:
    """Run a broker with a password."""
    with broker(PASSWORD) as running:
        yield running


def line(url: str) -> str:
    """Return the error of a broker at an address; nothing else of it may stay attached."""
    with pytest.raises(BrokerError) as caught:
        SharedRateLimit("acme", 5, url)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    shown = "".join(traceback.format_exception(caught.value))
    for piece in (PASSWORD, PASSWORD[:4]):
        assert piece not in shown
    return str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost:6379",
        f"redis://:{PASSWORD}",
        f"redis://user:{PASSWORD}/x@localhost:6379",
        f"redis://user:12#{PASSWORD}@localhost:6379",
        f"redis://user:12?{PASSWORD}@localhost:6379/0",
        f"redis://[{PASSWORD}",
        f"redis://:{PASSWORD}@localhost:port/0",
        f"redis://:{PASSWORD}@localhost:6379/0?socket_timeout=soon",
        f"redis://:{PASSWORD}@/0",
    ],
)
def test_wrong_addresses(url: str) -> None:
    assert line(url).startswith(f"ECOM_BROKER: {ADDRESS}")


def test_reasons(shared: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_rate_limit, "_TIMEOUT", 0.1)
    monkeypatch.setattr(shared_rate_limit, "_RETRIES", 1)
    asked = "ECOM_BROKER: the broker at {} cannot be asked for the rate limit of 'acme': {}"
    refused = "it refuses the user or the password"
    assert line(f"redis://{shared.shown}") == asked.format(shared.shown, refused)
    assert line(f"redis://:{PASSWORD}x@{shared.shown}") == asked.format(shared.shown, refused)
    unknown = line(f"redis://:{PASSWORD}@{shared.shown}?{PASSWORD}=1")
    assert unknown == asked.format(shared.shown, "its address has an unknown option")
    with shared.client() as client:
        client.config_set("maxmemory", 1)
    full = SharedRateLimit("acme", 5, shared.url)
    with pytest.raises(BrokerError, match=r"acme': it answers with OutOfMemoryError$"):
        full.wait(60)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        assert line(f"redis://:{PASSWORD}@{where}") == asked.format(where, "no answer within 0.1 s")
    assert line(f"redis://:{PASSWORD}@{where}") == asked.format(where, "connection refused")
    assert line("redis://[::1]:1").startswith("ECOM_BROKER: the broker at [::1]:1 cannot be asked")
    with serving() as api:  # a server that speaks something else
        assert line(f"redis://:{PASSWORD}@{api.host}").startswith(f"ECOM_BROKER: the broker at {api.host} ")


def test_a_restart_is_survived() -> None:
    """The broker is gone for a moment, such as for an upgrade; no run fails."""
    with broker() as first:
        rate_limit = SharedRateLimit("acme", 50, first.url)
        assert rate_limit.wait(60) == 0
        port = first.server.port
    again = ExitStack()
    starting = threading.Timer(0.4, lambda: again.enter_context(broker(port=port)))
    starting.start()
    with again:
        assert rate_limit.wait(60) == 0
        starting.join()


@pytest.mark.parametrize("lost_after", [0, 5, 7])
def test_a_run_whose_broker_is_lost_fails_and_asks_no_more(
    lost_after: int, shared: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has read of an endpoint to its end stays; the others fail with the line."""
    monkeypatch.setenv("ECOM_BROKER", shared.url)
    asked: list[str] = []

    def answer(seen: Seen) -> Reply:
        asked.append(seen.path)
        if len(asked) == lost_after:
            shared.stop()
        return page(seen, data=[], total=0)

    with serving() as api:
        (tmp_path / "acme.yaml").write_text(declaration("acme", api.base_url), "utf-8")
        shop = load_shop(tmp_path / "acme.yaml")
        assert shop.partitions
        start = datetime(2026, 1, 2, tzinfo=timezone.utc)
        windows = windows_between(shop.partitions, start, start + timedelta(days=7))
        api.answering = answer
        names = ["customers", "refunds"]
        if not lost_after:
            shared.stop()
            with pytest.raises(
                BrokerError, match=f"^ECOM_BROKER: the broker at {shared.shown} cannot be asked"
            ):
                run_load(shop, names, windows, secrets={})
            assert asked == []
            return
        report = run_load(shop, names, windows, secrets={})
    assert set(report.errors) == set(names)
    for error in report.errors.values():
        assert isinstance(error, BrokerError)
        assert str(error).startswith(f"ECOM_BROKER: the broker at {shared.shown} cannot be asked")
        assert PASSWORD not in str(error)
    # each of the workers may have had its turn already
    assert lost_after <= len(asked) <= lost_after + shop.policy.concurrency
    assert not Path(os.environ["ECOM_WAREHOUSE"]).exists()


def test_what_dagster_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOM_BROKER", f"redis://:{PASSWORD}@127.0.0.1:1/0")
    job = build_defs(declare(tmp_path)).resolve_job_def("sandbox_snapshots")
    with DagsterInstance.ephemeral() as instance:
        outcome = Outcome(job.execute_in_process(instance=instance, raise_on_error=False))
    assert outcome.failure == (
        "ECOM_BROKER: the broker at 127.0.0.1:1 cannot be asked for the rate limit of 'sandbox': connection refused"
    )
    assert outcome.failure_metadata["look_at"].startswith("ECOM_BROKER in the environment")
    assert PASSWORD not in repr(outcome.result.all_events)


def test_a_client_that_is_not_installed(tmp_path: Path) -> None:
    """Without the variable nobody misses it; with it, the line says what to install."""
    (tmp_path / "redis.py").write_text("raise ImportError", "utf-8")
    script = (
        "import sys; from ecom_assets.client.shared_rate_limit import rate_limit_of\n"
        "rate_limit_of('acme', 5, {}); assert 'redis' not in sys.modules\n"
        "rate_limit_of('acme', 5, {'ECOM_BROKER': 'redis://localhost'})"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stderr.splitlines()[-1] == (
        "ecom_assets.foundation.errors.BrokerError: ECOM_BROKER is set, but the broker's client is not installed: "
        "pip install ecom-assets[broker]"
    )
