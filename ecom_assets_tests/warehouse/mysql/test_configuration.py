"""Addresses of MariaDB, and that no message shows a secret of them."""

from __future__ import annotations

import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.mysql.configuration import address_from_url
from ecom_assets.warehouse.mysql.engine import MysqlEngine


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mysql+pymysql"])
def test_an_address_is_taken_apart(scheme: str) -> None:
    address = MysqlEngine().address_from_value(f"{scheme}://me:a%40b@db.example:3307/?unix_socket=%2Frun%2Fs")
    assert address is not None
    assert address.name == "mysql://db.example:3307"
    assert address.parameters["password"] == "a@b"
    assert address.parameters["unix_socket"] == "/run/s"
    assert "a@b" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:s3cr3t@host/database",
        "mysql://me:s3cr3t#w0rd@host/",
        "mysql://me:s3cr3t/w0rd@host/",
        "mysql://me:s3cr3t@host:port/",
        "mysql://me:s3cr3t@host/?local_infile=1",
        "mysql://:s3cr3t@host/",
        "mysql://me:s3cr3t@/",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(WarehouseError, match="mysql://USER:PASSWORD@HOST:PORT/") as no:
        address_from_url(url)
    assert "s3cr3t" not in str(no.value)
    assert no.value.__context__ is None or no.value.__suppress_context__


def test_other_values_are_of_other_engines() -> None:
    assert MysqlEngine().address_from_value("mysql.duckdb") is None
