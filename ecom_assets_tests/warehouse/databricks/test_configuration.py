"""How ECOM_WAREHOUSE and dlt's configuration name a catalog of Databricks, and that no message shows a token."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.databricks.configuration import address_from_dlt, address_from_url
from ecom_assets.warehouse.databricks.types import SQL_TYPES
from ecom_assets_tests.support.warehouses.dlt_credentials import set_credentials

URL = "databricks://token:s3cr3t%40w0rd@dbc-1.cloud.databricks.com?http_path=/sql/1.0/warehouses/ab1&catalog=main"
CREDENTIALS = {
    "SERVER_HOSTNAME": "dbc-1.cloud.databricks.com",
    "HTTP_PATH": "/sql/1.0/warehouses/ab1",
    "CATALOG": "main",
}


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that configures dlt's destination."""

    def made(**more: str) -> None:
        set_credentials(monkeypatch, "databricks", {**CREDENTIALS, **more})

    return made


def test_an_address_is_taken_apart_and_its_name_has_no_secret() -> None:
    address = address_from_url(URL)
    assert address.name == "databricks://dbc-1.cloud.databricks.com/main"
    assert address.secrets == ("s3cr3t@w0rd",)
    assert "s3cr3t" not in repr(address)
    told = {name: address.parameters[name] for name in ("server_hostname", "http_path", "catalog")}
    assert told == {
        "server_hostname": "dbc-1.cloud.databricks.com",
        "http_path": "/sql/1.0/warehouses/ab1",
        "catalog": "main",
    }
    assert address.parameters["access_token"] == "s3cr3t@w0rd"
    assert address.parameters["user_agent_entry"] == "ecom-assets"


@pytest.mark.parametrize(
    "url",
    [
        "databricks:",
        "databricks://",
        "databricks://dbc-1.cloud.databricks.com?http_path=/sql&catalog=main",
        "databricks://ada:s3cr3t-w0rd@host?http_path=/sql&catalog=main",
        "databricks://token:s3cr3t-w0rd@host?http_path=/sql",
        "databricks://token:s3cr3t-w0rd@host?http_path=/sql&catalog=",
        "databricks://token:s3cr3t-w0rd@host?http_path=/sql&catalog=main&schema=shop",
        "databricks://token:s3cr3t-w0rd@host/main?http_path=/sql&catalog=main",
        "databricks://token:s3cr3t-w0rd@host:s3cr3t?http_path=/sql&catalog=main",
        "databricks://token:s3cr3t-w0rd@[host?http_path=/sql&catalog=main",
    ],
)
def test_a_wrong_address_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(WarehouseError, match="databricks://token:TOKEN@HOST") as refused:
        warehouse_from_environment({"ECOM_WAREHOUSE": url})
    assert "s3cr3t" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_destination_of_dlt_with_a_token_names_it(configured: Callable[..., None]) -> None:
    configured(ACCESS_TOKEN="s3cr3t-w0rd")
    address = address_from_dlt("databricks")
    assert address.name == "databricks://dbc-1.cloud.databricks.com/main"
    assert address.secrets == ("s3cr3t-w0rd",)


def test_a_service_principal_signs_in_by_the_package_of_databricks(configured: Callable[..., None]) -> None:
    configured(CLIENT_ID="loader", CLIENT_SECRET="s3cr3t-w0rd")
    address = address_from_dlt("databricks")
    assert callable(address.parameters["credentials_provider"])
    assert "access_token" not in address.parameters
    assert address.secrets == ("s3cr3t-w0rd",)
    with pytest.raises(
        WarehouseError, match=r"package databricks\.sdk: pip install 'ecom-assets\[databricks\]'"
    ):
        warehouse_from_environment({"ECOM_WAREHOUSE": "databricks"})


def test_secrets_among_more_parameters_of_the_driver_are_known(configured: Callable[..., None]) -> None:
    more = '{"azure_client_secret": "s3cr3t-azure", "azure_client_id": "loader"}'
    configured(ACCESS_TOKEN="s3cr3t-w0rd", CONNECTION_PARAMETERS=more)
    address = address_from_dlt("databricks")
    assert address.parameters["azure_client_id"] == "loader"
    assert set(address.secrets) == {"s3cr3t-w0rd", "s3cr3t-azure"}


@pytest.mark.parametrize("missing", ["SERVER_HOSTNAME", "ACCESS_TOKEN", "CATALOG"])
def test_what_is_missing_is_named_and_no_token_is_shown(
    missing: str, configured: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(ACCESS_TOKEN="s3cr3t-w0rd")
    monkeypatch.delenv(f"DESTINATION__DATABRICKS__CREDENTIALS__{missing}")
    with pytest.raises(WarehouseError, match=r"the destination 'databricks' (lacks|needs)") as refused:
        warehouse_from_environment({"ECOM_WAREHOUSE": "databricks"})
    assert missing.lower() in str(refused.value)
    assert "s3cr3t" not in str(refused.value)


def test_a_connection_that_fails_shows_no_token() -> None:
    warehouse = warehouse_from_environment({"ECOM_WAREHOUSE": URL.replace("s3cr3t", "wrong-s3cr3t")})
    with pytest.raises(WarehouseError, match=r"cannot be opened: .*403") as failed, warehouse.read("shop"):
        pass
    assert "s3cr3t" not in str(failed.value)
    assert failed.value.__suppress_context__


def test_it_says_that_it_is_a_preview() -> None:
    warehouse = warehouse_from_environment({"ECOM_WAREHOUSE": URL})
    assert "a preview, untested against the service" in warehouse.preview
    assert warehouse.kind == "databricks"


def test_each_type_of_a_column_has_a_type_there() -> None:
    assert SQL_TYPES.keys() == COLUMN_TYPES.keys()


def test_a_copy_for_readers_is_refused() -> None:
    with pytest.raises(WarehouseError, match="ECOM_PUBLISH: a copy is made of a DuckDB file only"):
        warehouse_from_environment({"ECOM_WAREHOUSE": URL, "ECOM_PUBLISH": "copy.duckdb"})
