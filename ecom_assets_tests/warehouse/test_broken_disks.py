"""Full disks, read-only folders and broken files: the error is one clear line, and the tables stay as they were."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from ecom_assets.foundation.errors import IngestError, WarehouseError
from ecom_assets.load.run import run_load
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import Running
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.support.loads.forked_loads import WINDOWED, Forks, shop_at
from ecom_assets_tests.support.loads.still_sandbox import WEEK
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.loads.whole_tables import dump
from ecom_assets_tests.support.warehouses.mounted import mounted as mounted

ORDERS_PER_DAY = 120
MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def a_day(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a warehouse with one window, to copy."""
    file = tmp_path_factory.mktemp("day") / "one.duckdb"
    load(server, file, 1)
    return file


def load(sandbox: Running, file: Path, days: int = len(WEEK)) -> None:
    """Load the first days into a file."""
    report = run_load(
        shop_at(sandbox.base_url),
        WINDOWED,
        WEEK[:days],
        secrets={"api_key": SANDBOX_KEY},
        warehouse=DuckDbWarehouse(file, 5),
    )
    assert report.errors == {}


@pytest.mark.slow
@pytest.mark.parametrize("first", [True, False], ids=["first load", "later load"])
def test_a_write_that_fails_in_the_load(
    sandbox: Running, forked: Forks, a_day: Path, tmp_path: Path, first: bool
) -> None:
    file = tmp_path / "one.duckdb"
    if not first:
        shutil.copyfile(a_day, file)
    # what dlt writes before the load is smaller than this limit
    status, error = forked.end(forked.load(sandbox.base_url, file, WEEK, largest_file=100_000))
    assert status == 1
    assert error.startswith(f"WarehouseError the warehouse {file} was left as it was: ")
    assert error.endswith(f'Could not write file "{file}.wal": File too large')
    assert dump(file) == ({} if first else dump(a_day))
    load(sandbox, file)
    load(sandbox, tmp_path / "two.duckdb")
    assert dump(file) == dump(
        tmp_path / "two.duckdb",
    )


def test_a_temporary_folder_that_is_full_is_named(sandbox: Running, forked: Forks, tmp_path: Path) -> None:
    file = tmp_path / "one.duckdb"
    status, error = forked.end(forked.load(sandbox.base_url, file, WEEK, largest_file=1000))
    assert status == 1
    assert error.startswith("WarehouseError ")
    assert "cannot be written: File too large (TMPDIR names another one)" in error
    assert not file.exists()


def temporary_folder_problem(folder: Path, reason: str) -> str:
    return f"the temporary folder {folder} cannot be written: {reason} (TMPDIR names another one)"


# an open file of dlt cannot be flushed when it is collected
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("blocks", [1, 4, 12], ids=lambda blocks: f"{blocks} blocks free")
def test_a_temporary_folder_that_is_full_when_a_run_begins(
    sandbox: Running,
    a_day: Path,
    tmp_path: Path,
    mounted: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    blocks: int,
) -> None:
    file = tmp_path / "one.duckdb"
    shutil.copyfile(a_day, file)
    folder = mounted("temporary", "-t", "tmpfs", "-o", "size=1m", "none")
    (folder / "filling").write_bytes(b"x" * (shutil.disk_usage(folder).free - blocks * 4096))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    errors: list[IngestError] = []
    try:
        report = run_load(
            shop_at(sandbox.base_url),
            WINDOWED,
            WEEK,
            secrets={"api_key": SANDBOX_KEY},
            warehouse=DuckDbWarehouse(file, 5),
        )
        errors += report.errors.values()
    except WarehouseError as error:
        errors.append(error)
    assert errors
    for found in errors:
        assert isinstance(found, WarehouseError)
        # it may have been the last stage before the commit
        left = f"the warehouse {file} was left as it was: "
        assert str(found).removeprefix(left) == temporary_folder_problem(folder, "No space left on device")
    assert dump(file) == dump(a_day)


