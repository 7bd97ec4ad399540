"""Light commands import nothing heavy, and a process ends as soon as its work is done."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"dagster", "dagster_dlt", "dlt", "duckdb", "numpy", "pandas", "pyarrow", "requests", "sqlalchemy"}

_REPORT = "import atexit, json, sys; atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))\n"


def imported_by(code: str, *arguments: str) -> set[str]:
    """Return the packages that a process with this code had imported when it ended."""
    command = [sys.executable, "-c", _REPORT + code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    modules: list[str] = json.loads(done.stderr.splitlines()[-1])
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("check", "--help"), ("discover", "--help")]
)
def test_a_command_that_only_prints_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    found = imported_by("from ecom_assets.cli.app import main; main()", *arguments)
    assert "ecom_assets" in found
    assert not found & HEAVY


def test_the_instance_of_dagster_needs_nothing_that_loads_data() -> None:
    found = imported_by("import ecom_assets.orchestration.event_log")
    assert "dagster" in found
    assert not found & {"dagster_dlt", "dlt", "duckdb", "numpy", "pandas", "pyarrow"}


# the first to be registered is the last to be called; what is frozen is not among these objects
_COUNT = """
import atexit, gc, sys
atexit.register(lambda: print(len(gc.get_objects()), gc.get_stats()[0]["collections"], file=sys.stderr))
"""


def test_definitions_import_no_database_client_and_no_data_frame_and_end_at_once() -> None:
    """A process ends without taking apart what it imported, and searches it for garbage a few times only."""
    command = [sys.executable, "-c", f"{_COUNT}{_REPORT}import ecom_assets.definitions"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    modules, counts = done.stderr.splitlines()[-2:]
    objects, collections = map(int, counts.split())
    found = {name.partition(".")[0] for name in json.loads(modules)}
    assert "dagster" in found
    assert not found & {"numpy", "pandas", "sqlalchemy", "starlette", "uvicorn"}
    assert objects < 1_000
    assert collections < 100  # over 400 with the thresholds of Python


def test_a_command_ends_without_taking_apart_what_it_imported() -> None:
    command = [sys.executable, "-c", f"{_COUNT}from ecom_assets.cli.app import main; main()", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stderr.split()[-2]) < 1_000
