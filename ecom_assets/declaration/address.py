"""The addresses of a declaration: which can be used, and which would send a secret in the open.

None is ever repeated that may hold a secret.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from ecom_assets.declaration.error_text import format_value
from ecom_assets.declaration.field_check import Documented, text_schema
from ecom_assets.declaration.field_types import Text

Address = Annotated[Text, Documented(text_schema(r"https?://[^\s@?#/]+[^\s@?#]*"))]
BaseUrl = Annotated[Text, Documented(text_schema(r"(https?://[^\s@?#/]+|sandbox://)[^\s@?#]*"))]


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
        return format_value(value), f"{allowed}, without spaces"
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return format_value(value), allowed
    if sandbox and parts.scheme == "sandbox":
        return None
    if parts.scheme not in ("http", "https") or not host:
        return format_value(value), allowed
    if parts.scheme == "http" and not allow_http and not _loopback(host):
        return format_value(value), "https://, or http:// to a loopback address, or client.allow_http: true"
    return None


def _loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
