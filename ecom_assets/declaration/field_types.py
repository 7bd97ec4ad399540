"""The single values of a declaration: names, texts, numbers and paths, each with its own check.

Addresses are `declared_address`'. What they add up to is `model`'s; which file they come from is `declaration`'s.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from datetime import date, datetime, timezone
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from dlt.common import jsonpath

from ecom_assets.declaration.error_text import format_value, value_error
from ecom_assets.declaration.field_check import Check, text_schema
from ecom_assets.declaration.instant_format import FORMATS, resolution_of

RESERVED = ("load_ledger", "rejected_rows")
"""Tables of our own, which stand beside those of the resources."""

_WORD = r"[a-z][a-z0-9]*(_[a-z0-9]+)*"


def _matching(pattern: str, allowed: str, *, echo: bool = True) -> Callable[[Any], str]:
    """Return a check that takes a text of that pattern."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise value_error(
                format_value(value) if echo or not isinstance(value, str) else "another text", allowed
            )
        return value

    return check


def _unreserved(check: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return a check that refuses the names of our own and dlt's tables and columns as well."""

    def unreserved(value: Any) -> str:
        if value in RESERVED or (isinstance(value, str) and value.startswith("_dlt")):
            raise value_error(
                format_value(value), f"a name that is not reserved, as {', '.join(RESERVED)} and _dlt… are"
            )
        return check(value)

    return unreserved


# a name is short and has few digits; a hexadecimal token, which also reads as snake_case, has many
SECRET_NAME = rf"(?!(.*\d){{5}})(?=.{{1,40}}$){_WORD}"


def secret_name(value: Any, allowed: str, *at: str) -> str:
    """Take the name of a secret; what is no name might be the secret, so it is not repeated."""
    if not isinstance(value, str) or not re.fullmatch(SECRET_NAME, value):
        raise value_error("another text" if isinstance(value, str) else format_value(value), allowed, *at)
    return value


def whole_number(low: int, high: int | None = None) -> Check:
    """Return the check of a whole number from `low` to `high`, both included."""
    allowed = f"a whole number, {low} or more" if high is None else f"a whole number from {low} to {high}"

    def check(value: Any) -> int:
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or value < low
            or (high is not None and value > high)
        ):
            raise value_error(format_value(value), allowed)
        return value

    highest = {} if high is None else {"maximum": high}
    return Check(check, {"type": "integer", "minimum": low, **highest})


def finite_number(allowed: str, low: float, high: float = math.inf, *, above: bool = False) -> Check:
    """Return the check of a finite number from `low`, or `above` it, to `high`."""

    def check(value: Any) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            # a whole number can be too large for a float; it is then as little a number as infinity is
            given = float(value) if abs(value) < sys.float_info.max else math.inf
            if math.isfinite(given) and low <= given <= high and not (above and given == low):
                return given
        raise value_error(format_value(value), allowed)

    highest = {} if high == math.inf else {"maximum": high}
    return Check(check, {"type": "number", "exclusiveMinimum" if above else "minimum": low, **highest})


