"""The project of BigQuery in dlt's configuration or in ECOM_WAREHOUSE.

This module can be imported without BigQuery's client.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import dlt
from dlt.common.configuration import known_sections, resolve_configuration
from dlt.common.configuration.specs import GcpOAuthCredentialsWithoutDefaults, GcpServiceAccountCredentials

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.server_address import ServerAddress

DEFAULT_LOCATION = "US"
"""Where a new dataset is, unless the address says so. dlt has the same default."""
_OPTIONS = ("location", "endpoint")
_SECRETS_OF_LOGIN = ("client_secret", "refresh_token")
"""What signs in as a user, with OAuth, beside the `client_id`."""
_LEAST_SECRET = 16
"""Characters. A shorter line of a private key is not redacted by itself."""


def address_from_url(url: str) -> ServerAddress:
    """Return the address that a URL names: bigquery://PROJECT?location=EU.

    The credentials are the default ones of this machine. With `endpoint`, requests go there, without credentials.

    Raises:
        WarehouseError: The URL cannot be read, or lacks a part. The message does not show it.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    is_wrong = "@" in parts.netloc or parts.path.strip("/") or parts.fragment or not all(options.values())
    if is_wrong or not parts.netloc or options.keys() - set(_OPTIONS):
        raise WarehouseError(
            "ECOM_WAREHOUSE: found an address that BigQuery cannot read; allowed: bigquery://PROJECT?location=EU, with "
            "the default credentials of this machine, or bigquery, with the rest in dlt's configuration"
        )
    return _address(parts.netloc, options.get("location"), options.get("endpoint"), None)


def address_from_dlt(name: str) -> ServerAddress:
    """Return the address that dlt's configuration has for a destination. Raises dlt's errors for what is missing."""
    sections = (known_sections.DESTINATION, name)
    within = (*sections, "credentials")
    location = _setting(sections, "location")
    if _setting(within, "client_id"):
        login = resolve_configuration(GcpOAuthCredentialsWithoutDefaults(), sections=within)
        project = _setting(sections, "project_id") or login.project_id
        if not login.refresh_token:
            raise WarehouseError(
                f"ECOM_WAREHOUSE: found a client_id for the destination {name!r} without a refresh_token; a load "
                f"cannot ask anybody to sign in: set destination.{name}.credentials.refresh_token, or take a service "
                "account"
            )
        user = {part: str(login[part]) for part in ("client_id", *_SECRETS_OF_LOGIN)}
        return _address(project, location, None, None, user)
    credentials = resolve_configuration(GcpServiceAccountCredentials(), sections=within)
    project = _setting(sections, "project_id") or credentials.project_id
    if credentials.has_default_credentials():
        return _address(project, location, None, None)
    return _address(project, location, None, dict(credentials))


def _setting(sections: tuple[str, ...], name: str) -> str | None:
    found: str | None = dlt.config.get(".".join((*sections, name)), str)
    return found


def _address(
    project: str,
    location: str | None,
    endpoint: str | None,
    account: Mapping[str, Any] | None,
    user: Mapping[str, str] | None = None,
) -> ServerAddress:
    key = str((account or {}).get("private_key") or "")
    lines = [line for line in key.splitlines() if len(line) >= _LEAST_SECRET and "PRIVATE KEY" not in line]
    of_login = [user[part] for part in _SECRETS_OF_LOGIN] if user else []
    return ServerAddress(
        name=f"bigquery://{project}",
        parameters={
            "project": project,
            "location": location or DEFAULT_LOCATION,
            "endpoint": endpoint,
            "account": account,
            "user": user,
        },
        secrets=tuple(filter(None, (key, key.strip(), *lines, *of_login))),
    )
