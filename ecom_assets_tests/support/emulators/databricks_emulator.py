"""A stand-in for Databricks as a fixture. Importing this module puts it in the place of the driver.

Databricks' driver is not installed for tests, because it brings pandas and pins Thrift.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

import pytest

from ecom_assets_tests.support.emulators import databricks_driver

if TYPE_CHECKING:
    from ecom_assets_tests.support.warehouses.engines import Place

sys.modules.update(databricks_driver.modules())

HOST = "shop.cloud.databricks.com"
PASSWORD = "s3cr3t-w0rd"
"""The token in addresses: a canary."""
_numbers = count()


@pytest.fixture(scope="session")
def new_databricks() -> Callable[[], str]:
    """Return a function that returns the address of an empty catalog."""
    return lambda: (
        f"databricks://token:{PASSWORD}@{HOST}?http_path=/sql/1.0/warehouses/1&catalog=shop_{next(_numbers)}"
    )


@pytest.fixture(scope="session")
def copied_databricks(new_databricks: Callable[[], str]) -> Callable[[Place], str]:
    """Return a function that copies a catalog, and returns the address of the copy."""

    def copied(place: Place) -> str:
        made = new_databricks()
        source = databricks_driver.services[catalog_of(place.where)]
        databricks_driver.services[catalog_of(made)] = source.copied()
        return made

    return copied


def catalog_of(address: str) -> str:
    """Return the catalog in an address of `new_databricks`."""
    return address.rpartition("catalog=")[2]
