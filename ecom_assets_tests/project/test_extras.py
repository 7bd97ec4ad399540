"""Each extra alone is enough: the package imports without what the other extras bring.

`make test-newest` installs the package without any, and loads.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ecom_assets_tests.support.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]

ALONE = """
import importlib.abc, json, sys

blocked = set(json.loads(sys.argv[1]))

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}: another extra brings it", name=name)

sys.meta_path.insert(0, Blocker())
from ecom_assets import *
from ecom_assets.cli.app import main
from ecom_assets.client import shared_rate_limit
from ecom_assets.warehouse import choice
for module in sys.argv[2].split():
    __import__(module)
print("imported")
"""

MODULES = {
    "broker": "redis",
    "deploy": "dagster_celery dagster_k8s dagster_postgres ecom_assets.orchestration.celery_launcher",
    "ducklake": "ecom_assets.warehouse.ducklake.warehouse",
    "embedded-elt": "dagster_embedded_elt",
    "bigquery": "google.cloud.bigquery ecom_assets.warehouse.bigquery.warehouse",
    "mysql": "pymysql ecom_assets.warehouse.mysql.warehouse",
    "postgres": "psycopg2 ecom_assets.warehouse.postgres.warehouse",
    "snowflake": "snowflake.connector ecom_assets.warehouse.snowflake.warehouse",
}
"""What each extra is for."""


def closure(names: list[str]) -> set[str]:
    """Return the distributions that requirements bring, those that they need included."""
    found: set[str] = set()
    waiting = [Requirement(name) for name in names]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), tuple(sorted(requirement.extras)))
        if key in seen:
            continue
        seen.add(key)
        found.add(key[0])
        try:
            needed = [Requirement(text) for text in requires(requirement.name) or ()]
        except PackageNotFoundError:
            continue
        for entry in needed:
            extras = [{"extra": extra} for extra in requirement.extras] or [{"extra": ""}]
            if entry.marker is None or any(entry.marker.evaluate(values) for values in extras):
                waiting.append(entry)
    return found


def test_each_extra_says_what_it_is_for() -> None:
    assert MODULES.keys() == EXTRAS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("extra", EXTRAS)
def test_one_extra_is_enough(extra: str, tmp_path: Path) -> None:
    own = closure([*PROJECT["dependencies"], *EXTRAS[extra]])
    others = closure([name for texts in EXTRAS.values() for name in texts]) - own
    blocked = [
        module
        for module, distributions in packages_distributions().items()
        if {canonicalize_name(name) for name in distributions} <= others
    ]
    assert ("psycopg2" in blocked) == (extra not in ("deploy", "postgres"))
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            ALONE,
            json.dumps(blocked),
            MODULES[extra],
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "imported" in done.stdout
