"""dlt's other placeholders of an incremental: `{incremental.last_value}` and `{incremental.initial_value}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ecom_assets.declaration.placeholders import PARTS, START

_LAST = "{incremental.last_value}"
_INITIAL = "{incremental.initial_value}"


def with_known_placeholders(endpoint: dict[str, Any]) -> dict[str, Any]:
    """Return an endpoint in which dlt's last value is the start of the reading, and its initial value that value.

    With `lag`, dlt's last value is later than the start; with `convert`, the initial value is not the one to send. Such
    a placeholder stays as it is, so that it is refused.
    """
    incremental = endpoint.get("incremental")
    if not isinstance(incremental, Mapping):
        return endpoint
    values: dict[str, Any] = {}
    if not incremental.get("lag"):
        values[_LAST] = f"{{{START}}}"
    initial = incremental.get("initial_value")
    if isinstance(initial, (str, int, float)) and incremental.get("convert") is None:
        values[_INITIAL] = initial
    return {
        **endpoint,
        **{
            key: _filled(endpoint[key], values, typed=key in ("params", "json"))
            for key in PARTS
            if key in endpoint
        },
    }


def _filled(value: Any, values: Mapping[str, Any], *, typed: bool) -> Any:
    """Return a value whose placeholders are filled in; `typed` keeps the type of one that is alone in a text."""
    if isinstance(value, str):
        if typed and value in values and not isinstance(values[value], str):
            return values[value]
        for placeholder, filler in values.items():
            text = filler if placeholder == _LAST else str(filler).replace("{", "{{").replace("}", "}}")
            # a doubled brace is a literal one
            value = re.sub(rf"(?<!\{{){re.escape(placeholder)}", text.replace("\\", r"\\"), value)
        return value
    if isinstance(value, Mapping):
        return {
            _filled(key, values, typed=False): _filled(entry, values, typed=typed)
            for key, entry in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_filled(entry, values, typed=typed) for entry in value]
    return value
