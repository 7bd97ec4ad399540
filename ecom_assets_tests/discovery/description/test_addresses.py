"""Addresses with variables, tenants in paths, security of operations, and references to other files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ecom_assets.cli.app import app
from ecom_assets.declaration.reading import load_shop
from ecom_assets.discovery.description.addresses import filled, path_below, tenant_prefixes, values_in_address
from ecom_assets.discovery.description.openapi import ApiDescription, read_openapi
from ecom_assets_tests.support.descriptions.described_list import document

REGION = {"default": "eu", "enum": ["eu", "us"], "description": "Where the shop is."}
SERVER = {
    "url": "https://api.{region}.example.com/stores/{store}/v1",
    "variables": {"region": REGION, "store": {}},
}
NAME = {"name": "name", "in": "query", "schema": {"type": "string"}}


def written(folder: Path, content: Mapping[str, Any]) -> Path:
    file = folder / "api.json"
    file.write_text(json.dumps(content), "utf-8")
    return file


def two_lists(prefix: str = "", **top: Any) -> dict[str, Any]:
    content = document({}, path=f"{prefix}/orders", **top)
    return {**content, "paths": {**content["paths"], **document({}, path=f"{prefix}/customers")["paths"]}}


def never(variable: object) -> str:
    raise AssertionError(variable)


def at(folder: Path, content: Mapping[str, Any], url: str = "", **values: str) -> ApiDescription:
    return read_openapi(written(folder, content)).located(url, values, never)[0]


def test_values_for_the_variables_of_a_server(tmp_path: Path) -> None:
    content = two_lists(servers=[SERVER])
    assert (
        at(tmp_path, content, region="us", store="acme").base_url
        == "https://api.us.example.com/stores/acme/v1"
    )
    url = "https://api.eu.example.com/stores/other/v1"
    assert at(tmp_path, content, url).base_url == url
    described = read_openapi(written(tmp_path, content))
    assert described.variables["region"].allowed == ("eu", "us")
    assert described.base_url == ""  # the store has no default


def test_a_complete_address_comes_before_one_with_variables(tmp_path: Path) -> None:
    content = two_lists(servers=[SERVER, {"url": "https://api.example.com"}])
    assert at(tmp_path, content).base_url == "https://api.example.com"


def test_a_relative_server_is_below_the_host_of_the_user(tmp_path: Path) -> None:
    content = two_lists(servers=[{"url": "/api/v3"}])
    assert at(tmp_path, content, "https://shop.example.com/").base_url == "https://shop.example.com/api/v3"
    assert at(tmp_path, content, "https://shop.example.com/v9").base_url == "https://shop.example.com/v9"


@pytest.mark.parametrize(
    ("url", "values", "base_url", "path"),
    [
        ("", {"project": "acme"}, "https://api.example.com", "/acme/orders"),
        ("https://api.example.com", {"project": "acme"}, "https://api.example.com", "/acme/orders"),
        ("https://api.example.com/acme", {}, "https://api.example.com/acme", "/orders"),
        ("https://other.example.com/acme/", {}, "https://other.example.com/acme/", "/orders"),
    ],
)
def test_a_tenant_in_the_paths(
    tmp_path: Path, url: str, values: dict[str, str], base_url: str, path: str
) -> None:
    described = at(tmp_path, two_lists("/{project}"), url, **values)
    assert described.base_url == base_url
    assert path in described.endpoints
    assert described.endpoints[path].path == path
    assert path in [guess.path for guess in described.collections]


@pytest.mark.parametrize(
    ("paths", "prefixes"),
    [
        (["/{project}/orders", "/{project}/carts", "/{project}/orders/{id}"], ["/{project}"]),
        (["/v1/stores/{store}/orders", "/v1/stores/{store}/items"], ["/v1/stores/{store}"]),
        (["/orders", "/orders/{id}/refunds", "/orders/{id}/notes"], []),
        (["/{project}/orders"], []),
        (
            ["/{p}/orders", "/{p}/items", "/{p}/in-store/{store}/orders", "/{p}/in-store/{store}/items"],
            ["/{p}"],
        ),
        (["/{a}/{b}/orders", "/{a}/{b}/items"], ["/{a}/{b}"]),
        (["/{a}/orders", "/{a}/orders/{id}/lines", "/{a}/orders/{id}/notes", "/{a}/items"], ["/{a}"]),
    ],
)
def test_which_parameters_name_a_tenant(paths: list[str], prefixes: list[str]) -> None:
    assert tenant_prefixes(paths) == prefixes


def test_an_address_that_ends_as_the_paths_begin(tmp_path: Path) -> None:
    described = at(tmp_path, two_lists("/v1"), "https://shop.example.com/v1")
    assert list(described.endpoints) == ["/orders", "/customers"]


@pytest.mark.parametrize(
    ("top", "own", "auth"),
    [
        ([{"key": []}], None, "api_key"),
        ([{"key": []}], [{"person": []}], "bearer"),
        ([], [{"client": []}], "oauth2_client_credentials"),
        ([{"key": []}], [], "api_key"),
        ([], [{"word": []}], "api_key"),
    ],
)
def test_security_of_operations(tmp_path: Path, top: Any, own: Any, auth: str) -> None:
    flow = {"authorizationUrl": "/login", "tokenUrl": "/token", "scopes": {}}
    schemes = {
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "person": {"type": "oauth2", "flows": {"authorizationCode": flow}},
        "client": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "auth/{region}/token"}}},
        "word": {"type": "http", "scheme": "Token"},
    }
    content = two_lists(servers=[SERVER], security=top, components={"securitySchemes": schemes})
    if own is not None:
        for item in content["paths"].values():
            item["get"]["security"] = own
    found = at(tmp_path, content, region="eu", store="acme").auth
    assert [kind["type"] for kind in found] == [auth]
    if auth == "oauth2_client_credentials":
        assert found[0]["access_token_url"] == "https://api.eu.example.com/stores/acme/v1/auth/eu/token"
    if own == [{"word": []}]:
        assert found[0]["prefix"] == "Token"


def run(folder: Path, content: Mapping[str, Any], *arguments: str, typed: str = "") -> tuple[int, str, str]:
    file = folder / "shop.yaml"
    file.unlink(missing_ok=True)
    words = [
        "discover",
        "--openapi",
        str(written(folder, content)),
        "--offline",
        "--name",
        "shop",
        "--out",
        str(file),
    ]
    result = CliRunner().invoke(app, [*words, *arguments], input=typed)
    return result.exit_code, result.stdout, f"{result.stderr}{result.exception or ''}"


def test_the_command_asks_once_and_offers_the_default(tmp_path: Path) -> None:
    content = two_lists("/{project}", servers=[{**SERVER, "url": "https://api.{region}.example.com"}])
    code, _, err = run(tmp_path, content, typed="\nacme\n\n\n")
    assert code == 0, err
    assert "region in the API's addresses (Where the shop is.) [eu]" in err
    shop = load_shop(tmp_path / "shop.yaml")
    assert shop.client.base_url == "https://api.eu.example.com"
    assert [resource.endpoint.path for resource in shop.resources if resource.endpoint] == [
        "/acme/orders",
        "/acme/customers",
    ]


def test_a_script_gives_values_or_gets_one_line(tmp_path: Path) -> None:
    content = two_lists(servers=[SERVER])
    assert "{store}: found no value for this name" in run(tmp_path, content, "--yes")[2]
    assert run(tmp_path, content, "--yes", "--variable", "store=acme")[0] == 0
    text = (tmp_path / "shop.yaml").read_text("utf-8")
    assert "# region in the address is eu, as the description offers" in text
    refusals = {
        "region=mars": "--variable region: found mars; allowed: eu, us",
        "color=red": "--variable: found color; allowed: store, region",
        "store": "--variable: found 'store'; allowed: NAME=VALUE",
    }
    for given_value, message in refusals.items():
        assert (
            message in run(tmp_path, content, "--yes", "--variable", "store=a", "--variable", given_value)[2]
        )


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    content = document(
        {"buyer": {"$ref": "./schemas/buyer.yaml#/Buyer"}, "gone": {"$ref": "./schemas/gone.yaml#/Gone"}}
    )
    folder = tmp_path / "schemas"
    folder.mkdir()
    buyer = "Buyer:\n  type: object\n  properties:\n    id: {type: integer}\n    parent: {$ref: '#/Buyer'}\n"
    (folder / "buyer.yaml").write_text(buyer, "utf-8")
    code, _, err = run(tmp_path, content, "--yes")
    assert code == 0
    assert err.count("References that lead nowhere: ./schemas/gone.yaml#/Gone. Only files in the folder") == 1
    assert "customer_id" in {
        column.name for column in load_shop(tmp_path / "shop.yaml").resource("orders").columns
    }
    assert "# References that lead nowhere" in (tmp_path / "shop.yaml").read_text("utf-8")


PIECES = st.lists(
    st.sampled_from(["", "v1", "orders", "{a}", "{b}", "{", "}", "{a}b", "%7B", "é", "."]), max_size=5
)


@given(st.lists(PIECES.map("/".join), max_size=5), PIECES.map("/".join))
def test_any_paths_and_addresses(paths: list[str], rest: str) -> None:
    prefixes = tenant_prefixes([f"/{path}" for path in paths])
    url = f"https://api.example.com/{rest}"
    values = values_in_address(url, [f"https://{path}" for path in paths], prefixes)
    for path in paths:
        assert path_below(filled(f"/{path}", values), url).startswith("/")
