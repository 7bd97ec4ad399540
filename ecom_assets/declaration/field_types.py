"""The types of single values in a declaration: names, texts, numbers and paths, each with its own check."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import urlsplit

from dlt.common.normalizers.naming import snake_case
from pydantic import Field
from pydantic.json_schema import JsonSchemaValue

from ecom_assets.declaration.error_text import format_value, value_error
from ecom_assets.declaration.instant_format import FORMATS, VALUE_FORMATS
from ecom_assets.declaration.instant_values import (
    check_format_of_values,
    check_instant_format,
    check_time_zone,
    to_utc,
)
from ecom_assets.declaration.model import Check, text_schema
from ecom_assets.foundation.json_path import compiled_path

RESERVED = ("load_ledger", "rejected_rows")
"""Tables that this program adds to those of the resources."""

_WORD = r"[a-z][a-z0-9]*(_[a-z0-9]+)*"


def _matching(pattern: str, allowed: str, *, echo: bool = True) -> Callable[[Any], str]:
    """Return a check for texts that match a pattern; without `echo` the message does not repeat the text."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise value_error(
                format_value(value)
                if echo or not isinstance(value, str)
                else "a text that is not repeated here",
                allowed,
            )
        return value

    return check


RESERVED_SHOPS = (
    "information_schema",
    "main",
    "memory",
    "pg_catalog",
    "pg_temp",
    "pg_toast",
    "system",
    "temp",
)
"""Schemas and catalogs that DuckDB and PostgreSQL have for themselves. A shop's name becomes that of its dataset."""

_LONGEST_SHOP = 64  # the longest name of a schema in dlt
_LONGEST_NAME = 200  # a table's name is the beginning of the names of dlt's files, which end after 255 bytes


def _refusing_reserved(
    check: Callable[[Any], str], longest: int | None = None, reserved: tuple[str, ...] = ()
) -> Callable[[Any], str]:
    """Return a check that also refuses the names of this program's and dlt's own tables and columns.

    Args:
        check: The check of all other texts.
        longest: The most characters of a name, None if there is no limit.
        reserved: Further names that databases have for themselves.
    """

    def check_reserved(value: Any) -> str:
        if value in reserved:
            allowed = f"a name that no database has for itself; these are {', '.join(reserved)}"
            raise value_error(format_value(value), allowed)
        if isinstance(value, str) and longest and len(value) > longest:
            found = f"{format_value(value)}, a name of {len(value)} characters"
            raise value_error(found, f"at most {longest} characters")
        if value in RESERVED or (isinstance(value, str) and value.startswith("_dlt")):
            raise value_error(
                format_value(value),
                f"a name that is not reserved; reserved are {', '.join(RESERVED)} and names that begin with _dlt",
            )
        return check(value)

    return check_reserved


# a name is short and has few digits; a hexadecimal token, which is also valid snake_case, has many
SECRET_NAME = rf"(?!(.*\d){{5}})(?=[^.]{{1,40}}(\.[^.]{{1,40}}){{0,5}}$){_WORD}(\.{_WORD})*"
"""A secret's name, or with dots its place in dlt's secrets."""


def secret_name(value: Any, allowed: str, *at: str) -> str:
    """Return the name or place of a secret. The error repeats no wrong name: it might be the secret itself."""
    if not isinstance(value, str) or not re.fullmatch(SECRET_NAME, value):
        raise value_error(
            "a text that is not repeated here" if isinstance(value, str) else format_value(value),
            allowed,
            *at,
        )
    return value


def whole_number(low: int, high: int | None = None) -> Check:
    """Return the check of a whole number from `low` to `high`, both included; None means no upper bound."""
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
    """Return the check of a finite number.

    Args:
        allowed: What the message says is allowed.
        low: The lower bound.
        high: The upper bound, included.
        above: Whether the lower bound itself is excluded.
    """

    def check(value: Any) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            # a whole number can be too large for a float; it is refused like infinity
            given = float(value) if abs(value) < sys.float_info.max else math.inf
            if math.isfinite(given) and low <= given <= high and not (above and given == low):
                return given
        raise value_error(format_value(value), allowed)

    highest = {} if high == math.inf else {"maximum": high}
    return Check(check, {"type": "number", "exclusiveMinimum" if above else "minimum": low, **highest})


