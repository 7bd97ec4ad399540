"""The bundled sandbox, discovered without its declaration, loads the same tables as with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ecom_assets.client.api_connection import open_api
from ecom_assets.declaration.reading import BUNDLED_SHOPS, Shop, load_shop
from ecom_assets.discovery.discover import Discovery, DiscoveryOptions, discover
from ecom_assets.discovery.exploration.endpoint_search import COLLECTIONS, find_endpoints
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.run import run_load
from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.server import Running, serving
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse

UTC = timezone.utc
NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
SECRETS = {"api_key": SANDBOX_KEY}
AUTH = [{"type": "api_key", "name": "api_key", "location": "query"}]
ENDPOINTS = ["/v1/customers", "/v1/products", "/v1/orders", "/v1/stores"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Running]:
    with serving(SandboxSettings(orders_per_day=120, now=NOW)) as running:
        yield running


@pytest.fixture(scope="module")
def discovery(sandbox: Running) -> Discovery:
    sandbox.log.clear()
    found = discover(DiscoveryOptions("found", sandbox.base_url, AUTH, ENDPOINTS, strict=True), SECRETS)
    for path in ENDPOINTS:
        asked = [request for request in sandbox.log.requests if request.path == path]
        assert len(asked) <= 12, path
    assert len(sandbox.log.requests) == found.requests
    return found


@pytest.fixture
def shop(discovery: Discovery, tmp_path: Path) -> Shop:
    file = tmp_path / "found.yaml"
    file.write_text(discovery.text, "utf-8")
    return load_shop(file)


def bundled(sandbox: Running) -> Shop:
    shop = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
    return shop.model_copy(update={"client": shop.client.model_copy(update={"base_url": sandbox.base_url})})


def test_what_is_declared_is_what_the_bundled_file_says(shop: Shop, sandbox: Running) -> None:
    by_hand = bundled(sandbox)
    assert {resource.name for resource in shop.resources} == {resource.name for resource in by_hand.resources}
    assert shop.client.paginator == by_hand.client.paginator
    assert shop.client.auth == by_hand.client.auth
    assert shop.partitions == by_hand.partitions
    for resource in by_hand.resources:
        found = shop.resource(resource.name)
        assert found.primary_key == resource.primary_key
        assert found.rows_from == resource.rows_from
        types = {column.path: (column.data_type, column.nullable) for column in found.columns}
        assert types == {column.path: (column.data_type, column.nullable) for column in resource.columns}
        references = {column.path: column.references for column in found.columns}
        by_hand_too = {column.path: column.references for column in resource.columns if column.references}
        assert by_hand_too.items() <= references.items()
        if resource.windowed and resource.endpoint and found.endpoint:
            assert found.endpoint.incremental == resource.endpoint.incremental
    # its filter is honoured too, which the bundled file leaves unused
    assert shop.resource("products").windowed
    assert not shop.resource("stores").windowed


def test_each_guess_has_its_evidence_beside_it(discovery: Discovery) -> None:
    lines = {
        line.strip().partition("  # ")[0]: line.partition("  # ")[2] for line in discovery.text.splitlines()
    }
    assert lines["primary_key: [order_id, id]"].startswith("unique within their list, and never null in ")
    assert lines["note: {data_type: text}"].startswith("null in ")
    assert "0 of an empty list" in lines["paginator: {type: offset, limit: 100, total_path: total}"]
    assert "2090 brought no record" in lines["start_param: updated_at_min"]
    assert lines["bounds: '[)'"] == "a record at the start is included, one at the end excluded"
    assert SANDBOX_KEY not in discovery.text


def rows(file: Path, shop: Shop, name: str, like: Shop) -> list[tuple[Any, ...]]:
    """Return the values of a table in the order of the columns of `like`, matched by their paths."""
    by_path = {column.path: column.name for column in shop.resource(name).columns}
    columns = ", ".join(f'"{by_path[column.path]}"' for column in like.resource(name).columns)
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(f"select {columns} from {shop.name}.{name} order by all").fetchall()


def test_a_load_brings_the_same_rows(shop: Shop, sandbox: Running, tmp_path: Path) -> None:
    by_hand = bundled(sandbox)
    assert shop.partitions
    windows = windows_between(shop.partitions, datetime(2026, 1, 18, tzinfo=UTC), NOW)
    files = {}
    for which in (shop, by_hand):
        files[which.name] = tmp_path / f"{which.name}_tables.duckdb"
        for names, part in ((["customers", "orders", "order_items"], windows), (["stores"], ())):
            report = run_load(
                which, names, part, secrets=SECRETS, warehouse=DuckDbWarehouse(files[which.name], 20)
            )
            assert report.errors == {}
    for name in ("customers", "orders", "order_items", "stores"):
        found = rows(files["found"], shop, name, by_hand)
        assert len(found) > 4
        assert found == rows(files["sandbox"], by_hand, name, by_hand)


def test_endpoints_are_found_below_an_address(sandbox: Running) -> None:
    sandbox.log.clear()
    for url, expected in (("/v1", ["/customers", "/products", "/orders", "/stores"]), ("", ENDPOINTS)):
        from ecom_assets.discovery.discover import provisional_shop

        with open_api(
            provisional_shop(DiscoveryOptions("found", sandbox.base_url + url, AUTH)), SECRETS
        ) as connection:
            assert find_endpoints(connection, lambda text: None) == expected
    assert len(sandbox.log.requests) <= 2 + 3 * len(COLLECTIONS)
