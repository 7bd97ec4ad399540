"""DuckDB's extensions of a lake: their signatures are verified once, and again when a file is another one."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from ecom_assets.warehouse.ducklake import attach
from ecom_assets.warehouse.ducklake.configuration import Lake


@pytest.fixture
def extension(tmp_path: Path) -> str:
    """Return a copy of an extension's file."""
    (file,) = attach.extension_files(_lake(tmp_path))[1:]
    return str(shutil.copy(file, tmp_path))


def _lake(folder: Path) -> Lake:
    return Lake(
        catalog_kind="sqlite",
        path=folder / "catalog.sqlite",
        address="",
        schema="lake",
        files=str(folder),
        bucket=None,
        override_data_path=False,
        automatic_migration=False,
    )


def _change_signature(file: str) -> None:
    content = bytearray(Path(file).read_bytes())
    content[-1] ^= 1
    other = Path(f"{file}.other")
    other.write_bytes(content)
    other.replace(file)  # the process still uses what it has loaded, so the file itself must not change


def test_a_file_that_was_verified_and_changed_is_verified_again(
    extension: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attach, "_verified", set())

    def opened() -> str:
        with attach.open_duckdb(_lake(tmp_path), [extension], tmp_path) as connection:
            ((unsigned,),) = connection.execute(
                "select value from duckdb_settings() where name = 'allow_unsigned_extensions'"
            ).fetchall()
        return str(unsigned)

    assert [opened(), opened()] == ["false", "true"]
    _change_signature(extension)
    with pytest.raises(duckdb.IOException, match="signature"):
        opened()
