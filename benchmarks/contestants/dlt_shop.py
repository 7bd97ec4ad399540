"""The shop as dlt's REST API source, the way its documentation shows it."""

from __future__ import annotations

from typing import Any

from work import Work, api_time

MONEY = {"data_type": "decimal", "precision": 18, "scale": 4}
COLUMNS: dict[str, dict[str, Any]] = {
    "customers": {},
    "products": {"price": MONEY},
    "orders": {"total": MONEY},
}
"""Types that dlt does not infer: amounts, which the API writes as texts."""


def configuration(work: Work, limit: int) -> dict[str, Any]:
    """Return the configuration that reads all days in one pass, in pages of `limit` records."""
    return {
        "client": {
            "base_url": work.url,
            "auth": {"type": "api_key", "name": "api_key", "api_key": work.api_key, "location": "query"},
            "paginator": {"type": "offset", "limit": limit, "total_path": "total"},
        },
        "resource_defaults": {
            "primary_key": "id",
            "write_disposition": "merge",
            "endpoint": {
                "data_selector": "data",
                "params": {
                    "updated_at_min": "{incremental.start_value}",
                    "updated_at_max": "{incremental.end_value}",
                },
                "incremental": {
                    "cursor_path": "updated_at",
                    "initial_value": api_time(work.start),
                    "end_value": api_time(work.end),
                },
            },
        },
        "resources": [
            {"name": name, "endpoint": {"path": f"v1/{name}"}, "columns": columns}
            for name, columns in COLUMNS.items()
        ],
    }
