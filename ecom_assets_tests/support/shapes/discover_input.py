"""What a user passes to `discover` for each shape of API, and the names that `discover` gives to the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class DiscoverInput:
    """What a user passes to `discover` for one shape. `columns` maps the expected columns to their discovered names."""

    shape: str
    path: str
    auth: Sequence[str]
    endpoints: Sequence[str]
    columns: Mapping[str, Mapping[str, str]]
    windowed: Sequence[str] = ()
    parameters: Sequence[str] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    called: Mapping[str, str] = field(default_factory=dict)
    """The names that `discover` gives to tables with another name in the shape."""


SEARCH = "updated:>='2026-03-27T00:00:00Z' AND updated:<'2026-03-27T12:00:00Z'"
ORDERS = """{"filter": {"changed": {"gte": "{incremental.start_value}", "lt": "{incremental.end_value}"}},
             "sort": ["changed", "no"], "page": {"offset": 0, "size": 50}}"""
DISCOVER_INPUTS = [
    DiscoverInput(
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
    DiscoverInput(
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
    DiscoverInput(
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
    DiscoverInput(
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
    DiscoverInput(
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
    DiscoverInput(
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
    DiscoverInput(
        "date_ranges",
        "/reports/",
        ["api_key:X-Shop-Key:header"],
        ["payouts", "disputes"],
        {"payouts": {name: name for name in ("posted_on", "account", "amount")}},
    ),
    DiscoverInput(
        "parent_children",
        "/v2",
        ["api_key:X-Api-Key:header"],
        [
            "/refunds/{resources.refunds.token}/events",
            "/orders/{resources.orders.id}/refunds",
            "/orders",
            "/shipments?order_number={resources.orders.meta.number}",
            "products/{resources.products.sku}/variants/",
            "products",
        ],
        {
            "orders": {name: name for name in ("id", "currency", "updated_at")} | {"number": "meta__number"},
            "refunds": {name: name for name in ("order_id", "id", "amount", "made_at")},
            "refund_lines": {name: name for name in ("order_id", "refund_id", "sku", "quantity")},
            "refund_events": {name: name for name in ("order_id", "refund_id", "step", "what")},
            "shipments": {name: name for name in ("order_id", "carrier")},
            "products": {name: name for name in ("sku", "title")},
            "variants": {"sku": "product_sku", "size": "size", "stock": "stock"},
        },
        windowed=["orders", "refunds", "refund_items", "events", "shipments"],
        parameters=["offset", "limit", "min", "max"],
        called={"refund_lines": "refund_items", "refund_events": "events"},
    ),
    DiscoverInput(
        "post_search",
        "",
        ["oauth2_client_credentials:{base_url}/oauth/token"],
        [
            f"POST /search/orders {ORDERS}",
            'POST /search/customers {"page": {"size": 4, "number": 0}}',
            "POST /search/currencies {}",
        ],
        {
            "orders": {name: name for name in ("no", "cents", "note")} | {"changed": "updated_at"},
            "order_lines": {name: name for name in ("order_no", "pos", "sku")},
            "customers": {name: name for name in ("no", "email", "joined")},
            "currencies": {"code": "code"},
        },
        windowed=["orders", "order_entries"],
        called={"order_lines": "order_entries"},
    ),
]
