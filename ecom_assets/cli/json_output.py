"""Prints the outcome of a command as JSON, for scripts."""

from __future__ import annotations

import dataclasses
import json
from datetime import date, datetime, time
from typing import Any


def print_json(value: Any) -> None:
    """Print a value as JSON: dataclasses as objects, decimals as texts, instants as ISO 8601 in UTC."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=_json_value))


def _json_value(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return str(value)
