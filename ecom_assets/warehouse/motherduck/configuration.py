"""The database of MotherDuck in dlt's configuration or in ECOM_WAREHOUSE."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from urllib.parse import parse_qsl, urlsplit

from dlt.common.configuration import known_sections, resolve_configuration
from dlt.destinations.impl.motherduck.configuration import MotherDuckCredentials

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.server_address import ServerAddress

SCHEMES = ("md:", "motherduck:")
"""How an address of MotherDuck begins."""
TOKEN_VARIABLES = ("motherduck_token", "MOTHERDUCK_TOKEN")
"""The environment variables in which DuckDB and dlt look for the token."""
_TOKEN_OPTIONS = ("motherduck_token", "token")
_UNUSED_KEYS = ("read_only", "extensions", "global_config", "pragmas", "statements", "local_config")
"""dlt's keys that are not used, because this project sets what they would set."""
_DATABASE = re.compile(r"[\w-]+")
_ALLOWED = (
    "allowed: md:DATABASE, with the access token in the variable motherduck_token or as "
    "md:DATABASE?motherduck_token=TOKEN, or motherduck, with the rest in dlt's configuration"
)


def address_from_url(url: str) -> ServerAddress:
    """Return the address that a URL names: md:DATABASE or motherduck://DATABASE, with or without the token.

    Raises:
        WarehouseError: The URL cannot be read, or there is no token. The message does not show it.
    """
    try:
        parts = urlsplit(url)
        given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        parts, given = urlsplit(""), []
    options = dict(given)
    database = f"{parts.netloc}{parts.path}".strip("/")
    if not _DATABASE.fullmatch(database) or parts.fragment or len(given) > 1 or not all(options.values()):
        raise WarehouseError(
            f"ECOM_WAREHOUSE: found an address of MotherDuck that cannot be read; {_ALLOWED}"
        )
    _refuse_options(options.keys() - set(_TOKEN_OPTIONS), "the address of MotherDuck")
    return _address(database, next(iter(options.values()), None))


def address_from_dlt(name: str) -> ServerAddress:
    """Return the address that dlt's configuration has for a destination.

    Raises:
        WarehouseError: The name of the database cannot be used, or a key has no effect.
        ConfigurationException: The token is missing. This error comes from dlt.
    """
    where = f"{known_sections.DESTINATION}.{name}.credentials"
    found = resolve_configuration(
        MotherDuckCredentials(), sections=(known_sections.DESTINATION, name, "credentials")
    )
    _refuse_options(_unused(found), where)
    if not _DATABASE.fullmatch(found.database or ""):
        raise WarehouseError(
            f"ECOM_WAREHOUSE: found a database under {where} that is no name of letters, digits, _ and -; {_ALLOWED}"
        )
    return _address(found.database, found.password)


def _unused(credentials: MotherDuckCredentials) -> Iterator[str]:
    """Yield the keys that are set but not used."""
    # dlt itself adds its name to this key
    config = {
        name: value
        for name, value in (credentials.global_config or {}).items()
        if name != "custom_user_agent"
    }
    for name in _UNUSED_KEYS:
        if config if name == "global_config" else getattr(credentials, name):
            yield name
    yield from credentials.query or {}
    if credentials.session_timezone != "UTC":
        yield "session_timezone"


def _refuse_options(names: Collection[str] | Iterator[str], where: str) -> None:
    """Raise WarehouseError for options that have no effect, so that nobody relies on them."""
    if listed := sorted(names):
        raise WarehouseError(
            f"ECOM_WAREHOUSE: found {', '.join(listed)} in {where}, which a load does not use; {_ALLOWED}"
        )


def _address(database: str, token: str | None) -> ServerAddress:
    token = token or next(filter(None, map(os.environ.get, TOKEN_VARIABLES)), None)
    if not token:
        # without one, DuckDB would open a browser and wait
        raise WarehouseError(f"ECOM_WAREHOUSE: found no access token for MotherDuck; {_ALLOWED}")
    return ServerAddress(f"md:{database}", {"database": database, "token": token}, (token,))
