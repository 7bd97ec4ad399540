"""Fixtures for lakes in dlt's configuration, with catalogs in the tests' PostgreSQL server or in files.

`warehouse/ducklake/traits.py` makes them known to pytest.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ecom_assets_tests.support.warehouses.dlt_credentials import set_credentials

if TYPE_CHECKING:
    from ecom_assets_tests.support.warehouses.engines import Place

_numbers = count()


@pytest.fixture
def new_lake(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Place]:
    """Return a function that configures an empty lake in dlt: a new database for its catalog, a folder for its files.

    Its arguments are other settings, named as dlt's variables after `CREDENTIALS__`.
    """
    from ecom_assets_tests.support.warehouses.engines import Place

    def made(**settings: str) -> Place:
        name = f"ducklake_{next(_numbers)}"
        parts = {"CATALOG": "", "STORAGE__BUCKET_URL": f"file://{tmp_path}/{name}", **settings}
        parts["CATALOG"] = parts["CATALOG"] or new_database()
        monkeypatch.setenv(f"DESTINATION__{name.upper()}__DESTINATION_TYPE", "ducklake")
        set_credentials(monkeypatch, name, parts)
        return Place("ducklake", name)

    return made


@pytest.fixture
def new_ducklake(new_lake: Callable[[], Place]) -> Callable[[], str]:
    """Return a function that configures an empty lake in dlt, and returns its name there."""
    return lambda: new_lake().where
