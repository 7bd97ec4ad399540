"""Disk errors: the message names the file or folder that failed, and TMPDIR only for a run's own folder."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from ecom_assets.client.failures import failure_of
from ecom_assets.client.redaction import Redactor
from ecom_assets.foundation.disk_errors import disk_problem
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.temporary_folder import temporary_folder


def os_error(number: int, path: object = None) -> OSError:
    """Return an error as the operating system raises it."""
    return (
        OSError(number, os.strerror(number), path)
        if path is not None
        else OSError(number, os.strerror(number))
    )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("path", ["certificates/ca.pem", b"certificates/ca.pem"], ids=["text", "bytes"])
def test_another_file_is_named_instead_of_the_temporary_folder(number: int, path: object) -> None:
    problem = disk_problem(os_error(number, path))
    assert problem == f"certificates/ca.pem cannot be read or written: {os.strerror(number)}"


def test_another_file_among_the_temporary_files_is_named_too() -> None:
    file = Path(tempfile.gettempdir()) / "shop.duckdb.lock"
    assert disk_problem(os_error(errno.ENOSPC, str(file))) == (
        f"{file} cannot be read or written: {os.strerror(errno.ENOSPC)}"
    )


def test_a_file_in_the_folder_of_a_run_means_the_temporary_folder() -> None:
    expected = (
        f"the temporary folder {tempfile.gettempdir()} cannot be written: {os.strerror(errno.ENOSPC)} "
        "(TMPDIR names another one)"
    )
    with temporary_folder() as folder:
        assert disk_problem(os_error(errno.ENOSPC, str(folder))) == expected
        assert disk_problem(os_error(errno.ENOSPC, str(folder / "packages" / "a.parquet"))) == expected
    # what fails while it is written has no name, and runs write nowhere else
    assert disk_problem(os_error(errno.ENOSPC)) == expected
    assert disk_problem(os_error(errno.ENOSPC, 7)) == expected


def test_an_error_that_the_disk_does_not_cause_is_none() -> None:
    assert disk_problem(os_error(errno.ENOENT, "a")) is None
    assert disk_problem(os_error(errno.ECONNRESET)) is None
    assert disk_problem(ValueError("a")) is None


def test_a_failure_names_the_file_that_the_operating_system_names() -> None:
    try:
        try:
            raise os_error(errno.EACCES, "certificates/s3cr3t-w0rd.pem")
        except OSError as error:
            raise RuntimeError("dlt's wrapping") from error
    except RuntimeError as error:
        failure = failure_of(error, Redactor(("s3cr3t-w0rd",)))
    assert isinstance(failure, WarehouseError)
    assert str(failure) == f"certificates/***.pem cannot be read or written: {os.strerror(errno.EACCES)}"


@pytest.mark.parametrize(
    ("place", "reason"), [("gone", "No such file or directory"), ("file/folder", "Not a directory")]
)
def test_a_temporary_folder_that_cannot_be_made_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / place))
    with pytest.raises(WarehouseError) as failed, temporary_folder():
        pass
    assert str(failed.value) == (
        f"the temporary folder {tmp_path / place} cannot be written: {reason} (TMPDIR names another one)"
    )
    assert failed.value.__cause__ is None


def test_a_machine_without_any_folder_for_temporary_files_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: [str(tmp_path / "gone")])
    with pytest.raises(WarehouseError) as failed, temporary_folder():
        pass
    assert str(failed.value) == (
        f"no temporary folder can be written: No usable temporary directory found in ['{tmp_path / 'gone'}'] "
        "(TMPDIR names another one)"
    )
    assert disk_problem(os_error(errno.ENOSPC)) == (
        f"no temporary folder can be written: {os.strerror(errno.ENOSPC)} (TMPDIR names another one)"
    )
