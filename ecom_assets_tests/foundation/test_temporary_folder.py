"""Temporary folders: only their owner sees them, and cleaning up touches nothing of anybody else."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecom_assets.foundation.temporary_folder import temporary_folder


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder for temporary files in which everybody may create names, with a generous umask."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = os.umask(0)
    yield folder
    os.umask(before)


def clean_up() -> None:
    """Do what a run does first and last."""
    with temporary_folder():
        pass


def make_old(path: Path) -> None:
    """Let a path look as if it was left behind hours ago."""
    then = time.time() - 7200
    os.utime(path, (then, then), follow_symlinks=False)


def test_only_the_owner_sees_it(shared: Path) -> None:
    """The folder is closed to all others, whatever the umask is, and is gone in the end."""
    with temporary_folder() as folder:
        assert stat.S_IMODE(folder.lstat().st_mode) == 0o700
        assert folder.parent == shared
    assert list(shared.iterdir()) == []


def test_what_a_killed_run_left_is_removed(shared: Path) -> None:
    """A folder of one's own that is old and not locked goes; a young one stays."""
    for name in ("old", "young"):
        folder = shared / f"ecom_assets_{name}"
        folder.mkdir(0o700)
        (folder / "data").write_text("x")
    make_old(shared / "ecom_assets_old")
    clean_up()
    assert [path.name for path in shared.iterdir()] == ["ecom_assets_young"]


def test_a_link_in_an_abandoned_folder_is_not_followed(shared: Path, tmp_path: Path) -> None:
    """A link within a folder of one's own goes with the folder; what it leads to stays."""
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "data").write_text("precious")
    folder = shared / "ecom_assets_old"
    folder.mkdir(0o700)
    (folder / "link").symlink_to(tmp_path / "target")
    make_old(folder)
    clean_up()
    assert list(shared.iterdir()) == []
    assert (tmp_path / "target" / "data").read_text() == "precious"


@pytest.mark.parametrize(
    "kind", ["link to a folder", "link to nothing", "linked lock", "file", "folder for all"]
)
def test_traps_are_left_alone(kind: str, shared: Path, tmp_path: Path) -> None:
    """No link is followed, and no file is emptied, created or removed at its other end."""
    target = tmp_path / "target"
    target.mkdir()
    if kind == "linked lock":
        (target / "held").write_text("precious")
    before = sorted(target.iterdir())
    trap = shared / "ecom_assets_trap"
    if kind == "link to a folder":
        trap.symlink_to(target)
    elif kind == "link to nothing":
        trap.symlink_to(target / "nothing")
    elif kind == "file":
        trap.write_text("precious")
    else:
        trap.mkdir(0o777)
        if kind == "linked lock":
            (trap / "held").symlink_to(target / "held")
    make_old(trap)
    clean_up()
    assert sorted(target.iterdir()) == before
    assert all(path.read_text() == "precious" for path in before)
    assert os.path.lexists(trap)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away"
)
def test_a_folder_of_another_user_is_left_alone(shared: Path, tmp_path: Path) -> None:
    """Also root leaves alone what belongs to somebody else, whose lock may be a link to a file of root."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    trap = shared / "ecom_assets_trap"
    trap.mkdir(0o700)
    (trap / "held").symlink_to(precious)
    os.chown(trap, 12345, 12345)
    make_old(trap)
    clean_up()
    assert precious.read_text() == "precious"
    assert (trap / "held").is_symlink()
