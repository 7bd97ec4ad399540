"""A full disk below a PostgreSQL server, also where it stands for another engine, and below a lake.

The load fails with one line, at whatever statement the room ends, and the tables are as they were. DuckDB's cases are
in `test_broken_disks.py`, MariaDB's in `mysql/test_full_disk.py`. On a service nobody's disk is full.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from ecom_assets.foundation.errors import IngestError, WarehouseError
from ecom_assets.load.trial.loads import DATASET, RESOURCES, load_days
from ecom_assets_tests.support.warehouses.engines import Place, engines_where
from ecom_assets_tests.support.warehouses.mounted import mounted as mounted

pytestmark = pytest.mark.slow
TABLES = (*RESOURCES, "load_ledger")
DAYS = 3
LEAST, STEPS = 10_000, 12
"""How many bytes the second load finds, and how often they are doubled."""


@pytest.fixture
def disk(mounted: Callable[..., Path]) -> Path:
    """Return a small disk. It is not in pytest's folder, which the user of PostgreSQL's server cannot read."""
    return mounted(tempfile.mkdtemp(prefix="disk_"), "-t", "tmpfs", "-o", "size=64m,mode=777", "none")


@pytest.fixture(params=[*engines_where(lambda traits: traits.is_on_postgres), "ducklake"])
def small_place(
    request: pytest.FixtureRequest,
    disk: Path,
    new_lake: Callable[..., Place],
    empty_place: Callable[[str], Place],
    postgres_server: str,
) -> Iterator[Place]:
    """Return a place of which the tables are on that disk, with one day."""
    with ExitStack() as stack:
        if request.param == "ducklake":
            place = Place("ducklake", new_lake(STORAGE__BUCKET_URL=f"file://{disk}/lake").where, DATASET)
        else:
            place = Place(request.param, empty_place(request.param).where, DATASET)
            stack.enter_context(moved(urlsplit(place.where).path.lstrip("/"), postgres_server, disk))
        load_days(place.warehouse(), 0, 1)
        yield place


@contextmanager
def moved(database: str, server: str, disk: Path) -> Iterator[None]:
    """Move a database to a disk, and drop it at the end, so that the disk can be unmounted."""
    folder = disk / "tables"
    folder.mkdir()
    if os.geteuid() == 0:
        shutil.chown(folder, "pgserver")  # the user of the server, which does not run as root
    connection = psycopg2.connect(server)
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(f"create tablespace {database} location '{folder}'")
        cursor.execute(f"alter database {database} set tablespace {database}")
        try:
            yield
        finally:
            cursor.execute(f"drop database {database} with (force)")
            cursor.execute(f"drop tablespace {database}")


def test_a_load_without_room_leaves_everything_as_it_was(small_place: Place, disk: Path) -> None:
    before = small_place.whole_tables(*TABLES)
    filling, errors = disk / "filling", list[IngestError]()
    # each load comes further than the one before it
    for free in [0, *(LEAST << number for number in range(STEPS))]:
        filling.write_bytes(b"x" * (shutil.disk_usage(disk).free - free))
        try:
            load_days(small_place.warehouse(), 1, DAYS)
        except IngestError as error:
            errors.append(error)
        else:
            break
        # PostgreSQL may need room to open a session
        filling.unlink()
        assert small_place.whole_tables(*TABLES) == before
    assert len(errors) > 2
    for full in errors:
        assert isinstance(full, WarehouseError)
        assert re.search("was left as it was: |cannot be opened: ", str(full))
        assert re.search("No space left on device|Check free disk space", str(full))
        assert "\n" not in str(full)
    assert len(small_place.whole_tables("orders")["orders"]) > len(before["orders"])
