"""What an endpoint must agree on with its shop: auth, paginator, and dlt's `initial_value` and `lag` of a cursor."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timezone
from typing import Any
from zoneinfo import ZoneInfo

from ecom_assets.declaration.api.client import Client, check_auths
from ecom_assets.declaration.api.endpoint import Endpoint
from ecom_assets.declaration.api.incremental import Incremental
from ecom_assets.declaration.api.paginator import BY_POSITION, reported_total
from ecom_assets.declaration.column_types import CURSOR_TYPES
from ecom_assets.declaration.error_text import Place, format_value, rule_error
from ecom_assets.declaration.resource import Resource
from ecom_assets.foundation.json_path import picks_elements
from ecom_assets.foundation.local_time import instant_of

_MILLISECONDS_FROM = 100_000_000_000
"""From this number on, a number of a cursor is of milliseconds since 1970, else of seconds."""


def check_endpoint(place: Place, endpoint: Endpoint, client: Client) -> None:
    """Check an endpoint's auth, and that its paginator fits its body and its `verify`.

    Args:
        place: The place of the endpoint.
        endpoint: The declared endpoint.
        client: The client, whose paginator it may have.

    Raises:
        PydanticCustomError: An address or a secret of the auth is wrong, or pages cannot be asked for.
    """
    check_auths((*place, "auth"), endpoint.auth or (), allow_http=client.allow_http)
    if endpoint.auth is not None:
        client.check_key_in_path((*place, "auth"), endpoint.auth)
    paginator = endpoint.paginator or client.paginator or {}
    if endpoint.data is not None and any(key.endswith("_body_path") and paginator[key] for key in paginator):
        raise rule_error(
            (*place, "data"),
            "data with a paginator that writes into a JSON body",
            "json, or another paginator",
        )
    kind = paginator.get("type")
    if endpoint.data_selector and kind in BY_POSITION and picks_elements(endpoint.data_selector):
        raise rule_error(
            (*place, "data_selector"),
            f"{format_value(endpoint.data_selector)}, which leads to some records of a page, with paginator {kind}",
            "the path of the whole list, such as data, because pages are counted by their records; to leave records "
            "out, use processing_steps with filter",
        )
    if endpoint.verify == "once" and not reported_total(paginator):
        raise rule_error(
            (*place, "verify"),
            "once with a paginator that has no total",
            "total_path or total_header in the paginator, or twice; without a total, only a second reading shows that "
            "the list did not change",
        )


def check_first_window(place: Place, resource: Resource, start: datetime, lookback: int) -> None:
    """Check that windows read what dlt would read.

    Args:
        place: The place of `incremental`.
        resource: The windowed resource.
        start: The start of the first window, in UTC.
        lookback: The seconds before a window that are read again.

    Raises:
        PydanticCustomError: `initial_value` is another instant than `start`, `lag` is more than `lookback`, or the
            cursor is no instant.
    """
    incremental = resource.endpoint.incremental if resource.endpoint else None
    cursor = resource.cursor
    if incremental is None:
        return
    if cursor is not None and cursor.data_type not in CURSOR_TYPES:
        raise rule_error(
            (*place, "cursor_path"),
            f"{format_value(incremental.cursor_path)}, whose data_type is {cursor.data_type}",
            f"one of the data types {', '.join(CURSOR_TYPES)}, because the shop has partitions; or leave them out, to "
            "read on from the cursor of the last load",
        )
    if incremental.cursor == "window" and cursor is not None and cursor.data_type != "timestamp":
        raise rule_error(
            ("resources", place[1], "columns", cursor.name, "data_type"),
            cursor.data_type,
            "timestamp, because the column takes the start of the window that was asked for",
        )
    value = incremental.initial_value
    if value is not None and instant_of_value(value, incremental) != start:
        raise rule_error(
            (*place, "initial_value"),
            format_value(value if isinstance(value, (str, int, float)) else str(value)),
            f"{start.isoformat()}, as partitions.start, at which the first window begins; or leave it out",
        )
    if incremental.lag is not None and incremental.lag > lookback:
        raise rule_error(
            (*place, "lag"),
            f"{incremental.lag:g} seconds, more than policy.lookback ({lookback})",
            f"policy.lookback: {-int(-incremental.lag // 1)} or more, which is read again before each window",
        )


def instant_of_value(value: Any, incremental: Incremental) -> datetime | None:
    """Return the instant, in UTC, that a value of the cursor means, None if it means none."""
    zone = ZoneInfo(incremental.timezone)
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{9,}", value):
            value = int(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            seconds = value / 1000 if value >= _MILLISECONDS_FROM else value
            return datetime.fromtimestamp(seconds, timezone.utc)
        if isinstance(value, str):
            if "%" in incremental.format:
                value = datetime.strptime(value, incremental.format)
            else:
                value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time())
        if not isinstance(value, datetime):
            return None
        return value.astimezone(timezone.utc) if value.tzinfo else instant_of(value, zone)
    except (ValueError, OverflowError, OSError):
        return None
