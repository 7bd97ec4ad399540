"""What a load writes is for its owner alone, until an operator opens it; and nothing is written through a link."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecom_assets.foundation.private_files import private_files
from ecom_assets.warehouse.duckdb.lock import file_lock
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    assert os.umask(before) == 0o022, "a load changed the umask of its process"


def modes(folder: Path) -> dict[str, str]:
    """Return the mode of each file and folder below a folder."""
    return {
        entry.relative_to(folder).as_posix(): f"{stat.S_IMODE(entry.stat().st_mode):o}"
        for entry in sorted(folder.rglob("*"))
    }


def load(warehouse: DuckDbWarehouse) -> dict[str, str]:
    """Write a table, and return the modes of the files while the transaction is open."""
    with warehouse.transaction("acme") as transaction:
        transaction.execute("create or replace table a as select range as x from range(100000)")
        return modes(warehouse.path.parent)


def test_files_and_folders_of_a_new_warehouse_are_private(tmp_path: Path) -> None:
    warehouse = DuckDbWarehouse(tmp_path / "a" / "b" / "one.duckdb", 5, tmp_path / "readers" / "copy.duckdb")
    during = load(warehouse)
    assert {"one.duckdb", "one.duckdb.lock", "one.duckdb.holder"} <= set(during)
    assert set(during.values()) == {"600"}
    assert modes(tmp_path) == {
        "a": "700",
        "a/b": "700",
        "a/b/one.duckdb": "600",
        "a/b/one.duckdb.lock": "600",
        "readers": "700",
        "readers/copy.duckdb": "600",
    }


def test_what_an_operator_opened_stays_open(tmp_path: Path) -> None:
    warehouse = DuckDbWarehouse(tmp_path / "one.duckdb", 5, tmp_path / "copy.duckdb")
    load(warehouse)
    (tmp_path / "one.duckdb").chmod(0o640)
    (tmp_path / "copy.duckdb").chmod(0o644)
    (tmp_path / "one.duckdb.lock").unlink()
    during = load(warehouse)
    assert during["one.duckdb"] == during["one.duckdb.lock"] == "640"
    assert modes(tmp_path)["one.duckdb"] == "640"
    assert modes(tmp_path)["copy.duckdb"] == "644"


def test_the_umask_is_that_of_the_strictest_block_and_comes_back(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    opened.touch(0o644)

    def umask() -> int:
        found = os.umask(0)
        os.umask(found)
        return found

    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with private_files(tmp_path / "new"):
            entered.set()
            leave.wait(5)

    thread = threading.Thread(target=other)
    with private_files(opened):
        assert umask() == 0o022
        thread.start()
        assert entered.wait(5)
        assert umask() == 0o077
    assert umask() == 0o077
    leave.set()
    thread.join()
    assert umask() == 0o022


@pytest.mark.parametrize("end", ["holder", "lock", "new"])
def test_a_link_in_the_place_of_a_file_harms_nothing(tmp_path: Path, end: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious", "utf-8")
    path = tmp_path / "one.duckdb"
    Path(f"{path}.{end}").symlink_to(victim)
    warehouse = DuckDbWarehouse(path, 5)
    if end == "lock":
        with pytest.raises(Exception, match="cannot be locked"):
            load(warehouse)
    else:
        load(warehouse)
        assert not path.is_symlink()
    assert victim.read_text("utf-8") == "precious"


def test_a_link_in_the_place_of_a_new_copy_harms_nothing(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious", "utf-8")
    (tmp_path / "copy.duckdb.new").symlink_to(victim)
    load(DuckDbWarehouse(tmp_path / "one.duckdb", 5, tmp_path / "copy.duckdb"))
    assert victim.read_text("utf-8") == "precious"
    assert not (tmp_path / "copy.duckdb").is_symlink()


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_note_that_is_no_file_names_no_holder(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "one.duckdb"
    note = Path(f"{path}.holder")
    secret = tmp_path / "secret"
    secret.write_text("sk-9f8e7d6c5b4a", "utf-8")
    lines: list[str] = []
    with file_lock(path, 5, lines.append):
        note.unlink()
        if kind == "link":
            note.symlink_to(secret)
        else:
            os.mkfifo(note)
        with pytest.raises(Exception, match="another load") as caught, file_lock(path, 0.1, lines.append):
            pass
    assert "sk-9f8e7d6c5b4a" not in f"{caught.value} {lines}"
