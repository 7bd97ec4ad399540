"""The files of `deploy/` contain no secret, start installed programs, and name variables that are read."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import dagster
import pytest
import yaml

from ecom_assets_tests.support.dagster.deploy_files import DEPLOY, document, leaves
from ecom_assets_tests.support.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
YAML = [path for path in FILES if path.suffix == ".yaml"]
UNITS = [path for path in FILES if path.suffix == ".service"]
EXAMPLES = [path for path in FILES if path.name == "environment.example"]
SECRET = re.compile(r"pass|secret|token|key$|_url$|^broker$|^backend$", re.I)
HARMLESS = re.compile(r"\$\{POSTGRES_PASSWORD|^redis://broker:6379/0$|^(ecom-postgresql|dagster/backfill)$")


def shown(path: Path) -> str:
    return path.relative_to(DEPLOY).as_posix()


@pytest.mark.parametrize("path", YAML, ids=shown)
def test_no_file_holds_a_secret(path: Path) -> None:
    for whole in yaml.safe_load_all(path.read_text("utf-8")):
        for at, value in leaves(whole):
            if SECRET.search(at[-1]) and isinstance(value, str):
                assert value == "" or HARMLESS.search(value), at


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_no_address_has_a_password(path: Path) -> None:
    for found in re.findall(r"\w+://[^\s/@:]*:([^\s@/]+)@", path.read_text("utf-8")):
        assert found in ("password", "${POSTGRES_PASSWORD:?set it in deploy"), found


@pytest.mark.parametrize("path", UNITS, ids=shown)
def test_nobody_else_reads_what_a_unit_writes(path: Path) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(path)
    assert unit["Service"]["UMask"] == "0027"


@pytest.mark.parametrize("path", EXAMPLES, ids=shown)
def test_an_example_of_an_environment_leaves_secrets_to_be_filled_in(path: Path) -> None:
    lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    for line in lines:
        name, sign, value = line.partition("=")
        assert sign
        assert name == name.upper()
        if name.startswith("SOURCES__") or name.endswith(("_URL", "_PASSWORD")):
            assert value == ""


@pytest.mark.parametrize("path", UNITS, ids=shown)
def test_a_unit_starts_a_program_that_is_installed_as_a_user_that_is_not_root(path: Path) -> None:
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path, encoding="utf-8")
    service = parser["Service"]
    program = Path(service["ExecStart"].split()[0])
    assert program.parent == Path("/srv/ecom-assets/.venv/bin")
    assert program.name in {entry.name for entry in entry_points(group="console_scripts")}
    assert service["User"] not in ("", "root")
    for word in re.findall(r"deploy/[\w./-]+", path.read_text("utf-8")):
        assert (ROOT / word).exists(), word
    for needed in parser["Unit"]["After"].split():
        assert needed == "network-online.target" or (DEPLOY / "host" / needed).is_file()


@pytest.mark.parametrize("tier", ["host", "celery"])
def test_variables_of_an_instance_are_in_the_example(tier: str) -> None:
    named = {value for at, value in leaves(document(f"{tier}/dagster.yaml")) if at[-1] == "env"}
    assert named
    example = (DEPLOY / "host/environment.example").read_text("utf-8")
    assert all(re.search(rf"^{name}=$", example, re.M) for name in named)


def test_variables_of_ours_are_read_by_something() -> None:
    named = {name for path in FILES for name in re.findall(r"\bECOM_[A-Z_]+\b", path.read_text("utf-8"))}
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "ecom_assets").rglob("*.py"))
    assert named
    assert {name for name in named if f'"{name}"' not in source} == set()


def test_workers_keep_a_run_longer_than_it_may_take() -> None:
    config = ast.parse((DEPLOY / "celery/dagster_celery_config.py").read_text("utf-8"))
    values = {}
    for node in config.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                values[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    longest = document("celery/dagster.yaml")["run_monitoring"]["max_runtime_seconds"]
    assert values["broker_transport_options"]["visibility_timeout"] > longest
    assert values["worker_prefetch_multiplier"] == 1


def test_a_worker_takes_its_settings_from_the_module_on_its_path() -> None:
    code = (
        "from dagster_celery.app import app; c = app.conf; "
        "print(c.broker_url, c.result_backend, c.worker_disable_prefetch, c.broker_transport_options, c.task_routes)"
    )
    variables = {
        "PATH": "",
        "PYTHONPATH": str(DEPLOY / "celery"),
        "DAGSTER_CELERY_BROKER_URL": "redis://localhost:1/7",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(
        "redis://localhost:1/7 redis://localhost:1/7 True {'visibility_timeout': 86400}"
    )
    assert "execute_job" in done.stdout


def test_the_image_leaves_out_what_only_development_needs() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    assert set(re.findall(r"requirements[\w-]*\.txt", text)) == {
        "requirements.txt",
        "requirements-deploy.txt",
    }


def test_the_image_gets_what_it_copies() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    for line in (DEPLOY / "Dockerfile").read_text("utf-8").splitlines():
        if line.startswith("COPY "):
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists()
                assert f"!{source}" in ignored


def test_what_is_filled_in_gets_neither_into_the_image_nor_into_git() -> None:
    filled_in = [
        "deploy/compose/.env",
        "deploy/compose/shops.env",
        "deploy/compose/shops",
        "deploy/kubernetes/secrets.yaml",
    ]
    kept_out = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    copied = [
        Path(source)
        for line in (DEPLOY / "Dockerfile").read_text("utf-8").splitlines()
        if line.startswith("COPY ")
        for source in line.split()[1:-1]
    ]
    for name in filled_in:
        # a builder that does not know the image's own list of what it ignores sends everything
        assert not [source for source in copied if source in (Path(name), *Path(name).parents)], name
        assert f"/{name}" in kept_out


def test_the_daemon_comes_after_the_definitions_and_lets_backfills_wait_for_them() -> None:
    variable = "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"
    assert variable in (Path(dagster.__file__).parent / "_core/execution/asset_backfill.py").read_text(
        "utf-8"
    )
    daemon = configparser.ConfigParser(strict=False, interpolation=None)
    daemon.read(DEPLOY / "host/ecom-daemon.service")
    assert "ecom-code.service" in daemon["Unit"]["After"].split()
    assert daemon["Unit"]["PartOf"] == "ecom-code.service"
    assert daemon["Service"]["Environment"] == f"{variable}=1"
    container = document("compose/compose.yaml")["services"]["daemon"]
    assert "until dagster api grpc-health-check -h code " in container["entrypoint"][2]
    assert container["depends_on"]["code"] == {"condition": "service_healthy"}
    assert container["environment"][variable] == "1"
    pod = document("kubernetes/values.yaml")["dagsterDaemon"]
    assert {"name": variable, "value": "1"} in pod["env"]
