"""How ECOM_WAREHOUSE and dlt's configuration name a project of BigQuery, and that no message shows a key."""

from __future__ import annotations

import pytest

from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.bigquery.configuration import address_from_dlt, address_from_url
from ecom_assets.warehouse.bigquery.types import SQL_TYPES, decimal_type
from ecom_assets.warehouse.choice import warehouse_from_environment

KEY = """-----BEGIN PRIVATE KEY-----
MIIEs3cr3tw0rds3cr3tw0rd
AAAAs3cr3tw0rdbbbb
-----END PRIVATE KEY-----
"""


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configure a service account whose key nobody can read."""
    for name, value in {
        "PROJECT_ID": "shop",
        "CLIENT_EMAIL": "loader@shop.iam.gserviceaccount.com",
        "PRIVATE_KEY": KEY,
    }.items():
        monkeypatch.setenv(f"DESTINATION__BIGQUERY__CREDENTIALS__{name}", value)
    monkeypatch.setenv("DESTINATION__BIGQUERY__LOCATION", "EU")


def test_an_address_is_taken_apart() -> None:
    address = address_from_url("bigquery://my-project?location=EU")
    assert address.name == "bigquery://my-project"
    assert address.parameters == {
        "project": "my-project",
        "location": "EU",
        "endpoint": None,
        "account": None,
    }
    assert address_from_url("bigquery://my-project").parameters["location"] == "US"


@pytest.mark.parametrize(
    "url",
    [
        "bigquery://",
        "bigquery://ada:s3cr3t-w0rd@project",
        "bigquery://project/dataset",
        "bigquery://project?credentials=s3cr3t-w0rd",
        "bigquery://project?location=",
        "bigquery://project#s3cr3t-w0rd",
    ],
)
def test_a_wrong_address_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(WarehouseError, match=r"bigquery://PROJECT\?location=EU") as refused:
        warehouse_from_environment({"ECOM_WAREHOUSE": url})
    assert "s3cr3t-w0rd" not in str(refused.value)


@pytest.mark.usefixtures("account")
def test_a_destination_of_dlt_names_it_and_its_text_shows_no_key() -> None:
    address = address_from_dlt("bigquery")
    assert address.name == "bigquery://shop"
    assert address.parameters["location"] == "EU"
    assert "s3cr3t" not in repr(address)


@pytest.mark.usefixtures("account")
def test_no_error_shows_the_key_or_a_line_of_it() -> None:
    pytest.importorskip("google.cloud.bigquery")
    warehouse = warehouse_from_environment({"ECOM_WAREHOUSE": "bigquery"})
    with pytest.raises(WarehouseError, match="cannot be opened") as failed, warehouse.read("shop"):
        pass
    assert "s3cr3t" not in str(failed.value)
    assert failed.value.__suppress_context__
    from ecom_assets.warehouse.remote.warehouse import RemoteWarehouse

    assert isinstance(warehouse, RemoteWarehouse)
    for quoted in (KEY, KEY.strip(), repr(KEY), KEY.splitlines()[2]):
        assert "s3cr3t" not in warehouse.error_text(ValueError(f"cannot read {quoted}"))


def test_each_type_of_a_column_has_a_type_there() -> None:
    assert SQL_TYPES.keys() == COLUMN_TYPES.keys()


@pytest.mark.parametrize(
    ("precision", "scale", "kind"),
    [
        (38, 9, "NUMERIC"),
        (29, 0, "NUMERIC"),
        (30, 0, "BIGNUMERIC"),
        (18, 10, "BIGNUMERIC"),
        (9, 9, "NUMERIC"),
    ],
)
def test_decimals_that_are_too_large_for_numeric_are_bignumeric(
    precision: int, scale: int, kind: str
) -> None:
    assert decimal_type(precision, scale) == f"{kind}({precision},{scale})"


def test_a_copy_for_readers_is_refused() -> None:
    with pytest.raises(WarehouseError, match="ECOM_PUBLISH: a copy is made of a DuckDB file only"):
        warehouse_from_environment({"ECOM_WAREHOUSE": "bigquery://shop", "ECOM_PUBLISH": "copy.duckdb"})