def _as_tuple(value: Any) -> Any:
    """Return one text or a list of texts as a tuple."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, (list, tuple)):
        raise value_error(format_value(value), "a text or a list of texts")
    repeated = [entry for position, entry in enumerate(value) if entry in value[:position]]
    if repeated:
        raise value_error(f"{format_value(repeated[0])} twice", "each value once")
    return tuple(value)


def _dotted(value: Any) -> Any:
    """Split a path such as `buyer.id` into its segments."""
    if isinstance(value, tuple):
        return value
    if isinstance(value, list) and value and all(isinstance(name, str) and name.strip() for name in value):
        return tuple(value)  # for a name that has a dot itself
    if not isinstance(value, str) or not all(value.split(".")) or value != value.strip():
        raise value_error(format_value(value), "field names separated by dots, such as buyer.id")
    return tuple(value.split("."))


def dotted_text(value: Any) -> str:
    """Check a path such as `buyer.id`, and return it as a text."""
    if isinstance(value, list):
        raise value_error(format_value(value), "field names separated by dots, such as buyer.id")
    return ".".join(_dotted(value))


def json_path(value: Any) -> str:
    """Check a JSONPath, with which dlt finds records, totals and cursors in a response."""
    if not isinstance(value, str) or not _is_json_path(value):
        raise value_error(format_value(value), "a JSONPath, such as data or result.items")
    return value


@lru_cache(maxsize=1000)  # the same few paths are in each declaration, and one takes milliseconds
def _is_json_path(text: str) -> bool:
    try:
        compiled_path(text)
    except Exception:  # jsonpath_ng raises bare exceptions of its own for an invalid path
        return False
    return True


def _endpoint_path(value: Any) -> str:
    """Check the path of a collection; an empty one is base_url itself.

    A whole address is refused: it could send the secret to another host.
    """
    if not isinstance(value, str) or "://" in value or value.startswith("//") or re.search(r"\s", value):
        raise value_error(format_value(value), "a path below base_url, such as /v1/orders")
    return value


_COLUMN_PATTERN = rf"_?{_WORD}(__{_WORD})*"
COLUMN_NAME = re.compile(_COLUMN_PATTERN)
NAMING = snake_case.NamingConvention(max_length=255)
"""How dlt names tables and columns, in at most 255 characters."""
_SHOP_PATTERN = rf"(?!.*_staging$){_WORD}"  # dlt stages merges in the dataset <shop>_staging
_PREFIX_PATTERN = r"[A-Za-z_=:-]{1,30} ?"
_NOT_RESERVED = rf"(?!({'|'.join(RESERVED)})$|_dlt)"
_DOTTED_SCHEMA = text_schema(r"(?!\s)[^.]+(\.[^.]+)*(?<!\s)")


def _list_schema(entry: dict[str, Any], least: int = 0) -> dict[str, Any]:
    """Return the JSON Schema of one text or a list of texts."""
    return {"anyOf": [entry, {"type": "array", "items": entry, "minItems": least, "uniqueItems": True}]}


Name = Annotated[
    str,
    Check(
        _refusing_reserved(_matching(_WORD, "a lower snake_case name, such as order_items"), _LONGEST_NAME),
        text_schema(rf"(?=.{{1,{_LONGEST_NAME}}}$){_NOT_RESERVED}{_WORD}"),
    ),
]
ShopName = Annotated[
    str,
    Check(
        _refusing_reserved(
            _matching(_SHOP_PATTERN, "a lower snake_case name that does not end in _staging"),
            _LONGEST_SHOP,
            RESERVED_SHOPS,
        ),
        text_schema(
            rf"(?=.{{1,{_LONGEST_SHOP}}}$)(?!({'|'.join(RESERVED_SHOPS)})$){_NOT_RESERVED}{_SHOP_PATTERN}"
        ),
    ),
]
COLUMN_NAME_SCHEMA = text_schema(_NOT_RESERVED + _COLUMN_PATTERN)
ColumnName = Annotated[
    str,
    Check(
        _refusing_reserved(_matching(_COLUMN_PATTERN, "a lower snake_case name, such as address__city")),
        COLUMN_NAME_SCHEMA,
    ),
]
Prefix = Annotated[
    str,
    Check(
        _matching(
            _PREFIX_PATTERN,
            "a word such as 'Token ': letters and the marks _ = : -, at most one space at the end",
            echo=False,
        ),
        text_schema(_PREFIX_PATTERN),
    ),
]
TEXT_SCHEMA = {"type": "string", "pattern": r"\S"}
Text = Annotated[str, Check(_matching(r"(?s)\s*\S.*", "a text"), TEXT_SCHEMA)]
Texts = Annotated[tuple[Text, ...], Check(_as_tuple, _list_schema(TEXT_SCHEMA))]
KeyFields = Annotated[tuple[Text, ...], Check(_as_tuple, _list_schema(TEXT_SCHEMA, 1))]
Dotted = Annotated[
    tuple[str, ...],
    Check(_dotted, {"anyOf": [_DOTTED_SCHEMA, {"type": "array", "items": TEXT_SCHEMA, "minItems": 1}]}),
]
DottedText = Annotated[str, Check(dotted_text, _DOTTED_SCHEMA)]
JsonPath = Annotated[str, Check(json_path, TEXT_SCHEMA)]
InstantFormat = Annotated[
    str, Check(check_instant_format, {"anyOf": [{"enum": list(FORMATS)}, {"type": "string", "pattern": "%"}]})
]
ValueFormat = Annotated[
    str,
    Check(
        check_format_of_values, {"anyOf": [{"enum": list(VALUE_FORMATS)}, {"type": "string", "pattern": "%"}]}
    ),
]
TimeZone = Annotated[str, Check(check_time_zone, TEXT_SCHEMA)]
Instant = Annotated[datetime, Check(to_utc, text_schema(r"\d{4}-?[\dW].*"))]
ENDPOINT_PATH_SCHEMA = text_schema(r"(?!//)(?!.*://)\S*")
EndpointPath = Annotated[str, Check(_endpoint_path, ENDPOINT_PATH_SCHEMA)]
AddedColumnName = Annotated[
    str,
    Check(
        _matching(_COLUMN_PATTERN, "a lower snake_case name, such as valid_from"),
        text_schema(_COLUMN_PATTERN),
    ),
]
"""The name of a column that this program adds to a table; it may begin with _dlt."""


def _check_docs_url(value: Any) -> str:
    """Check that a browser can open an address, and that it holds no user and no password."""
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise value_error(format_value(value), "an address such as https://developer.example.com/reference")
    return str(value)


def _docs_url_schema(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {**schema, "type": "string", "pattern": "^https?://[^@/]+"}


DocsUrl = Annotated[
    Annotated[str, Check(_check_docs_url, _docs_url_schema)] | None,
    Field(description="Address of the API's documentation, a link on the assets in Dagster's UI."),
]
"""The address of a page that a browser opens, or none."""
