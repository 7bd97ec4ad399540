"""What the common tests know of DuckDB."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

import pytest

from ecom_assets_tests.support.warehouses.engine_traits import EngineTraits

if TYPE_CHECKING:
    from ecom_assets_tests.support.warehouses.engines import Place

TRAITS = EngineTraits(is_slow=False, address_has_password=False, share_of_examples=1)
_numbers = count()


@pytest.fixture(scope="session")
def new_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Return a function that returns the path of a file that does not exist yet."""
    return lambda: str(tmp_path_factory.mktemp("place") / f"place_{next(_numbers)}.duckdb")


@pytest.fixture(scope="session")
def copied_duckdb(new_duckdb: Callable[[], str]) -> Callable[[Place], str]:
    """Return a function that copies the file of a place that nobody has open."""
    return lambda place: str(shutil.copyfile(place.where, new_duckdb()))
