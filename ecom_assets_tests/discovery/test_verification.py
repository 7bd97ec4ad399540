"""A draft is verified before it is written; an endpoint can be drafted from its description alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecom_assets.client.api_connection import open_api
from ecom_assets.declaration.reading import load_shop
from ecom_assets.discovery.description.described_endpoint import DescribedEndpoint
from ecom_assets.discovery.description.offline import offline_draft
from ecom_assets.discovery.description.openapi import read_openapi
from ecom_assets.discovery.discover import DiscoveryOptions, provisional_shop
from ecom_assets.discovery.endpoint_draft import EndpointDraft, Guess, Paging
from ecom_assets.discovery.exploration.endpoint_search import find_endpoints
from ecom_assets.discovery.output.files import replace_text, write_new
from ecom_assets.discovery.output.shop_yaml import ShopDraft
from ecom_assets.discovery.tables.described_fields import DescribedField, DescribedTable
from ecom_assets.discovery.tables.naming import NamingRules
from ecom_assets.discovery.tables.table_draft import TableDraft, draft_tables
from ecom_assets.discovery.tables.type_inference import InferredType
from ecom_assets.discovery.update import update
from ecom_assets.discovery.verification import load_text, verified_yaml
from ecom_assets.foundation.errors import IngestError
from ecom_assets_tests.support.servers.loopback import Loopback, json_reply
from ecom_assets_tests.support.servers.loopback import api as api


def drafted(records: list[Any]) -> list[TableDraft]:
    found = EndpointDraft(
        "/orders", records, (), Guess("$", ""), Paging({"type": "single_page"}, ""), complete=True
    )
    return draft_tables(found, "orders", NamingRules(), [], DescribedTable())


def test_what_breaks_the_contract_is_loosened_and_says_so() -> None:
    records = [{"id": 1, "a": "x", "b": "y", "c": {"d": 1}}, {"id": 2, "a": None, "b": 1, "c": {"d": 2}}]
    tables = drafted(records)
    wrong = {column.name: column for column in tables[0].columns}
    wrong["a"].nullable = False
    wrong["b"].type = InferredType("bigint")
    wrong["c__d"].path = ("c",)
    wrong["c__d"].type = InferredType("text")
    text = verified_yaml(ShopDraft("shop", "https://api.example.com", tables=tables))
    orders = load_text(text, "shop").resource("orders")
    assert orders.column("a").nullable
    assert orders.column("b").data_type == "text"
    assert orders.column("c__d").data_type == "json"
    assert "loosened: null in the sample" in text
    assert "loosened: some values are no bigint" in text


def test_a_key_cannot_be_loosened_so_a_note_says_what_breaks() -> None:
    tables = drafted([{"id": number, "name": f"n{number}"} for number in range(3)])
    found = tables[0].endpoint
    assert found is not None
    found.records.append({"id": None, "name": "Ada Lovelace"})
    text = verified_yaml(ShopDraft("shop", "https://api.example.com", tables=tables))
    assert "# 1 records of the sample break this contract, the first one because of id" in text
    assert "Lovelace" not in text


def endpoint(
    params: dict[str, Any], other_fields: list[str], headers: tuple[str, ...] = ()
) -> DescribedEndpoint:
    return DescribedEndpoint(
        "/things",
        params={name: about or {} for name, about in params.items()},
        other_fields={tuple(path.split(".")): DescribedField("bigint", "integer") for path in other_fields},
        headers=headers,
        table=DescribedTable({("id",): DescribedField("bigint", "integer", False)}),
    )


@pytest.mark.parametrize(
    ("described", "paginator", "total"),
    [
        (
            endpoint({"skip": None, "take": {"maximum": 40}}, ["count"]),
            {"type": "offset", "limit": 40, "offset_param": "skip", "limit_param": "take"},
            {"total_path": "count"},
        ),
        (
            endpoint({"p": {"default": 0}, "per_page": None}, [], ("X-Total-Count",)),
            {"type": "page_number", "base_page": 0, "page_param": "p"},
            {"total_header": "X-Total-Count"},
        ),
        (
            endpoint({"cursor": None}, ["meta.next_cursor"]),
            {"type": "cursor", "cursor_path": "meta.next_cursor", "cursor_param": "cursor"},
            None,
        ),
        (endpoint({}, ["links.next"]), {"type": "json_link", "next_url_path": "links.next"}, None),
        (endpoint({}, [], ("Link",)), {"type": "header_link"}, None),
        (endpoint({}, []), {"type": "single_page"}, None),
    ],
)
def test_paging_by_a_description_alone(
    described: DescribedEndpoint, paginator: dict[str, Any], total: dict[str, str] | None
) -> None:
    found = offline_draft(described)
    assert found.paging.paginator == paginator
    assert (found.total.value if found.total else None) == total


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("{type: http, scheme: Basic}", [{"type": "http_basic"}]),
        (
            "{type: apiKey, in: header, name: X-Key}",
            [{"type": "api_key", "name": "X-Key", "location": "header"}],
        ),
        (
            "{type: oauth2, flows: {clientCredentials: {tokenUrl: 'https://api.example.com/token'}}}",
            [{"type": "oauth2_client_credentials", "access_token_url": "https://api.example.com/token"}],
        ),
        ("{type: apiKey, in: cookie, name: sid}", []),
        ("{type: openIdConnect}", []),
    ],
)
def test_auth_by_a_description(tmp_path: Path, scheme: str, expected: list[dict[str, str]]) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(
        f"openapi: 3.0.0\npaths: {{}}\ncomponents: {{securitySchemes: {{a: {scheme}}}}}\n", "utf-8"
    )
    assert read_openapi(file).auth == expected


def test_endpoints_that_the_root_links_to(api: Loopback) -> None:
    api.replies = [
        json_reply(
            {
                "orders": f"{api.base_url}/v2/orders/",
                "customers": "/v2/customers/",
                "one": f"{api.base_url}/v2/orders/{{id}}",
                "docs": "https://docs.example.com/",
                "text": "some words / others",
                "version": 2,
            }
        )
    ]
    with open_api(provisional_shop(DiscoveryOptions("shop", f"{api.base_url}/v2"))) as connection:
        assert find_endpoints(connection, lambda text: None) == ["/orders/", "/customers/"]
    assert len(api.seen) == 1


def test_files_that_cannot_be_written_are_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", "utf-8")
    with pytest.raises(IngestError, match="cannot be written"):
        write_new(blocked / "below.yaml", "text")
    with pytest.raises(IngestError, match="cannot be written"):
        replace_text(tmp_path / "missing" / "file.yaml", "text")
    with pytest.raises(IngestError, match="the file exists already"):
        write_new(blocked, "text")


NESTED = """\
name: shop
client: {base_url: BASE_URL}
resources:
  - name: orders
    primary_key: order_number
    endpoint: {path: /orders}
    columns:
      order_number: {data_type: bigint, nullable: false, path: id}
      total: {data_type: decimal, precision: 18, scale: 2, description: To pay.}
      meta: {data_type: json}
  - name: lines
    rows_from: {resource: orders, path: lines}
    include_from_parent: [id]
    primary_key: [order_number, "no"]
    columns:
      order_number: {data_type: bigint, nullable: false, path: _orders_id}
      "no": {data_type: bigint, nullable: false}
"""


def test_nested_lists_are_compared_and_added_under_the_declared_key(api: Loopback, tmp_path: Path) -> None:
    api.replies = [
        json_reply(
            [
                {
                    "id": number,
                    "total": "1.2345" if number else "open",
                    "meta": {"deep": {"er": 1}},
                    "lines": [{"no": 1, "sku": "a"}],
                    "refunds": [{"id": 7 + number, "amount": "1.50"}],
                }
                for number in range(3)
            ]
        )
    ]
    file = tmp_path / "shop.yaml"
    file.write_text(NESTED.replace("BASE_URL", api.base_url), "utf-8")
    found = update(load_shop(file), file.read_text("utf-8"))
    assert found.changes == [
        "orders.total: decimal became text",
        "lines.sku: new at the API, text",
        "order_refunds: new at the API",
    ]
    shop = load_text(found.text, "shop")
    assert shop.resource("orders").column("total").description == "To pay."
    refunds = shop.resource("order_refunds")
    assert refunds.primary_key == ("order_id", "id")
    assert str(refunds.column("order_id").references) == "Reference(resource='orders', column='order_number')"
    replace_text(file, found.text)
    assert update(load_shop(file), found.text).changes == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["shop.yaml"]
