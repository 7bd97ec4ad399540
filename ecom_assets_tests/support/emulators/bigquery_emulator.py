"""An emulator of BigQuery as a fixture. It has an environment of its own, with what it needs of Google's packages.

`make emulators` installs it into `build/emulators/bigquery`. Without it, tests on BigQuery are skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING

import pytest

from ecom_assets_tests.support.emulators.server_process import server_process

if TYPE_CHECKING:
    from ecom_assets_tests.support.warehouses.engines import Place

_numbers = count()


@pytest.fixture(scope="session")
def bigquery_port() -> Iterator[int]:
    """Run the emulator, and return its port."""
    pytest.importorskip("google.cloud.bigquery", reason="the extra bigquery is not installed")
    with server_process("bigquery", "bqemulator_server") as port:
        yield port


@pytest.fixture(scope="session")
def new_bigquery(bigquery_port: int) -> Callable[[], str]:
    """Return a function that returns the address of an empty project."""
    return lambda: f"bigquery://shop-{next(_numbers)}?endpoint=http://127.0.0.1:{bigquery_port}"


@pytest.fixture(scope="session")
def copied_bigquery(new_bigquery: Callable[[], str]) -> Callable[[Place], str]:
    """Skip the test: the emulator has no way to copy a dataset with its descriptions."""

    def copied(place: Place) -> str:
        pytest.skip("the emulator of BigQuery copies no dataset")

    return copied
