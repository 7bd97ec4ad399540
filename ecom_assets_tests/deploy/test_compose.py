"""`deploy/compose`: everything that a service names exists, and the image has the programs of its commands."""

from __future__ import annotations

import json
import re
import subprocess
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from ecom_assets_tests.support.dagster.deploy_files import DEPLOY, document, leaves

FILE = DEPLOY / "compose/compose.yaml"
COMPOSE = document("compose/compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: entry for name, entry in SERVICES.items() if "build" in entry}
SERVICE_KEYS = {
    *(
        "build",
        "command",
        "configs",
        "depends_on",
        "deploy",
        "entrypoint",
        "env_file",
        "environment",
        "healthcheck",
        "image",
        "init",
    ),
    *("ports", "profiles", "restart", "stop_grace_period", "volumes"),
}
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def mounted(entry: str) -> str:
    """Return the source of a volume, with the default of its variable."""
    return VARIABLE.sub(lambda found: found[3] or "", entry).split(":")[0]


def profiles(name: str) -> set[str]:
    return set(SERVICES[name].get("profiles", []))


def test_there_is_what_the_tiers_need() -> None:
    assert set(SERVICES) == {"postgres", "code", "webserver", "daemon", "broker", "worker"}
    assert set(OURS) == {"code", "webserver", "daemon", "worker"}
    assert {name for name in SERVICES if profiles(name)} == {"broker", "worker"}


@pytest.mark.parametrize("name", SERVICES)
def test_all_that_a_service_names_is_declared(name: str) -> None:
    service = SERVICES[name]
    assert set(service) <= SERVICE_KEYS
    for volume in service.get("volumes", []):
        source = mounted(volume)
        assert source.startswith("./") or source in COMPOSE["volumes"], volume
    for config in service.get("configs", []):
        assert config["source"] in COMPOSE["configs"]
    for other, need in service.get("depends_on", {}).items():
        # a service that is always started may not need one that is not
        assert profiles(other) <= profiles(name)
        assert need == {"condition": "service_healthy"}
        assert "healthcheck" in SERVICES[other]


def test_nothing_that_is_declared_is_left_over() -> None:
    used = {mounted(volume) for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert set(COMPOSE["volumes"]) <= used
    configs = {config["source"] for service in SERVICES.values() for config in service.get("configs", [])}
    assert set(COMPOSE["configs"]) == configs


@pytest.mark.parametrize("tier", ["host", "celery"])
def test_what_is_mounted_or_built_from_exists(tier: str) -> None:
    instance = COMPOSE["configs"]["instance"]["file"].replace("${DEPLOY_TIER:-host}", tier)
    assert (FILE.parent / instance).resolve() == DEPLOY / tier / "dagster.yaml"
    assert (FILE.parent / instance).is_file()
    assert (FILE.parent / COMPOSE["configs"]["workspace"]["file"]).is_file()
    for service in OURS.values():
        context = (FILE.parent / service["build"]["context"]).resolve()
        assert (context / service["build"]["dockerfile"]).is_file()
        assert (context / "requirements.txt").is_file()


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_program_that_is_installed_and_has_the_variables_of_its_instance(name: str) -> None:
    programs = {entry.name for entry in entry_points(group="console_scripts")}
    assert OURS[name]["command"][0] in programs
    variables = OURS[name]["environment"]
    for tier in ("host", "celery"):
        named = {value for at, value in leaves(document(f"{tier}/dagster.yaml")) if at[-1] == "env"}
        assert named <= set(variables)


def test_addresses_are_those_of_services() -> None:
    (location,) = document("compose/workspace.yaml")["load_from"]
    command = SERVICES[location["grpc_server"]["host"]]["command"]
    assert command[command.index("-p") + 1] == str(location["grpc_server"]["port"])
    variables = OURS["code"]["environment"]
    for name in ("DAGSTER_POSTGRES_URL", "DAGSTER_CELERY_BROKER_URL"):
        found = re.search(r"(?:@|//)(\w+):\d+/", variables[name])
        assert found is not None
        assert found[1] in SERVICES


def test_only_the_host_reaches_the_web_server_and_nothing_else_is_reached() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"webserver": ["127.0.0.1:3000:3000"]}


def test_queued_runs_fit_the_workers() -> None:
    worker = SERVICES["worker"]
    (places,) = (int(word.split("=")[1]) for word in worker["command"] if word.startswith("--concurrency="))
    limit = document("celery/dagster.yaml")["concurrency"]["runs"]["max_concurrent_runs"]
    assert worker["deploy"]["replicas"] * places == limit


def test_variables_that_compose_fills_in_are_in_the_example() -> None:
    example = (FILE.parent / "environment.example").read_text("utf-8")
    needed = {found[1] for found in VARIABLE.finditer(FILE.read_text("utf-8")) if found[2] == "?"}
    assert needed == {"POSTGRES_PASSWORD"}
    assert all(f"{name}=\n" in example for name in needed)


def test_compose_itself_reads_it(tmp_path: Path) -> None:
    try:
        subprocess.run(["docker", "compose", "version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no docker compose here")
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=for-the-test\n", "utf-8")
    command = [
        "docker",
        "compose",
        "--env-file",
        str(tmp_path / ".env"),
        "--profile",
        "celery",
        "-f",
        str(FILE),
    ]
    done = subprocess.run(
        [*command, "config", "--format", "json"], capture_output=True, text=True, check=True
    )
    assert set(json.loads(done.stdout)["services"]) == set(SERVICES)
