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
from ecom_assets_tests.support.warehouses.engines import TRAITS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
HEAVY = set(PYPROJECT["tool"]["ecom-assets"]["heavy-extras"])
"""Extras that are not installed here."""

ALONE = """
import importlib.abc, json, os, sys, traceback

blocked = set()

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}: another extra brings it", name=name)

sys.meta_path.insert(0, Blocker())
blocked.update(json.loads(sys.argv[1]))
from ecom_assets import *
from ecom_assets.cli.app import main
from ecom_assets.client import shared_rate_limit
from ecom_assets.warehouse import choice

for extra, (others, modules) in json.loads(sys.argv[2]).items():
    # a process of its own for each extra, which has imported what all share
    if child := os.fork():
        failed = os.waitpid(child, 0)[1]
        print(extra, "failed" if failed else "imported", flush=True)
        continue
    status = 1
    try:
        blocked.clear()
        blocked.update(others)
        importlib.invalidate_caches()
        for module in modules.split():
            __import__(module)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)
"""

MODULES = {
    "broker": "redis",
    "deploy": "dagster_celery dagster_k8s dagster_postgres ecom_assets.orchestration.celery_launcher",
    "embedded-elt": "dagster_embedded_elt",
    **{name: f"ecom_assets.warehouse.{name}.warehouse" for name in TRAITS if name in EXTRAS.keys() - HEAVY},
}
"""What each extra is for. Those of engines have their names."""


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
    assert MODULES.keys() == EXTRAS.keys() - HEAVY


@pytest.mark.slow
def test_one_extra_is_enough(tmp_path: Path) -> None:
    base = closure(PROJECT["dependencies"])
    everything = closure([name for texts in EXTRAS.values() for name in texts])
    by_extra = {
        extra: (sorted(modules_of(everything - base - closure(EXTRAS[extra]))), MODULES[extra])
        for extra in MODULES
    }
    for extra, (blocked, _) in by_extra.items():
        assert ("psycopg2" in blocked) == ("psycopg2-binary" not in closure(EXTRAS[extra]))
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            ALONE,
            json.dumps(sorted(modules_of(everything - base))),
            json.dumps(by_extra),
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{extra} imported" for extra in MODULES], done.stderr


def modules_of(distributions: set[str]) -> set[str]:
    """Return the packages that only these distributions bring."""
    return {
        module
        for module, found in packages_distributions().items()
        if {canonicalize_name(name) for name in found} <= distributions
    }
