"""Many shapes of APIs discovered: what `discover` writes loads to the row, without an edit.

Not among them is an API that is searched by POST: a question for its first page alone would have to be known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ecom_assets.discovery.auth_kinds import auth_kinds
from ecom_assets.discovery.discovering import Wish, discover
from ecom_assets.ingest.declaration import Shop, load_shop
from ecom_assets.ingest.errors import IngestError
from ecom_assets.ingest.loading import run_load
from ecom_assets.ingest.warehouse import Warehouse
from ecom_assets.ingest.windows import windows_between
from ecom_assets_tests.loopback import serving
from ecom_assets_tests.shapes import SHAPES


@dataclass(frozen=True)
class Asked:
    """What a user says to discover a shape, and by which names the expected columns are found."""

    shape: str
    path: str
    auth: Sequence[str]
    endpoints: Sequence[str]
    columns: Mapping[str, Mapping[str, str]]
    windowed: Sequence[str] = ()
    parameters: Sequence[str] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)


SEARCH = "updated:>='2026-03-27T00:00:00Z' AND updated:<'2026-03-27T12:00:00Z'"
ASKED = [
    Asked(
        "basic_pages",
        "/shop/v3",
        ["http_basic"],
        ["orders?status=any&orderby=modified&order=asc", "customers"],
        {
            "orders": {
                "id": "id",
                "total": "total",
                "discount": "discount",
                "customer_id": "customer_id",
                "customer_note": "customer__note",
                "changed_at": "updated_at",
            },
            "order_items": {"order_id": "order_id", "id": "id", "sku": "sku", "price": "price"},
            "customers": {"id": "id", "email": "email", "billing__city": "billing__city"},
        },
        windowed=["orders", "order_items"],
        secrets={"username": "basic-pages-key-1f2e", "password": ""},
    ),
    Asked(
        "twin_secrets",
        "/store/api",
        ["api_key:consumer_key:query", "api_key:consumer_secret:query"],
        ["orders/?sort=modified", "stock/"],
        {
            "orders": {name: name for name in ("order_id", "total", "discount", "is_paid")}
            | {"modified": "updated_at"},
            "stock": {name: name for name in ("sku", "depot", "pieces")},
        },
        windowed=["orders"],
        parameters=["skip", "take", "modified_from", "modified_to", "page", "size"],
    ),
    Asked(
        "token_header_links",
        "/api/",
        ["api_key:Authorization:header:Token "],
        ["orders/?include_archived=true", "customers/"],
        {
            "orders": {
                "url": "url",
                "customer_url": "customer",
                "total": "total",
                "updated_at": "updated_at",
            },
            "customers": {name: name for name in ("url", "email", "joined_on")},
        },
        windowed=["orders"],
    ),
    Asked(
        "keyset_cursor",
        "/graph",
        ["bearer"],
        [f"/orders?search={SEARCH}", "/balances"],
        {
            "orders": {name: name for name in ("id", "customer_id", "total__amount", "total__currency")}
            | {"updated": "updated_at"},
            "balances": {name: name for name in ("customer", "currency", "amount")},
        },
        parameters=["search", "after", "from_row"],
    ),
    Asked(
        "unix_seconds",
        "/v1",
        ["bearer", "api_key:store:query"],
        ["charges?expand[]=customer&expand[]=notes", "customers"],
        {
            "charges": {"id": "id", "amount": "amount", "paid": "paid", "updated_at": "updated"},
            "customers": {"id": "id", "city": "city"},
        },
        windowed=["charges"],
        secrets={"token": "unix-seconds-token-9a", "api_key": "unix-seconds-store-9b"},
    ),
    Asked(
        "local_time_no_filter",
        "/export",
        [],
        ["orders.json", "returns.json", "customers.json"],
        {
            "orders": {"nr": "nr", "amount": "betrag", "discount": "rabatt", "shipped_on": "versand"},
            "returns": {"order_nr": "auftrag", "position": "position"},
            "customers": {"nr": "nr"},
        },
    ),
    Asked(
        "date_ranges",
        "/reports/",
        ["api_key:X-Shop-Key:header"],
        ["payouts", "disputes"],
        {"payouts": {name: name for name in ("posted_on", "account", "amount")}},
    ),
]


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.shape)
def test_what_is_found_loads_to_the_row(asked: Asked, tmp_path: Path) -> None:
    shape = SHAPES[asked.shape]
    secrets = asked.secrets or shape.secrets
    with serving() as loopback:
        loopback.answering = shape.answer
        auth = auth_kinds(asked.auth)
        wish = Wish(asked.shape, loopback.base_url + asked.path, auth, asked.endpoints, asked.parameters)
        found = discover(wish, secrets)
        assert all(table.found.requests <= 12 for table in found.draft.tables if table.found)
        file = tmp_path / "found.yaml"
        file.write_text(found.text, "utf-8")
        shop = load_shop(file)
        assert {entry.name for entry in shop.windowed_resources()} == set(asked.windowed)
        load(shop, asked, secrets, tmp_path / "tables.duckdb")
        expected = shape.tables(loopback.base_url)
    for name, columns in asked.columns.items():
        rows = stored(tmp_path / "tables.duckdb", shop, name, list(columns.values()))
        wanted = [tuple(plain(row[column]) for column in columns) for row in expected[name]]
        assert set(wanted) <= set(rows), name
        # a snapshot has the days before and after, too
        assert len(rows) == len(wanted) or name not in asked.windowed, name


def load(shop: Shop, asked: Asked, secrets: Mapping[str, str], file: Path) -> None:
    """Load every table, the windowed ones for the days of the shape."""
    shape = SHAPES[asked.shape]
    snapshots = [entry.name for entry in shop.snapshot_resources()]
    if asked.windowed and shop.partitions:
        windows = windows_between(shop.partitions, shape.start, shape.end)
        assert (
            run_load(shop, asked.windowed, windows, secrets=secrets, warehouse=Warehouse(file, 20)).errors
            == {}
        )
    assert run_load(shop, snapshots, (), secrets=secrets, warehouse=Warehouse(file, 20)).errors == {}


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


def test_an_api_that_is_searched_by_post_is_refused_in_a_line() -> None:
    shape = SHAPES["post_search"]
    with serving() as loopback:
        loopback.answering = shape.answer
        auth = auth_kinds([f"oauth2_client_credentials:{loopback.base_url}/oauth/token"])
        with pytest.raises(IngestError, match="status 405"):
            discover(Wish("post_search", loopback.base_url, auth, ["/search/orders"]), shape.secrets)
