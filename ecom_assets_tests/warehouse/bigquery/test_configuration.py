"""How ECOM_WAREHOUSE and dlt's configuration name a project of BigQuery, and that no message shows a key."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.bigquery.configuration import address_from_dlt, address_from_url
from ecom_assets.warehouse.bigquery.types import SQL_TYPES, decimal_type
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets_tests.support.servers.loopback import json_reply, serving
from ecom_assets_tests.support.warehouses.dlt_credentials import set_credentials

KEY = """-----BEGIN PRIVATE KEY-----
MIIEs3cr3tw0rds3cr3tw0rd
AAAAs3cr3tw0rdbbbb
-----END PRIVATE KEY-----
"""


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configure a service account whose key nobody can read."""
    account = {
        "PROJECT_ID": "shop",
        "CLIENT_EMAIL": "loader@shop.iam.gserviceaccount.com",
        "PRIVATE_KEY": KEY,
    }
    set_credentials(monkeypatch, "bigquery", account)
    monkeypatch.setenv("DESTINATION__BIGQUERY__LOCATION", "EU")


def test_an_address_is_taken_apart() -> None:
    address = address_from_url("bigquery://my-project?location=EU")
    assert address.name == "bigquery://my-project"
    assert address.parameters == {
        "project": "my-project",
        "location": "EU",
        "endpoint": None,
        "account": None,
        "user": None,
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


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configure a user with OAuth, as dlt does."""
    login = {
        "PROJECT_ID": "shop",
        "CLIENT_ID": "the-client",
        "CLIENT_SECRET": "s3cr3t-of-client",
        "REFRESH_TOKEN": "s3cr3t-of-user",
    }
    set_credentials(monkeypatch, "bigquery", login)


@pytest.mark.usefixtures("login")
def test_a_user_signs_in_with_oauth(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("google.cloud.bigquery")
    with serving() as google:
        google.replies = [
            json_reply({"access_token": "s3cr3t-for-an-hour", "expires_in": 3600, "token_type": "Bearer"}),
            json_reply({"error": {"message": "s3cr3t-of-user may not run jobs"}}, 403),
        ]
        monkeypatch.setattr(
            "google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{google.base_url}/token"
        )
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", google.base_url)
        warehouse = warehouse_from_environment({"ECOM_WAREHOUSE": "bigquery"})
        with pytest.raises(WarehouseError, match="may not run jobs") as failed, warehouse.read("shop"):
            pass
    assert "s3cr3t" not in f"{failed.value} {warehouse!r}"
    token, job = google.seen
    assert dict(parse_qsl(token.body))["refresh_token"] == "s3cr3t-of-user"
    assert job.path.endswith("/projects/shop/jobs")
    assert job.headers["authorization"] == "Bearer s3cr3t-for-an-hour"


@pytest.mark.usefixtures("login")
@pytest.mark.parametrize(
    ("terminal", "message"),
    [
        (False, r"lacks refresh_token under destination\.bigquery\.credentials"),
        (True, r"ask anybody to sign in: set destination\.bigquery\.credentials\.refresh_token"),
    ],
)
def test_nobody_is_asked_to_sign_in(monkeypatch: pytest.MonkeyPatch, terminal: bool, message: str) -> None:
    monkeypatch.delenv("DESTINATION__BIGQUERY__CREDENTIALS__REFRESH_TOKEN")
    monkeypatch.setattr("sys.stdin.isatty", lambda: terminal)
    monkeypatch.setattr("dlt.common.configuration.specs.gcp_credentials.is_interactive", lambda: terminal)
    with pytest.raises(WarehouseError, match=message):
        warehouse_from_environment({"ECOM_WAREHOUSE": "bigquery"})


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
