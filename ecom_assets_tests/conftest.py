"""What holds for every test: nothing of the caller's environment gets in, and nothing leaves the machine.

Fixtures of one concern stand in the test file of that concern.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from ecom_assets_tests.support.examples import FEW, MANY
from ecom_assets_tests.support.warehouses.conformance import engines_of, repeated_variations, server_of
from ecom_assets_tests.support.warehouses.engine_traits import traits_modules
from ecom_assets_tests.support.warehouses.engines import copy_of as copy_of
from ecom_assets_tests.support.warehouses.engines import empty_place as empty_place
from ecom_assets_tests.support.warehouses.engines import new_place as new_place
from ecom_assets_tests.support.warehouses.engines import place as place

if TYPE_CHECKING:
    from ecom_assets_tests.support.loads.forked_loads import Forks

# before dlt or dagster is imported, which read it once
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"

# a loaded machine is no failure, and a pipeline must fail for the change it tests, not for its luck
settings.register_profile(FEW, deadline=None, derandomize="CI" in os.environ, max_examples=10)
settings.register_profile(MANY, settings.get_profile(FEW), max_examples=20)
settings.load_profile(FEW)

_numbers = count()
_THRESHOLDS = (10_000, 20, 50)
"""New objects before the garbage collector looks at them, and so on: more than Python's own, below those of a load."""

TESTS = Path(__file__).parent
LONGEST = ("deploy", "project", "warehouse", "discovery", "load", "orchestration", "extract")
"""The packages whose files take longest. They start first, so that no process is left with one of them alone."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the fixtures of each engine known. What is imported and collected from here on stays: it is no garbage."""
    gc.disable()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # a shell starts its background jobs so. Tests interrupt processes, which would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for module in traits_modules().values():
        config.pluginmanager.register(module)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that has a place on each of its engines, unless it names them itself."""
    names = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "new_place" in metafunc.fixturenames and not any("new_place" in name for name in names):
        path = metafunc.definition.path.relative_to(TESTS)
        engines = engines_of(path, metafunc.function.__name__)
        metafunc.parametrize("new_place", engines, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort tests by package: the longest first, all others as they were. Leave out variations that add nothing."""

    def place(item: pytest.Item) -> int:
        package = item.path.relative_to(TESTS).parts[0]
        return LONGEST.index(package) if package in LONGEST else len(LONGEST)

    left_out = repeated_variations(items)
    config.hook.pytest_deselected(items=left_out)
    items[:] = sorted((item for item in items if item not in left_out), key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep the tests of a file in one process, and those of an engine whose server takes seconds to start."""
    from xdist.scheduler import LoadScopeScheduling

    class ByServer(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            return server_of(nodeid) or nodeid.partition("::")[0]

    return ByServer(config, log)


def pytest_collection_finish() -> None:
    """Spare the garbage collector all that is there before the first test: thousands of tests, and modules."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    if "dagster" in sys.modules:
        from ecom_assets_tests.support.dagster.migrations import read_migrations_once

        read_migrations_once()


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Return the process that forks, with a folder for temporary files that stays."""
    from ecom_assets_tests.support.loads.forked_loads import forks

    with forks(tmp_path_factory.mktemp("scratch")) as running:
        yield running


@pytest.fixture(autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give each test a warehouse of its own, and no other setting of this project or of Dagster."""
    # neither `tmp_path` nor `monkeypatch`: Hypothesis objects to fixtures that are made once for all examples
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("ECOM_") or name == "DAGSTER_HOME"]:
            patch.delenv(name)
        folder = tmp_path_factory.getbasetemp() / "warehouses" / str(next(_numbers))
        patch.setenv("ECOM_WAREHOUSE", str(folder / "warehouse.duckdb"))
        yield
