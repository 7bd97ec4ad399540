"""Whole runs, each with keys of its own that the server repeats: no file and no terminal ever holds one.

The runs are Dagster's, on an instance on disk, with every library logging all that it can. Looked through are
Dagster's folder (events, compute logs), dlt's, the temporary ones before they are deleted, the warehouse, what
went to the terminal, and what the failure sensor posts.
"""

from __future__ import annotations

import http.client
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dlt
import dlt.common.logger
import pytest
import yaml
from dagster import DagsterInstance, ExecuteInProcessResult, build_run_status_sensor_context

from ecom_assets.declaration.reading import load_shops
from ecom_assets.orchestration.automation.alerts import failure_sensor
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.orchestration.resources import shop_resources
from ecom_assets_tests.support.secrets.canaries import AUTHS, new_key, traces_of_run
from ecom_assets_tests.support.secrets.canary_cases import CASES, Case
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.servers.self_signed import serving_tls

QUICK = ["status 401", "data", "rejected", "crash at the load"]
"""One way to fail at each stage; slow tests have all of them."""
LOGGERS = ("", "dlt", "dlt_in_test", "urllib3", "requests", "dagster", "ecom_assets", "asyncio")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that keeps every file written, those of temporary folders too."""
    for name in ("home", "temporary", "kept", "data", "shops"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ECOM_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    cleanup = tempfile.TemporaryDirectory.cleanup

    def kept(temporary: tempfile.TemporaryDirectory[str]) -> None:
        if Path(temporary.name).exists():
            shutil.copytree(temporary.name, tmp_path / "kept" / Path(temporary.name).name, dirs_exist_ok=True)
        cleanup(temporary)

    monkeypatch.setattr(tempfile.TemporaryDirectory, "cleanup", kept)
    return tmp_path


@pytest.fixture
def talkative(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Turn every library's log to its most verbose level, in a file and on the terminal."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    dlt.secrets.get("nothing")  # dlt makes a logger of its own on first use
    monkeypatch.setattr(dlt.common.logger, "LOGGER", logging.getLogger("dlt_in_test"))
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    handlers: list[logging.Handler] = [
        logging.FileHandler(folder / "all.log"),
        logging.StreamHandler(sys.stderr),
    ]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    for handler in handlers:
        logging.getLogger().addHandler(handler)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for handler in handlers:
        logging.getLogger().removeHandler(handler)
        handler.close()


Run = Callable[[str, str], tuple[ExecuteInProcessResult, list[str]]]


@pytest.fixture
def run(
    folder: Path, talkative: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Run a case with an auth kind, and return Dagster's result and where a key was found."""
    with ExitStack() as stack:
        api, other, webhook = (stack.enter_context(serving()) for _ in range(3))

        def runs(name: str, auth: str) -> tuple[ExecuteInProcessResult, list[str]]:
            case = CASES[name]
            tls_host = stack.enter_context(serving_tls(folder)) if name == "self-signed" else ""
            places = {"base_url": api.base_url, "host": api.host, "folder": str(folder), "tls_host": tls_host}
            keys = prepared(case, auth, folder, places, monkeypatch)
            api.answering = answering(case, name, keys, other)
            monkeypatch.setenv("ECOM_ALERT_WEBHOOK", f"{webhook.base_url}/hooks/{keys[-1].encode().hex()}")
            with monkeypatch.context() as patch:
                case.breaks(patch, keys)
                result = executed(folder)
            written = capfd.readouterr()
            (folder / "terminal.txt").write_text(f"{written.out}\n{written.err}", "utf-8")
            (folder / "posted.txt").write_text("\n".join(seen.body for seen in webhook.seen), "utf-8")
            assert result.success == case.succeeds, failure_of(result)
            assert len(webhook.seen) == (not case.succeeds)
            assert not other.seen
            assert case.message in ("" if result.success else failure_of(result))
            return result, traces_of_run(folder, auth, keys)

        yield runs


def prepared(
    case: Case, auth: str, folder: Path, places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Declare the shop, put its secrets into the environment, and return them and a token to give out."""
    config, names = AUTHS[auth]
    # where a token is given out, it is the last of them
    given = ["token"] if auth in ("oauth2", "login") and case is not CASES["token"] else []
    keys = [new_key(plain=case.plain) for _ in (*names, *given)]
    for name, key in zip(names, keys, strict=False):
        monkeypatch.setenv(f"SOURCES__CANARY__{name.upper()}", key)
    for name, value in case.environment.items():
        monkeypatch.setenv(name, value.format(**places))
    document = {
        "name": "canary",
        "client": {
            "base_url": case.base_url.format(**places),
            "auth": json.loads(json.dumps(config).replace("{base_url}", case.base_url.format(**places))),
            **case.client,
        },
        "policy": {"max_retries": 1, "backoff_factor": 0.01, "timeout": 0.3},
        "resources": [
            {
                "name": "things",
                "primary_key": "id",
                "endpoint": {"path": "things", "data_selector": "data"},
                "columns": {"id": {"data_type": "bigint", "nullable": False}},
                **case.resource(keys),
            }
        ],
    }
    (folder / "shops" / "canary.yaml").write_text(yaml.safe_dump(document), "utf-8")
    return keys


def answering(case: Case, name: str, keys: list[str], other: Loopback) -> Callable[[Seen], Reply]:
    """Return the server of a case, which gives out tokens all the same."""

    def reply(seen: Seen) -> Reply:
        if seen.path == "/token" and name != "token":
            return json_reply({"access_token": keys[-1], "expires_in": 3600})
        return case.answer(seen, keys, other.base_url)

    return reply


def executed(folder: Path) -> ExecuteInProcessResult:
    """Run the shop's job, and its failure through the sensor as the daemon does."""
    shops, _ = load_shops(folder / "shops")
    job = build_defs(folder / "shops").resolve_job_def("canary_snapshots")
    with DagsterInstance.get() as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        if not result.success:
            sensor = failure_sensor(shops, shop_resources(shops, {}))
            context = build_run_status_sensor_context(
                sensor_name=sensor.name,
                dagster_event=result.get_run_failure_event(),
                dagster_instance=instance,
                dagster_run=result.dagster_run,
            ).for_run_failure()
            sensor(context)
    return result


def failure_of(result: ExecuteInProcessResult) -> str:
    """Return the description of the failed step."""
    for event in result.all_events:
        if event.event_type_value == "STEP_FAILURE":
            data: Any = event.step_failure_data
            return (data.user_failure_data and data.user_failure_data.description) or str(data.error)
    return "no step failed"


@pytest.mark.parametrize("name", QUICK)
def test_no_key_is_left_behind(name: str, run: Run) -> None:
    """A few of the cases, each with another auth kind."""
    assert run(name, list(AUTHS)[QUICK.index(name) % len(AUTHS)])[1] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in QUICK])
def test_no_key_is_left_behind_by_any_case(name: str, run: Run) -> None:
    """Every other case, with one of the auth kinds."""
    auth = "oauth2" if name == "token" else list(AUTHS)[list(CASES).index(name) % len(AUTHS)]
    assert run(name, auth)[1] == []


@pytest.mark.slow
@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("name", ["status 403", "data"])
def test_no_key_is_left_behind_with_any_auth(name: str, auth: str, run: Run) -> None:
    """Every auth kind, with a few of the cases."""
    assert run(name, auth)[1] == []