def _as_tuple(value: Any) -> Any:
    """Take one text for a list of one, and YAML's lists as tuples."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, (list, tuple)):
        raise value_error(format_value(value), "a text or a list of texts")
    repeated = [entry for position, entry in enumerate(value) if entry in value[:position]]
    if repeated:
        raise value_error(f"{format_value(repeated[0])} twice", "each once")
    return tuple(value)


def _dotted(value: Any) -> Any:
    """Split a path such as `buyer.id` into its segments."""
    if isinstance(value, tuple):
        return value
    if not isinstance(value, str) or not all(value.split(".")) or value != value.strip():
        raise value_error(format_value(value), "field names with dots between them, such as buyer.id")
    return tuple(value.split("."))


def dotted_text(value: Any) -> str:
    """Take a path such as `buyer.id` as the text it is."""
    return ".".join(_dotted(value))


def json_path(value: Any) -> str:
    """Take a JSONPath, in which dlt finds rows, totals and cursors in an answer."""
    try:
        if not isinstance(value, str):
            raise ValueError
        jsonpath.compile_path(value)
    except Exception:  # jsonpath_ng raises bare exceptions of its own for what it cannot read
        raise value_error(format_value(value), "a JSONPath, such as data or result.items") from None
    return value


def _instant_format(value: Any) -> str:
    """Take one of the named formats or a strftime pattern."""
    try:
        if isinstance(value, str):
            resolution_of(value)
            return value
    except ValueError:
        pass
    raise value_error(
        format_value(value), f"{', '.join(FORMATS)} or a strftime pattern such as %Y-%m-%d %H:%M:%S"
    )


def _time_zone(value: Any) -> str:
    """Take a key of the time zone database."""
    try:
        return ZoneInfo(value).key
    except Exception:  # a missing zone, a folder of zones and a malformed key raise differently
        raise value_error(format_value(value), "a time zone such as UTC or Europe/Berlin") from None


def _instant(value: Any) -> datetime:
    """Take a date or a time, a naive one being in UTC, as an aware datetime in UTC."""
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        if not isinstance(value, datetime):
            if not isinstance(value, date):
                raise ValueError
            value = datetime(value.year, value.month, value.day)
        aware: datetime = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return aware.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise value_error(
            format_value(value), "a date or a time such as 2026-01-01 or 2026-01-01T06:00:00Z"
        ) from None


def _endpoint_path(value: Any) -> str:
    """Take the path of a collection; a whole address would send the secret to another host."""
    if (
        not isinstance(value, str)
        or not value
        or "://" in value
        or value.startswith("//")
        or re.search(r"\s", value)
    ):
        raise value_error(format_value(value), "a path below base_url, such as /v1/orders")
    return value


_COLUMN = rf"_?{_WORD}(__{_WORD})*"
_SHOP = rf"(?!.*_staging$){_WORD}"  # dlt merges through the dataset <shop>_staging
_PREFIX = r"[A-Za-z_=:-]{1,30} ?"
_FREE = rf"(?!({'|'.join(RESERVED)})$|_dlt)"
_DOTTED = text_schema(r"(?!\s)[^.]+(\.[^.]+)*(?<!\s)")


def _list_of(entry: dict[str, Any], least: int = 0) -> dict[str, Any]:
    """Return the form of one text or a list of them."""
    return {"anyOf": [entry, {"type": "array", "items": entry, "minItems": least, "uniqueItems": True}]}


Name = Annotated[
    str,
    Check(
        _unreserved(_matching(_WORD, "a lower snake_case name, such as order_items")),
        text_schema(_FREE + _WORD),
    ),
]
ShopName = Annotated[
    str,
    Check(
        _unreserved(_matching(_SHOP, "a lower snake_case name that does not end in _staging")),
        text_schema(_FREE + _SHOP),
    ),
]
COLUMN_NAME = text_schema(_FREE + _COLUMN)
ColumnName = Annotated[
    str,
    Check(
        _unreserved(_matching(_COLUMN, "a lower snake_case name, such as address__city")),
        COLUMN_NAME,
    ),
]
Prefix = Annotated[
    str, Check(_matching(_PREFIX, "a word such as 'Token ', of letters", echo=False), text_schema(_PREFIX))
]
TEXT = {"type": "string", "pattern": r"\S"}
Text = Annotated[str, Check(_matching(r"(?s)\s*\S.*", "a text"), TEXT)]
Texts = Annotated[tuple[Text, ...], Check(_as_tuple, _list_of(TEXT))]
ColumnNames = Annotated[tuple[ColumnName, ...], Check(_as_tuple, _list_of(COLUMN_NAME, 1))]
Dotted = Annotated[tuple[str, ...], Check(_dotted, _DOTTED)]
DottedText = Annotated[str, Check(dotted_text, _DOTTED)]
JsonPath = Annotated[str, Check(json_path, TEXT)]
InstantFormat = Annotated[
    str, Check(_instant_format, {"anyOf": [{"enum": list(FORMATS)}, {"type": "string", "pattern": "%"}]})
]
TimeZone = Annotated[str, Check(_time_zone, TEXT)]
Instant = Annotated[datetime, Check(_instant, text_schema(r"\d{4}-?[\dW].*"))]
ENDPOINT_PATH = text_schema(r"(?!//)(?!.*://)\S+")
EndpointPath = Annotated[str, Check(_endpoint_path, ENDPOINT_PATH)]
