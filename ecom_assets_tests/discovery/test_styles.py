"""For a library of styles of APIs, `discover` writes a file that loads every row, before and after changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ecom_assets.declaration.reading import Resource, Shop, load_shop
from ecom_assets.discovery.auth_argument import auth_kinds
from ecom_assets.discovery.discover import Discovery, DiscoveryOptions, discover
from ecom_assets.extract.check.api_check import check
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.run import run_load
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.support.examples import slowly
from ecom_assets_tests.support.paths import ROOT
from ecom_assets_tests.support.servers.loopback import no_waits as no_waits
from ecom_assets_tests.support.servers.loopback import serving
from ecom_assets_tests.support.shapes.records import END, START, Order
from ecom_assets_tests.support.styles.library import STYLES
from ecom_assets_tests.support.styles.style import Style, StyleServer

BY_NAME = {style.name: style for style in STYLES}
FAST = ("documents_by_number", "edges", "since_id", "token_alone", "gone_past_the_end", "skip_alone")
"""The styles of the fast tests: JSON:API, GraphQL-like, keyset, a token and numbered pages."""
Row = tuple[Any, ...]


@pytest.mark.parametrize("name", [*FAST, *slowly(BY_NAME, *FAST)])
def test_what_discover_writes_loads_to_the_row_without_an_edit(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    style = BY_NAME[name]
    server, file = StyleServer(style), tmp_path / f"{name}.yaml"
    with serving() as loopback:
        loopback.answering = server
        started = time.monotonic()
        found = discovered(style, loopback.base_url)
        record_property("seconds", round(time.monotonic() - started, 2))
        record_property("requests", server.requests)
        assert found.requests <= style.most
        file.write_text(found.text, "utf-8")
        shop = load_shop(file)
        table = shop.resource(style.resource)
        assert declared_paging(table, shop) == style.paginator, found.text
        assert style.paginator["type"] in style.becomes
        assert not [words for words in style.says if words not in found.text]
        assert bool(table.windowed) == bool(style.filter), found.text
        findings = [finding for finding in check(shop, style.access.secrets) if finding.result == "failed"]
        assert findings == []
        for _ in range(2):
            assert load(shop, style, tmp_path / "tables.duckdb") == {}
            assert_equal_rows(tmp_path / "tables.duckdb", shop, style, server.orders)
            server.change()


def test_the_page_about_discover_has_the_table_of_styles() -> None:
    page = (ROOT / "docs" / "discover.md").read_text("utf-8")
    table = page.partition("| style of paging |")[2].partition("\n\n")[0].splitlines()[2:]
    assert table == [f"| {style.api} | {style.becomes} |" for style in STYLES]
    assert len(STYLES) >= 20


def discovered(style: Style, base_url: str) -> Discovery:
    """Return what `discover` finds out about a style."""
    auth = auth_kinds([kind.replace("{base_url}", base_url) for kind in style.access.auth])
    options = DiscoveryOptions(
        style.name, base_url, auth, [style.endpoint], style.given, max_requests=style.most
    )
    return discover(options, style.access.secrets)


def declared_paging(table: Resource, shop: Shop) -> dict[str, Any]:
    """Return the declared paginator without the page size."""
    assert table.endpoint
    paginator = table.endpoint.paginator or shop.client.paginator or {"type": "single_page"}
    return {key: value for key, value in paginator.items() if key != "limit"}


def load(shop: Shop, style: Style, file: Path) -> dict[str, str]:
    """Load every table, and return the errors."""
    errors: dict[str, str] = {}
    for tables, windows in (
        (shop.windowed_resources(), windows_between(shop.partitions, START, END) if shop.partitions else ()),
        (shop.snapshot_resources(), ()),
    ):
        names = [table.name for table in tables]
        if names:
            warehouse = DuckDbWarehouse(file, 20)
            report = run_load(shop, names, windows, secrets=style.access.secrets, warehouse=warehouse)
            errors |= {name: str(error) for name, error in report.errors.items()}
    return errors


def assert_equal_rows(file: Path, shop: Shop, style: Style, orders: list[Order]) -> None:
    """Compare the tables with the orders, row by row."""
    wanted = [order for order in orders if not style.filter or START <= order.changed < END]
    table = shop.resource(style.resource)
    names = {".".join(column.path): column.name for column in table.columns}
    columns = [
        names[path] for path in (style.places[name] for name in ("number", "changed", "total", "note"))
    ]
    assert rows_of(file, shop, style.resource, columns) == sorted(
        (plain(style.key(order.number)), order.changed, order.total, order.note) for order in wanted
    )
    assert rows_of(file, shop, "rejected_rows", ["record"]) == []
    if not style.lines:
        return
    lines = next(entry for entry in shop.resources if entry.rows_from and entry.rows_from.path == style.lines)
    assert rows_of(file, shop, lines.name, [*lines.primary_key, "sku", "quantity"]) == sorted(
        (plain(style.key(order.number)), line.number, line.sku, line.quantity)
        for order in wanted
        for line in order.lines
    )


def rows_of(file: Path, shop: Shop, table: str, columns: list[str]) -> list[Row]:
    """Return rows of a table, sorted."""
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        selected = ", ".join(f'"{column}"' for column in columns)
        rows = connection.execute(f'select {selected} from {shop.name}."{table}"').fetchall()
    return sorted(tuple(plain(value) for value in row) for row in rows)


def plain(value: Any) -> Any:
    """Return numbers as exact ones and instants in UTC, since a column may be wider than the value."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    if isinstance(value, (float, Decimal)):
        return Decimal(str(value))
    return value
