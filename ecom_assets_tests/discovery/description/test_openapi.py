"""An OpenAPI 3 file gives endpoints, parameters, types and descriptions; the API's answers come before it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecom_assets.discovery.description.openapi import ApiDescription, read_openapi
from ecom_assets.discovery.discover import DiscoveryOptions, discover
from ecom_assets.discovery.verification import load_text
from ecom_assets.foundation.errors import DeclarationError
from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.server import Running, serving

NOW = datetime(2026, 1, 20, 12, tzinfo=timezone.utc)
LISTS = """
openapi: 3.0.3
info: {title: shop, version: "1"}
servers: [{url: https://api.example.com}]
security: [{key: []}]
components:
  securitySchemes:
    key: {type: apiKey, in: query, name: api_key}
    login: {type: http, scheme: basic}
  parameters:
    limit: {name: limit, in: query, schema: {type: integer, maximum: 60, default: 50}}
    offset: {name: offset, in: query, schema: {type: integer}}
  schemas:
    Address:
      type: object
      nullable: true
      properties: {city: {type: string, description: City the parcel goes to.}, phone: {type: string}}
    Line:
      type: object
      required: [id, quantity]
      properties:
        id: {type: integer}
        quantity: {type: integer, description: Pieces ordered.}
    Base:
      type: object
      required: [id, updated_at]
      properties:
        id: {type: integer, format: int64, description: Identifies the order.}
        updated_at: {type: string, format: date-time}
    Order:
      description: An order of the shop
      allOf:
        - {$ref: "#/components/schemas/Base"}
        - type: object
          required: [total, status]
          properties:
            total: {type: string, format: decimal, description: "Amount to pay, in currency."}
            status: {type: integer}
            gone: {type: string}
            parent: {$ref: "#/components/schemas/Order"}
            shipping_address: {$ref: "#/components/schemas/Address"}
            line_items: {type: array, items: {$ref: "#/components/schemas/Line"}}
paths:
  /v1/orders:
    parameters: [{$ref: "#/components/parameters/limit"}]
    get:
      parameters:
        - {$ref: "#/components/parameters/offset"}
        - {name: updated_at_min, in: query, schema: {type: string, format: date-time}}
        - {name: updated_at_max, in: query, schema: {type: string, format: date-time}}
      responses:
        200:
          description: ok
          content:
            application/json:
              schema:
                type: object
                properties:
                  data: {type: array, items: {$ref: "#/components/schemas/Order"}}
                  total: {type: integer}
  /v1/orders/{id}:
    get: {responses: {200: {description: one}}}
  /v1/refunds:
    post: {responses: {200: {description: makes one}}}
"""


@pytest.fixture
def described(tmp_path: Path) -> ApiDescription:
    return read_openapi(written(tmp_path, LISTS))


@pytest.fixture
def sandbox() -> Iterator[Running]:
    with serving(SandboxSettings(orders_per_day=40, now=NOW)) as running:
        yield running


def written(folder: Path, text: str, name: str = "api.yaml") -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def test_collections_their_parameters_and_the_auth(described: ApiDescription) -> None:
    assert described.base_url == "https://api.example.com"
    assert described.auth == [{"type": "api_key", "name": "api_key", "location": "query"}]
    assert list(described.endpoints) == ["/v1/orders"]
    orders = described.endpoints["/v1/orders"]
    assert orders.records_path == ("data",)
    assert orders.description == "An order of the shop."
    assert set(orders.params) == {"limit", "offset", "updated_at_min", "updated_at_max"}
    assert orders.params["limit"]["maximum"] == 60
    assert orders.table.fields[("shipping_address", "city")].description == "City the parcel goes to."
    assert orders.table.fields[("id",)].nullable is False


def test_offline_the_file_is_all_there_is(described: ApiDescription) -> None:
    options = DiscoveryOptions("shop", described.base_url, described.auth, list(described.endpoints))
    found = discover(
        DiscoveryOptions(**{**options.__dict__, "described": described.endpoints, "offline": True})
    )
    assert found.requests == 0
    shop = load_text(found.text, "shop")
    assert shop.client.paginator == {"type": "offset", "limit": 60, "total_path": "total"}
    orders = shop.resource("orders")
    assert orders.endpoint is not None
    assert orders.endpoint.incremental is not None
    assert orders.endpoint.incremental.end_param == "updated_at_max"
    assert orders.column("total").data_type == "decimal"
    assert orders.column("total").description == "Amount to pay, in currency."
    assert not orders.column("updated_at").nullable
    items = shop.resource("order_items")
    assert items.primary_key == ("order_id", "id")
    assert "as described, not seen" in found.text


def test_the_answers_go_before_the_file(described: ApiDescription, sandbox: Running) -> None:
    options = DiscoveryOptions(
        "shop", sandbox.base_url, described.auth, list(described.endpoints), described=described.endpoints
    )
    found = discover(options, {"api_key": SANDBOX_KEY})
    shop = load_text(found.text, "shop")
    orders = shop.resource("orders")
    assert orders.column("status").data_type == "text"
    assert "described as integer" in found.text
    assert "described, but in none of 150 records: gone" in found.text
    assert orders.column("id").description == "Identifies the order."
    assert orders.column("buyer__email").data_type == "text"
    assert shop.resource("order_items").column("quantity").description == "Pieces ordered."
    assert shop.client.paginator == {"type": "offset", "limit": 100, "total_path": "total"}
    # what is not described is not tried
    tried = {name for request in sandbox.log.requests for name in request.query} - {"api_key"}
    assert tried == {"limit", "offset", "updated_at_min", "updated_at_max"}


def test_json_of_version_3_1_with_nulls_among_the_types(tmp_path: Path) -> None:
    record = {
        "type": "object",
        "required": ["id", "note", "city"],
        "properties": {
            "id": {"type": "string"},
            "note": {"type": ["string", "null"]},
            "city": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "either": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
            "lat": {"type": "number"},
            "at": {"type": "string", "format": "date-time"},
        },
    }
    content = {"application/json": {"schema": {"type": "array", "items": record}}}
    answer = {"description": "", "content": content, "headers": {"X-Total-Count": {}, "Link": {}}}
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {},
        "components": {"securitySchemes": {"a": {"type": "http", "scheme": "Bearer"}}},
        "paths": {"/things": {"get": {"responses": {"200": answer}}}},
    }
    described = read_openapi(written(tmp_path, json.dumps(document), "api.json"))
    assert described.auth == [{"type": "bearer"}]
    fields = described.endpoints["/things"].table.fields
    assert {path[0]: (entry.data_type, entry.nullable) for path, entry in fields.items()} == {
        "id": ("text", False),
        "note": ("text", True),
        "city": ("text", True),
        "either": (None, None),
        "lat": ("double", None),
        "at": ("timestamp", None),
    }
    options = DiscoveryOptions(
        "shop", "https://api.example.com", endpoints=["/things"], described=described.endpoints, offline=True
    )
    things = load_text(discover(options).text, "shop").resource("things")
    assert things.endpoint is not None
    assert things.primary_key == ("id",)


def test_references_lead_to_files_beside_and_nowhere_else(tmp_path: Path) -> None:
    document = yaml.safe_load(LISTS)
    order = document["components"]["schemas"].pop("Order")
    order["allOf"][0]["$ref"] = "api.yaml#/components/schemas/Base"
    order["allOf"][1]["properties"]["shipping_address"]["$ref"] = "http://127.0.0.1:9/address.yaml"
    order["allOf"][1]["properties"]["line_items"]["items"]["$ref"] = "../secret.yaml"
    order["allOf"][1]["properties"].pop("parent")
    schema = document["paths"]["/v1/orders"]["get"]["responses"][200]["content"]["application/json"]["schema"]
    schema["properties"]["data"]["items"] = {"$ref": "parts/order.yaml"}
    folder = tmp_path / "api"
    (folder / "parts").mkdir(parents=True)
    order["allOf"][0]["$ref"] = "../api.yaml#/components/schemas/Base"
    written(
        tmp_path,
        yaml.safe_dump({"type": "object", "properties": {"password": {"type": "string"}}}),
        "secret.yaml",
    )
    written(folder, yaml.safe_dump(order), "parts/order.yaml")
    table = read_openapi(written(folder, yaml.safe_dump(document))).endpoints["/v1/orders"].table
    assert {("id",), ("total",)} < set(table.fields)
    assert not table.lists
    assert ("shipping_address", "city") not in table.fields


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("swagger: '2.0'", "openapi: found swagger 2.0; allowed: a version of OpenAPI 3"),
        ("openapi: 4.0.0", "openapi: found '4.0.0'"),
        ("- a list", "openapi: found nothing"),
        ("a: [", "found something that cannot be read; allowed: JSON or YAML"),
        ("{", "found something that cannot be read"),
    ],
)
def test_what_is_no_openapi_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DeclarationError, match=r"api\.yaml") as raised:
        read_openapi(written(tmp_path, text))
    assert message in str(raised.value)
    with pytest.raises(DeclarationError, match=r"missing\.yaml: file: found No such file"):
        read_openapi(tmp_path / "missing.yaml")


SWAGGER = """
swagger: "2.0"
info: {title: shop, version: "1"}
host: api.example.com
basePath: /v2
schemes: [http, https]
securityDefinitions: {login: {type: oauth2, flow: accessCode, tokenUrl: /token, scopes: {}}}
definitions: {Order: {type: object, required: [id], properties: {id: {type: integer}, total: {type: number}}}}
parameters: {limit: {name: limit, in: query, type: integer, maximum: 40}}
responses: {Orders: {description: "", schema: {type: array, items: {$ref: "#/definitions/Order"}}}}
paths:
  /orders:
    get:
      security: [{login: []}]
      parameters: [{$ref: "#/parameters/limit"}, {name: page, in: query, type: integer, default: 0}]
      responses: {200: {$ref: "#/responses/Orders"}}
"""


def test_swagger_2_is_read_as_openapi_3(tmp_path: Path) -> None:
    described = read_openapi(written(tmp_path, SWAGGER))
    assert described.base_url == "https://api.example.com/v2"
    assert described.auth == [{"type": "bearer"}]
    options = DiscoveryOptions(
        "shop", described.base_url, endpoints=["orders"], described=described.endpoints, offline=True
    )
    orders = load_text(discover(options).text, "shop").resource("orders")
    assert [(column.name, column.data_type) for column in orders.columns] == [
        ("id", "bigint"),
        ("total", "decimal"),
    ]
    assert orders.endpoint is not None
    assert orders.endpoint.params == {"limit": 40}
