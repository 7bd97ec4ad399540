"""The single values of a declaration: names, texts, numbers, paths and addresses, each with its own check.

What they add up to is `model`'s; which file they come from is `declaration`'s.
"""

from __future__ import annotations

import ipaddress
import math
import re
import sys
from collections.abc import Callable
from datetime import date, datetime, timezone
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dlt.common import jsonpath
from pydantic import BeforeValidator

from ecom_assets.ingest.declared_errors import shown, wrong
from ecom_assets.ingest.instant_format import FORMATS, grain_of

RESERVED = ("load_ledger", "rejected_rows")
"""Tables of our own, which stand beside those of the resources."""

_WORD = r"[a-z][a-z0-9]*(_[a-z0-9]+)*"


def _matching(pattern: str, allowed: str, *, echo: bool = True) -> Callable[[Any], str]:
    """Return a check that takes a text of that pattern."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise wrong(shown(value) if echo or not isinstance(value, str) else "another text", allowed)
        return value

    return check


def _unreserved(check: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return a check that refuses the names of our own and dlt's tables and columns as well."""

    def unreserved(value: Any) -> str:
        if value in RESERVED or (isinstance(value, str) and value.startswith("_dlt")):
            raise wrong(shown(value), f"a name that is not reserved, as {', '.join(RESERVED)} and _dlt… are")
        return check(value)

    return unreserved


def secret_name(value: Any, allowed: str, *at: str) -> str:
    """Take the name of a secret; what is no name might be the secret, so it is not repeated."""
    # a name is short and has few digits; a hexadecimal token, which also reads as snake_case, has many
    if not isinstance(value, str) or not re.fullmatch(rf"(?!(.*\d){{5}})(?=.{{1,40}}$){_WORD}", value):
        raise wrong("another text" if isinstance(value, str) else shown(value), allowed, *at)
    return value


def whole(low: int, high: int | None = None) -> BeforeValidator:
    """Return the check of a whole number from `low` to `high`, both included."""
    allowed = f"a whole number, {low} or more" if high is None else f"a whole number from {low} to {high}"

    def check(value: Any) -> int:
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or value < low
            or (high is not None and value > high)
        ):
            raise wrong(shown(value), allowed)
        return value

    return BeforeValidator(check)


def number(allowed: str, accept: Callable[[float], bool]) -> BeforeValidator:
    """Return the check of a finite number that `accept` takes."""

    def check(value: Any) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            # a whole number can be too large for a float; it is then as little a number as infinity is
            given = float(value) if abs(value) < sys.float_info.max else math.inf
            if math.isfinite(given) and accept(given):
                return given
        raise wrong(shown(value), allowed)

    return BeforeValidator(check)


def _as_tuple(value: Any) -> Any:
    """Take one text for a list of one, and YAML's lists as tuples."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, (list, tuple)):
        raise wrong(shown(value), "a text or a list of texts")
    repeated = [entry for position, entry in enumerate(value) if entry in value[:position]]
    if repeated:
        raise wrong(f"{shown(repeated[0])} twice", "each once")
    return tuple(value)


def _dotted(value: Any) -> Any:
    """Split a path such as `buyer.id` into its segments."""
    if isinstance(value, tuple):
        return value
    if not isinstance(value, str) or not all(value.split(".")) or value != value.strip():
        raise wrong(shown(value), "field names with dots between them, such as buyer.id")
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
        raise wrong(shown(value), "a JSONPath, such as data or result.items") from None
    return value


def _instant_format(value: Any) -> str:
    """Take one of the named formats or a strftime pattern."""
    try:
        if isinstance(value, str):
            grain_of(value)
            return value
    except ValueError:
        pass
    raise wrong(shown(value), f"{', '.join(FORMATS)} or a strftime pattern such as %Y-%m-%d %H:%M:%S")


def _time_zone(value: Any) -> str:
    """Take a key of the time zone database."""
    try:
        return ZoneInfo(value).key
    except Exception:  # a missing zone, a folder of zones and a malformed key raise differently
        raise wrong(shown(value), "a time zone such as UTC or Europe/Berlin") from None


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
        raise wrong(shown(value), "a date or a time such as 2026-01-01 or 2026-01-01T06:00:00Z") from None


def address_problem(value: str, *, allow_http: bool, sandbox: bool) -> tuple[str, str] | None:
    """Return what was found and what is allowed when an address cannot be used, None when it can.

    An address that may hold a secret is never repeated.
    """
    allowed = "an address that begins with https://" + (" or sandbox://" if sandbox else "")
    if "@" in value:
        return "an address with an @ in it", f"{allowed}; a user and a password belong to client.auth"
    if "?" in value or "#" in value:
        return "an address with a query", f"{allowed} and ends with its path"
    if re.search(r"\s", value):
        return shown(value), f"{allowed}, without spaces"
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return shown(value), allowed
    if sandbox and parts.scheme == "sandbox":
        return None
    if parts.scheme not in ("http", "https") or not host:
        return shown(value), allowed
    if parts.scheme == "http" and not allow_http and not _loopback(host):
        return shown(value), "https://, or http:// to a loopback address, or client.allow_http: true"
    return None


def _loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _endpoint_path(value: Any) -> str:
    """Take the path of a collection; a whole address would send the secret to another host."""
    if (
        not isinstance(value, str)
        or not value
        or "://" in value
        or value.startswith("//")
        or re.search(r"\s", value)
    ):
        raise wrong(shown(value), "a path below base_url, such as /v1/orders")
    return value


Name = Annotated[
    str, BeforeValidator(_unreserved(_matching(_WORD, "a lower snake_case name, such as order_items")))
]
ShopName = Annotated[
    str,
    BeforeValidator(
        # dlt merges through the dataset <shop>_staging
        _unreserved(
            _matching(rf"(?!.*_staging$){_WORD}", "a lower snake_case name that does not end in _staging")
        )
    ),
]
ColumnName = Annotated[
    str,
    BeforeValidator(
        _unreserved(_matching(rf"_?{_WORD}(__{_WORD})*", "a lower snake_case name, such as address__city"))
    ),
]
Prefix = Annotated[
    str,
    BeforeValidator(_matching(r"[A-Za-z_=:-]{1,30} ?", "a word such as 'Token ', of letters", echo=False)),
]
Text = Annotated[str, BeforeValidator(_matching(r"(?s)\s*\S.*", "a text"))]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_as_tuple)]
ColumnNames = Annotated[tuple[ColumnName, ...], BeforeValidator(_as_tuple)]
Dotted = Annotated[tuple[str, ...], BeforeValidator(_dotted)]
DottedText = Annotated[str, BeforeValidator(dotted_text)]
JsonPath = Annotated[str, BeforeValidator(json_path)]
InstantFormat = Annotated[str, BeforeValidator(_instant_format)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
EndpointPath = Annotated[str, BeforeValidator(_endpoint_path)]
