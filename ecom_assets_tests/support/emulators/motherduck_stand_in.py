"""What stands for MotherDuck in tests: a DuckDB file with the name of the database, in place of the service.

Connections of one process share the file, so that two of its threads come into real conflicts. Another process waits
until the file is closed.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest

TOKEN = "s3cr3t-w0rd"
"""The access token of every place: a canary."""
_numbers = count()


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

    folder = tmp_path_factory.mktemp("motherduck")
    with pytest.MonkeyPatch.context() as patch:
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
