"""Values as texts in a JSON list, from which a statement of a service casts them."""

from __future__ import annotations

import base64
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any


def json_text(value: Any) -> str | None:
    """Return a value as SQL casts it from a text: bytes in base64, instants in UTC. None stays."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat(" ")
    return str(value)
