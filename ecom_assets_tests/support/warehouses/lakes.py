"""Lakes that dlt's configuration describes, their catalogs in databases of the tests' PostgreSQL server or in files.

The fixture is `conftest`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from ecom_assets_tests.support.warehouses.engines import Place

_numbers = count()


@pytest.fixture
def new_lake(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Place]:
    """Return what describes an empty lake to dlt, its catalog in a new database and its files in a new folder.

    Its arguments are other settings, named as dlt's variables are after `CREDENTIALS__`.
    """

    def made(**settings: str) -> Place:
        name = f"ducklake_{next(_numbers)}"
        parts = {"CATALOG": "", "STORAGE__BUCKET_URL": f"file://{tmp_path}/{name}", **settings}
        parts["CATALOG"] = parts["CATALOG"] or new_database()
        monkeypatch.setenv(f"DESTINATION__{name.upper()}__DESTINATION_TYPE", "ducklake")
        for part, value in parts.items():
            monkeypatch.setenv(f"DESTINATION__{name.upper()}__CREDENTIALS__{part}", value)
        return Place("ducklake", name)

    return made
