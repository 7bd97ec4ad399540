"""A stand-in for Databricks as a fixture. Importing this module puts it in the place of the driver.

Databricks' driver is not installed for tests, because it brings pandas and pins Thrift.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import count

import pytest

from ecom_assets_tests.support.emulators import databricks_driver

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
