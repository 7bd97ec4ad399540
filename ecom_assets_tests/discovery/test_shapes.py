"""For many shapes of APIs, the file that `discover` writes loads every row without an edit."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets.discovery.auth_argument import auth_kinds
from ecom_assets.discovery.discover import DiscoveryOptions, discover
from ecom_assets.extract.windows import windows_between
from ecom_assets.foundation.errors import IngestError
from ecom_assets.load.run import run_load
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.support.servers.loopback import serving
from ecom_assets_tests.support.shapes import SHAPES
from ecom_assets_tests.support.shapes.discover_input import DISCOVER_INPUTS, DiscoverInput


@pytest.mark.slow
@pytest.mark.parametrize("asked", DISCOVER_INPUTS, ids=lambda asked: asked.shape)
def test_what_is_found_loads_to_the_row(asked: DiscoverInput, tmp_path: Path) -> None:
    shape = SHAPES[asked.shape]
    secrets = asked.secrets or shape.secrets
    with serving() as loopback:
        loopback.answering = shape.answer
        auth = auth_kinds([kind.replace("{base_url}", loopback.base_url) for kind in asked.auth])
        options = DiscoveryOptions(
            asked.shape, loopback.base_url + asked.path, auth, asked.endpoints, asked.parameters
        )
        found = discover(options, secrets)
        assert all(table.endpoint.requests <= 12 for table in found.draft.tables if table.endpoint)
        file = tmp_path / "found.yaml"
        file.write_text(found.text, "utf-8")
        shop = load_shop(file)
        assert {entry.name for entry in shop.windowed_resources()} == set(asked.windowed)
        load(shop, asked, secrets, tmp_path / "tables.duckdb")
        expected = shape.tables(loopback.base_url)
    for name, columns in asked.columns.items():
        table = asked.called.get(name, name)
        rows = stored(tmp_path / "tables.duckdb", shop, table, list(columns.values()))
        wanted = [tuple(plain(row[column]) for column in columns) for row in expected[name]]
        assert set(wanted) <= set(rows), name
        # a snapshot has the days before and after, too
        assert len(rows) == len(wanted) or table not in asked.windowed, name


def load(shop: Shop, asked: DiscoverInput, secrets: Mapping[str, str], file: Path) -> None:
    """Load every table, the windowed ones for the days of the shape."""
    shape = SHAPES[asked.shape]
    snapshots = [entry.name for entry in shop.snapshot_resources()]
    if asked.windowed and shop.partitions:
        windows = windows_between(shop.partitions, shape.start, shape.end)
        assert (
            run_load(
                shop, asked.windowed, windows, secrets=secrets, warehouse=DuckDbWarehouse(file, 20)
            ).errors
            == {}
        )
    assert run_load(shop, snapshots, (), secrets=secrets, warehouse=DuckDbWarehouse(file, 20)).errors == {}


def stored(file: Path, shop: Shop, name: str, columns: list[str]) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        selected = ", ".join(f'"{column}"' for column in columns)
        rows = connection.execute(f"select {selected} from {shop.name}.{name}").fetchall()
    return [tuple(plain(value) for value in row) for row in rows]


def plain(value: Any) -> Any:
    """Return numbers of any type as exact ones, since a type may be wider than the expected one."""
    return (
        Decimal(str(value))
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
        else value
    )


@pytest.mark.parametrize("body", ["", " [1]", ' {"page"'])
def test_a_search_by_post_without_an_object_as_its_body_is_refused_in_a_line(body: str) -> None:
    shape = SHAPES["post_search"]
    with serving() as loopback:
        loopback.answering = shape.answer
        auth = auth_kinds([f"oauth2_client_credentials:{loopback.base_url}/oauth/token"])
        options = DiscoveryOptions("post_search", loopback.base_url, auth, [f"POST /search/orders{body}"])
        with pytest.raises(IngestError, match=r"POST /search/orders: found .*; allowed: the body as a JSON"):
            discover(options, shape.secrets)
        assert not loopback.seen[1:]


def test_a_child_is_read_behind_its_parent_and_refused_without_it() -> None:
    shape = SHAPES["parent_children"]
    refunds = "/orders/{resources.orders.id}/refunds"
    with serving() as loopback:
        loopback.answering = shape.answer
        base_url, auth = f"{loopback.base_url}/v2", auth_kinds(["api_key:X-Api-Key:header"])
        found = discover(DiscoveryOptions("shop", base_url, auth, [refunds, "products"]), shape.secrets)
    assert [table.name for table in found.draft.tables] == ["products"]
    assert found.failed == {
        refunds: f"{refunds}: its placeholders take fields of orders, which could not be read; allowed: products"
    }
