"""How ECOM_WAREHOUSE and dlt's configuration name a database of MotherDuck, and what DuckDB gets of it."""

from __future__ import annotations

import duckdb
import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.motherduck.configuration import TOKEN_VARIABLES, address_from_dlt, address_from_url
from ecom_assets.warehouse.motherduck.connection import open_database
from ecom_assets.warehouse.motherduck.warehouse import MotherDuckWarehouse
from ecom_assets.warehouse.warehouse import Warehouse

TOKEN = "s3cr3t-w0rd"
UNREACHABLE = (
    'Invalid Input Error: Initialization function "motherduck_duckdb_cpp_init" from file "/srv/.duckdb/extensions/'
    'v1.5.5/linux_amd64/motherduck.duckdb_extension" threw an exception: "Failed to download '
    '"http://api.motherduck.com/extension_version" (attempt 5): Could not establish connection"'
)
"""What the real extension raised on a machine without a network."""


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TOKEN_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def chosen(where: str, **more: str) -> Warehouse:
    return warehouse_from_environment({"ECOM_WAREHOUSE": where, **more})


@pytest.mark.parametrize(
    "url",
    [
        f"md:shop?motherduck_token={TOKEN}",
        f"md:shop?token={TOKEN}",
        f"md:///shop?motherduck_token={TOKEN}",
        f"motherduck://shop?motherduck_token={TOKEN}",
        f"motherduck:///shop?token={TOKEN}",
    ],
)
def test_an_address_is_taken_apart_and_its_name_has_no_token(url: str) -> None:
    address = address_from_url(url)
    assert address.parameters == {"database": "shop", "token": TOKEN}
    assert TOKEN not in repr(address)
    warehouse = chosen(url)
    assert (str(warehouse), warehouse.uri, warehouse.kind) == ("md:shop", "md:shop", "motherduck")
    assert "a preview, untested against the service" in warehouse.preview


@pytest.mark.parametrize("variable", TOKEN_VARIABLES)
def test_the_token_may_be_in_the_environment(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, TOKEN)
    assert address_from_url("md:shop").secrets == (TOKEN,)
    assert address_from_dlt("motherduck").parameters == {"database": "my_db", "token": TOKEN}


@pytest.mark.parametrize(
    "url",
    [
        f"md:?motherduck_token={TOKEN}",
        f"md:_share/shop/{TOKEN}",
        f"md://ada:{TOKEN}@host/shop",
        f"md:shop?motherduck_token={TOKEN}&token={TOKEN}",
        "md:shop?motherduck_token=",
        f"md:shop?{TOKEN}",
        f"md:shop#{TOKEN}",
        f"motherduck://[{TOKEN}",
    ],
)
def test_a_wrong_address_is_refused_without_its_token(url: str) -> None:
    with pytest.raises(
        WarehouseError, match="cannot be read; allowed: md:DATABASE, with the access"
    ) as refused:
        chosen(url)
    assert TOKEN not in str(refused.value)


def test_an_option_without_effect_is_refused() -> None:
    with pytest.raises(
        WarehouseError, match="found saas_mode in the address of MotherDuck, which a load does"
    ):
        chosen("md:shop?saas_mode=true")


def test_without_a_token_no_browser_is_opened() -> None:
    with pytest.raises(WarehouseError, match="found no access token for MotherDuck; allowed: md:DATABASE"):
        chosen("md:shop")
    with pytest.raises(WarehouseError, match=r"'motherduck' lacks password under destination\.motherduck\."):
        chosen("motherduck")


def test_a_destination_of_dlt_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    where = "DESTINATION__ANALYTICS__CREDENTIALS__"
    monkeypatch.setenv("DESTINATION__ANALYTICS__DESTINATION_TYPE", "motherduck")
    monkeypatch.setenv(f"{where}DATABASE", "shop")
    monkeypatch.setenv(f"{where}PASSWORD", TOKEN)
    assert str(chosen("analytics")) == "md:shop"
    monkeypatch.setenv("DESTINATION__ANALYTICS__CREDENTIALS", f"md:other?motherduck_token={TOKEN}")
    monkeypatch.delenv(f"{where}DATABASE")
    assert str(chosen("analytics")) == "md:other"
    monkeypatch.setenv(f"{where}PRAGMAS", '["enable_logging"]')
    with pytest.raises(WarehouseError, match=r"found pragmas in destination\.analytics\.credentials, which"):
        chosen("analytics")


def test_a_copy_for_readers_is_refused() -> None:
    with pytest.raises(WarehouseError, match="ECOM_PUBLISH: a copy is made of a DuckDB file only"):
        chosen(f"md:shop?token={TOKEN}", ECOM_PUBLISH="copy.duckdb")


@pytest.mark.parametrize("dataset", ["Shop", "temp", "md_information_schema"])
def test_a_dataset_with_the_name_of_a_database_is_refused(dataset: str) -> None:
    with pytest.raises(WarehouseError, match="has a database with the same name as the shop"):
        chosen(f"md:shop?token={TOKEN}").check_dataset(dataset, "the shop")


def test_duckdb_gets_the_token_as_a_setting_and_one_database(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    monkeypatch.setattr(duckdb, "connect", lambda path, config: given.extend((path, config)))
    open_database(address_from_url(f"motherduck://shop?token={TOKEN}"))
    assert given == [
        "md:shop?attach_mode=single",
        {"motherduck_token": TOKEN, "custom_user_agent": "ecom-assets"},
    ]


def test_a_missing_extension_is_said_with_a_way(monkeypatch: pytest.MonkeyPatch) -> None:
    # DuckDB looks for the extension there, and cannot put it there, so that it asks no server
    monkeypatch.setenv("HOME", "/dev/null/nowhere")
    monkeypatch.setattr(MotherDuckWarehouse, "connect", staticmethod(open_database))
    with (
        pytest.raises(
            WarehouseError, match=r"md:shop cannot be opened: .* extension motherduck: .*/dev/null"
        ) as no,
        chosen(f"md:shop?token={TOKEN}").read("sandbox"),
    ):
        pass
    assert str(no.value).endswith(
        "reach DuckDB's repository of extensions once, or copy the extension: docs/motherduck.md says how"
    )
    assert TOKEN not in str(no.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            UNREACHABLE,
            'Failed to download "http://api.motherduck.com/extension_version" (attempt 5): Could not ',
        ),
        (f"the token {TOKEN} is not valid", "the token *** is not valid"),
    ],
)
def test_a_service_that_refuses_is_named_without_the_token(
    text: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(address: object) -> None:
        raise duckdb.InvalidInputException(text)

    monkeypatch.setattr(MotherDuckWarehouse, "connect", staticmethod(refused))
    with (
        pytest.raises(WarehouseError) as no,
        chosen(f"md:shop?token={TOKEN}").transaction("sandbox"),
    ):
        pass
    assert str(no.value).startswith(f"the warehouse md:shop cannot be opened: {reason}")
    assert "\n" not in str(no.value)
