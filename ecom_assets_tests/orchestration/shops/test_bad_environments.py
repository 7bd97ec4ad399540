"""Invalid settings: each is reported in one line that says what was found and what is allowed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, Failure

from ecom_assets.foundation.errors import DeclarationError, WarehouseError
from ecom_assets.orchestration.automation.alerts import post
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
from ecom_assets.orchestration.translator import ShopTranslator
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets_tests.cli.test_app import run as run  # the fixture
from ecom_assets_tests.support.dagster.dagster_runs import Outcome, declare

PLACEHOLDER = "<configure me>"
NOW = datetime.now(timezone.utc)
YESTERDAY, TOMORROW = (f"{NOW + timedelta(days=days):%Y-%m-%d}" for days in (-1, 1))


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    """Return an instance that ends with the test."""
    with DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def loaded(instance: DagsterInstance, shops: Path | None = None) -> Outcome:
    """Run the snapshots with the settings of the environment."""
    job = build_defs(shops).resolve_job_def("sandbox_snapshots")
    return Outcome(job.execute_in_process(instance=instance, raise_on_error=False))


ALLOWED = "the path of a DuckDB file or an address postgresql://USER:PASSWORD@HOST:PORT/DATABASE"


@pytest.mark.parametrize(
    ("variable", "value", "line", "look"),
    [
        (
            "ECOM_LOCK_TIMEOUT",
            "soon",
            "ECOM_LOCK_TIMEOUT: found 'soon'; allowed: a number of seconds, 0 or more",
            "ECOM_LOCK_TIMEOUT",
        ),
        (
            "ECOM_WAREHOUSE",
            "other://user:s3cr3t@host/base",
            "ECOM_WAREHOUSE: found 'other'; allowed: " + ALLOWED,
            "ECOM_WAREHOUSE",
        ),
        (
            "ECOM_WAREHOUSE",
            "{folder}/text",
            'the warehouse {folder}/text cannot be opened: IO Error: The file "{folder}/text" exists, '
            "but it is not a valid DuckDB database file!",
            "ECOM_WAREHOUSE",
        ),
        (
            "ECOM_WAREHOUSE",
            "{folder}/text/warehouse.duckdb",
            "the warehouse {folder}/text/warehouse.duckdb cannot be locked: File exists ({folder}/text)",
            "ECOM_WAREHOUSE",
        ),
        (
            "ECOM_SANDBOX_ORDERS_PER_DAY",
            "lots",
            "the sandbox cannot start: ECOM_SANDBOX_ORDERS_PER_DAY: found 'lots'; "
            "allowed: a whole number from 0 to 1000000",
            "stderr",
        ),
    ],
)
def test_a_run(
    variable: str,
    value: str,
    line: str,
    look: str,
    instance: DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The failure is that line, its metadata says where to look, and no other error shows."""
    (tmp_path / "text").write_text("no database\n" * 1000)
    monkeypatch.setenv(variable, value.format(folder=tmp_path))
    outcome = loaded(instance)
    assert outcome.failure == line.format(folder=tmp_path)
    assert "s3cr3t" not in outcome.failure
    assert outcome.failure_metadata["shop"] == "sandbox"
    assert look in outcome.failure_metadata["look_at"]
    assert outcome.causes == []


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (":memory:", "ECOM_WAREHOUSE: found ':memory:'; allowed: " + ALLOWED),
        (":memory:mine", "ECOM_WAREHOUSE: found ':memory:'; allowed: " + ALLOWED),
        ("foo:mine", "ECOM_WAREHOUSE: found 'foo'; allowed: " + ALLOWED),
        ("{folder}", "ECOM_WAREHOUSE: found the folder '{folder}'; allowed: " + ALLOWED),
        (
            "/dev/null/warehouse.duckdb",
            "the warehouse /dev/null/warehouse.duckdb cannot be locked: File exists (/dev/null)",
        ),
    ],
)
def test_other_places_without_a_run(value: str, line: str, tmp_path: Path) -> None:
    settings = {"ECOM_WAREHOUSE": value.format(folder=tmp_path)}
    with pytest.raises(WarehouseError) as caught, warehouse_from_environment(settings).transaction("sandbox"):
        pass
    assert str(caught.value) == line.format(folder=tmp_path)


