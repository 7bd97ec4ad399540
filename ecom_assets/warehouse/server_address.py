"""The address of a warehouse that is a server or a service."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class ServerAddress:
    """An address, taken apart.

    `parameters` are those with which the driver connects. `name` is the address without user, secrets and options.
    """

    name: str
    parameters: Mapping[str, Any] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class ServerUrl:
    """The parts of the URL of a server, decoded but for `path`."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    path: str
    options: Mapping[str, str]


def parsed_url(url: str, default_port: int, options: Collection[str]) -> ServerUrl | None:
    """Return the parts of a URL SCHEME://USER:PASSWORD@HOST:PORT/PATH?OPTION=VALUE, None if it cannot be read.

    Args:
        url: The URL, with a host and a user.
        default_port: The port of a URL without one.
        options: What may come after the question mark.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or default_port
        given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:  # its text may quote a secret
        return None
    host, user = parts.hostname, unquote(parts.username or "")
    # a password with an unescaped special character ends up in another part
    is_cut = "@" in (parts.path + parts.query + (host or "")) or bool(parts.fragment)
    if not host or not user or is_cut or set(given) - set(options):
        return None
    return ServerUrl(host, port, user, unquote(parts.password or ""), parts.path, given)