def test_a_temporary_folder_that_is_read_only(
    sandbox: Running,
    a_day: Path,
    tmp_path: Path,
    mounted: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "one.duckdb"
    shutil.copyfile(a_day, file)
    folder = mounted("temporary", "-t", "tmpfs", "-o", "ro", "none")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with pytest.raises(WarehouseError) as failed:
        load(sandbox, file)
    assert str(failed.value) == temporary_folder_problem(folder, "Read-only file system")
    assert dump(file) == dump(a_day)


def test_a_temporary_folder_that_is_gone(
    sandbox: Running, a_day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "one.duckdb"
    shutil.copyfile(a_day, file)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(WarehouseError) as failed:
        load(sandbox, file)
    assert str(failed.value) == temporary_folder_problem(tmp_path / "gone", "No such file or directory")
    assert dump(file) == dump(a_day)


def test_a_full_disk(
    sandbox: Running, forked: Forks, a_day: Path, tmp_path: Path, mounted: Callable[..., Path]
) -> None:
    disk = mounted("disk", "-t", "tmpfs", "-o", "size=5m", "none")
    file = disk / "one.duckdb"
    shutil.copyfile(a_day, file)
    filling = disk / "filling"
    filling.write_bytes(b"x" * (shutil.disk_usage(disk).free - 100_000))
    status, error = forked.end(forked.load(sandbox.base_url, file, WEEK))
    assert (status, "No space left on device" in error) == (1, True), error
    assert error.startswith(f"WarehouseError the warehouse {file} was left as it was: ")
    assert dump(file) == dump(a_day)
    # the same with a file that does not exist yet
    shutil.move(file, tmp_path / "moved.duckdb")
    filling.write_bytes(b"x" * (filling.stat().st_size + shutil.disk_usage(disk).free - 8192))
    status, error = forked.end(forked.load(sandbox.base_url, file, WEEK))
    assert error.startswith(f"WarehouseError the warehouse {file} cannot be opened: ")
    assert not file.exists()
    filling.unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    load(sandbox, file)
    load(sandbox, tmp_path / "two.duckdb")
    assert dump(file) == dump(
        tmp_path / "two.duckdb",
    )


def test_a_file_system_that_is_read_only(
    sandbox: Running, a_day: Path, tmp_path: Path, mounted: Callable[..., Path]
) -> None:
    shutil.copyfile(a_day, tmp_path / "one.duckdb")
    folder = mounted("disk", "--bind", str(tmp_path))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
    with pytest.raises(WarehouseError, match="Read-only file system") as failed:
        load(sandbox, folder / "one.duckdb")
    assert (
        str(failed.value) == f"the warehouse {folder / 'one.duckdb'} cannot be locked: Read-only file system "
        f"({folder / 'one.duckdb.lock'})"
    )


def test_a_file_that_is_read_only(
    sandbox: Running, a_day: Path, tmp_path: Path, mounted: Callable[..., Path]
) -> None:
    file = tmp_path / "one.duckdb"
    shutil.copyfile(a_day, file)
    mounted("one.duckdb", "--bind", str(file))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(file)], check=True)
    with pytest.raises(WarehouseError, match=rf"the warehouse {file} cannot be opened: .*Read-only"):
        load(sandbox, file)
    assert dump(file) == dump(a_day)


def test_permissions(sandbox: Running, a_day: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("permissions do not bind root")
    file = tmp_path / "one.duckdb"
    shutil.copyfile(a_day, file)
    file.chmod(0o444)
    with pytest.raises(WarehouseError, match=rf"the warehouse {file} cannot be opened: .*Permission denied"):
        load(sandbox, file)
    Path(f"{file}.lock").unlink()
    tmp_path.chmod(0o555)
    with pytest.raises(WarehouseError, match=rf"the warehouse {file} cannot be locked: Permission denied"):
        load(sandbox, file)
    tmp_path.chmod(0o755)


def test_a_folder_that_is_a_file(sandbox: Running, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        WarehouseError, match=r"one\.duckdb cannot be locked: (Not a directory|File exists) \(.*file\)$"
    ):
        load(sandbox, tmp_path / "file" / "one.duckdb")


@pytest.mark.parametrize(
    ("offset", "length"), [(0, 4096), (0, 10**9), (12_288, 10**9), (40_000, 10**9)], ids=str
)
def test_a_broken_file_is_one_line(
    sandbox: Running, a_day: Path, tmp_path: Path, offset: int, length: int
) -> None:
    file = tmp_path / "one.duckdb"
    content = bytearray(a_day.read_bytes())
    end = min(offset + length, len(content))
    content[offset:end] = b"\x5a" * (end - offset)
    file.write_bytes(content)
    with pytest.raises(WarehouseError, match=rf"^the warehouse {file} (cannot be|was left)") as failed:
        load(sandbox, file)
    assert "\n" not in str(failed.value)
    assert len(str(failed.value)) < 600


@pytest.mark.parametrize("size", [0, 5000, 13_000])
def test_a_file_that_is_cut_off_is_one_line(sandbox: Running, a_day: Path, tmp_path: Path, size: int) -> None:
    file = tmp_path / "one.duckdb"
    file.write_bytes(a_day.read_bytes()[:size])
    with pytest.raises(WarehouseError, match=rf"^the warehouse {file} (cannot be|was left)") as failed:
        load(sandbox, file)
    assert "\n" not in str(failed.value)


def test_a_write_ahead_log_without_its_file_blocks_no_load(
    sandbox: Running, a_day: Path, tmp_path: Path
) -> None:
    file = tmp_path / "one.duckdb"
    with duckdb.connect(str(tmp_path / "other.duckdb")) as connection:
        connection.execute("set wal_autocheckpoint = '1gb'; create table a as from range(1000)")
        shutil.copyfile(tmp_path / "other.duckdb.wal", f"{file}.wal")
    load(sandbox, file, 1)
    assert dump(file) == dump(a_day)