@pytest.mark.parametrize("place", ["gone", "text/folder"])
def test_a_temporary_folder(
    place: str, instance: DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run, and definitions for which a translator gets dlt's resources, fail with the same line."""
    (tmp_path / "text").touch()
    job = build_defs().resolve_job_def("sandbox_snapshots")
    instance.storage_directory()  # Dagster's own temporary folder
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / place))
    outcome = Outcome(job.execute_in_process(instance=instance, raise_on_error=False))
    reason = "No such file or directory" if place == "gone" else "Not a directory"
    line = f"the temporary folder {tmp_path / place} cannot be written: {reason} (TMPDIR names another one)"
    assert outcome.failure == line
    assert outcome.causes == []
    build_defs()  # needs none
    with pytest.raises(WarehouseError) as caught:
        build_defs(translator=ShopTranslator)
    assert str(caught.value) == line
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (None, "the secret 'api_key' of shop 'sandbox' was not found: looked in the Dagster resource, "),
        (PLACEHOLDER, f"the secret 'api_key' of shop 'sandbox' is still the placeholder {PLACEHOLDER}: "),
        (
            "two\nlines",
            "the secret 'api_key' of shop 'sandbox' holds a line break or another control character",
        ),
    ],
)
def test_a_secret(
    key: str | None,
    line: str,
    instance: DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run: Any,
) -> None:
    """A run and the command line report the same."""
    monkeypatch.delenv("SOURCES__SANDBOX__API_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("SOURCES__SANDBOX__API_KEY", key)
    folder = declare(tmp_path / "shops", ('base_url: "sandbox://"', 'base_url: "http://127.0.0.1:9"'))
    outcome = loaded(instance, folder)
    assert outcome.failure.startswith(line)
    assert "\n" not in outcome.failure
    assert "which secrets the shop needs" in outcome.failure_metadata["look_at"]
    assert outcome.causes == []
    capsys.readouterr()  # Dagster's own
    assert run("check", folder / "sandbox.yaml") == (1, "", f"error: {outcome.failure}\n")
    assert run("preview", folder / "sandbox.yaml", "stores") == (1, "", f"error: {outcome.failure}\n")


def shops_of(kind: str, folder: Path) -> str:
    """Write something that is not a valid folder of declarations, and return its path."""
    place = folder / "shops"
    if kind == "a file":
        place.write_text("name: x\n")
    elif kind != "missing":
        place.mkdir()
    if kind == "broken YAML":
        (place / "acme.yaml").write_text("name: [acme\n")
    if kind == "wrong":
        resources = "resources: [{name: things, primary_key: id}]"
        (place / "acme.yaml").write_text(f"name: acme\nclient: {{base_url: ftp://host}}\n{resources}\n")
    if kind == "an alias":
        (place / "acme.yaml").symlink_to(folder / "nowhere.yaml")
    return str(place)


WRONG_SHOPS = {
    "missing": "{shops}: folder: found nothing; allowed: a folder of YAML files (ECOM_SHOPS_DIR)",
    "a file": "{shops}: folder: found a file; allowed: a folder of YAML files (ECOM_SHOPS_DIR)",
    "empty": "{shops}: folder: found no YAML file; allowed: one file per shop, such as sandbox.yaml",
    "an alias": "{shops}: folder: found no YAML file; allowed: one file per shop, such as sandbox.yaml",
    "broken YAML": "{shops}/acme.yaml: line 2, column 1: found broken YAML",
    "wrong": "{shops}/acme.yaml: client.base_url: found ",
}


@pytest.mark.parametrize("kind", WRONG_SHOPS)
def test_shops(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    """Definitions and the command line fail with the same line."""
    shops = shops_of(kind, tmp_path)
    monkeypatch.setenv("ECOM_SHOPS_DIR", shops)
    with pytest.raises(DeclarationError) as caught:
        build_defs()
    line = str(caught.value)
    assert line.startswith(WRONG_SHOPS[kind].format(shops=shops))
    assert "\n" not in line
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert run("check", "acme") == (1, "", f"error: {line}\n")


@pytest.mark.parametrize(
    ("start", "end", "line"),
    [
        ("1999-01-01", "1999-01-03", "partition: found '1999-01-01'; allowed: 2026-01-01 to 20"),
        (YESTERDAY, TOMORROW, f"partition: found '{TOMORROW}'; allowed: 2026-01-01 to {YESTERDAY}"),
        (
            "2026-01-03",
            "2026-01-02",
            "partition: found the range 2026-01-03 to 2026-01-02; allowed: one that starts before it ends",
        ),
        ("", "", "these assets are partitioned: choose a partition, or a range of them"),
    ],
)
def test_partitions(start: str, end: str, line: str, instance: DagsterInstance) -> None:
    """Ranges that Dagster would accept, or fail with an error of its own."""
    job = build_defs().resolve_job_def("sandbox_windows")
    tags = {RANGE_START_TAG: start, RANGE_END_TAG: end} if start else {}
    outcome = Outcome(job.execute_in_process(instance=instance, raise_on_error=False, tags=tags))
    assert outcome.failure.startswith(line)
    assert "--partition" in outcome.failure_metadata["look_at"]


def test_the_sandbox_on_the_command_line(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line reads the sandbox's setting too."""
    monkeypatch.setenv("ECOM_SANDBOX_ORDERS_PER_DAY", "1e3")
    allowed = "ECOM_SANDBOX_ORDERS_PER_DAY: found '1e3'; allowed: a whole number from 0 to 1000000"
    assert run("sandbox", "--port", "0") == (1, "", f"error: {allowed}\n")
    code, out, err = run("check", "sandbox")
    assert (code, err) == (1, f"error: the sandbox cannot start: {allowed}\n")
    assert out.split() == ["(shop)", "secret", "ok", "api_key", "comes", "from", "the", "bundled", "sandbox"]
    assert run("preview", "sandbox", "stores") == (1, "", f"error: the sandbox cannot start: {allowed}\n")


def test_the_webhook() -> None:
    """The error does not show the address, which is a secret."""
    with pytest.raises(Failure) as caught:
        post("hooks.example.com/T0K3N", {"text": "hello"})
    line = "ECOM_ALERT_WEBHOOK: found a value that is not a web address; allowed: http://… or https://…"
    assert caught.value.description == line


def dagster(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run Dagster's command line; return its exit code and its output."""
    (folder / "home").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "DAGSTER_HOME": str(folder / "home"), **environment},
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_dagster_materialize_prints_the_line(tmp_path: Path) -> None:
    """The output has the line, and no traceback through the modules that load."""
    code, printed = dagster(
        tmp_path,
        *("dagster", "asset", "materialize", "-m", "ecom_assets.definitions", "--select", "sandbox/stores"),
        ECOM_WAREHOUSE=":memory:",
    )
    assert code == 1
    assert "ECOM_WAREHOUSE: found ':memory:'; allowed: the path of a DuckDB file" in printed
    assert "The above exception" not in printed
    assert not re.search(r"ecom_assets/(?!orchestration/)", printed)


@pytest.mark.slow
def test_dagster_says_what_it_does_not_know(tmp_path: Path) -> None:
    """Dagster itself refuses a partition that does not exist."""
    select = ["sandbox/orders", "--partition", "1999-01-01"]
    code, printed = dagster(
        tmp_path, "dagster", "asset", "materialize", "-m", "ecom_assets.definitions", "--select", *select
    )
    assert code == 1
    assert select[-1] in printed.splitlines()[-1]


@pytest.mark.slow
def test_dagster_prints_the_line_of_a_wrong_file(tmp_path: Path) -> None:
    """Definitions that do not load name the invalid file and the place in it."""
    command = ["dagster", "definitions", "validate", "-m", "ecom_assets.definitions"]
    shops = shops_of("wrong", tmp_path)
    code, printed = dagster(tmp_path, *command, ECOM_SHOPS_DIR=shops)
    assert code != 0
    assert "acme.yaml: client.base_url: found " in printed
    assert "pydantic" not in printed
    assert "During handling" not in printed
