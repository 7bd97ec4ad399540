"""What stands for MotherDuck in tests: a DuckDB file with the name of the database, in place of the service.

Connections of one process share the file, so that two of its threads come into real conflicts. Another process waits
until the file is closed. A process that a test starts gets the file in the same way, and not the service.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ecom_assets_tests.support.paths import ROOT

TOKEN = "s3cr3t-w0rd"
"""The access token of every place: a canary."""
_numbers = count()
_IN_OTHER_PROCESSES = """
import importlib.abc, importlib.util, sys

def opened(address):
    # only now: most processes open another warehouse, and many do not find our tests
    from pathlib import Path
    sys.path.append({root!r})
    from ecom_assets_tests.support.emulators.motherduck_stand_in import stand_in
    return stand_in(Path({folder!r}))(address)

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "ecom_assets.warehouse.motherduck.connection":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        real = spec.loader.exec_module
        def exec_module(module):
            real(module)
            module.open_database = opened
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder())
"""
"""The module that Python imports when it starts. It changes the module of the connection, should that be imported."""


def stand_in(folder: Path) -> Callable[[Any], duckdb.DuckDBPyConnection]:
    """Return a function that takes the place of `open_database`, with its files in a folder."""

    def opened(address: Any) -> duckdb.DuckDBPyConnection:
        file = folder / f"{address.parameters['database']}.duckdb"
        while True:
            try:
                return duckdb.connect(file, config={"threads": 1})
            except duckdb.IOException as error:
                if "Could not set lock on file" not in str(error):
                    raise
            time.sleep(0.02)

    return opened


@pytest.fixture(scope="session")
def motherduck_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Put files of this folder in the place of the service."""
    from ecom_assets.warehouse.motherduck.warehouse import MotherDuckWarehouse

    folder, start = tmp_path_factory.mktemp("motherduck"), tmp_path_factory.mktemp("start")
    code = _IN_OTHER_PROCESSES.replace("{folder!r}", repr(str(folder))).replace("{root!r}", repr(str(ROOT)))
    (start / "sitecustomize.py").write_text(code)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(start), prepend=os.pathsep)
        patch.setattr(MotherDuckWarehouse, "connect", staticmethod(stand_in(folder)))
        yield folder


@pytest.fixture(scope="session")
def new_motherduck(motherduck_folder: Path) -> Callable[[], str]:
    """Return a function that returns the address of an empty database."""
    return lambda: f"md:place_{next(_numbers)}?motherduck_token={TOKEN}"


@pytest.fixture(scope="session")
def copied_motherduck(motherduck_folder: Path, new_motherduck: Callable[[], str]) -> Callable[[Any], str]:
    """Return a function that copies the database of a place that nobody has open, and returns its address."""

    def file(where: str) -> Path:
        return motherduck_folder / f"{where.partition('?')[0].removeprefix('md:')}.duckdb"

    def made(place: Any) -> str:
        fresh = new_motherduck()
        shutil.copyfile(file(place.where), file(fresh))
        return fresh

    return made
