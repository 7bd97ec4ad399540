"""Refusing a secret that stands in a declaration, wherever it stands, without ever repeating it.

This looks at a file before anything else does, so that no later message can hold a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ecom_assets.declaration.error_text import Place, format_place
from ecom_assets.foundation.errors import DeclarationError

AUTH_SECRETS = ("api_key", "token", "username", "password", "client_id", "client_secret", "access_token")
"""Every secret field of dlt's auth kinds."""

_SECRET_KEY = re.compile(
    r"(apikey|accesskey|privatekey|consumerkey|token|secret|password|passwd|pwd|authorization|credentials?|signature|cookie)$"
)
_PLACEHOLDER = re.compile(r"\{[\w.]+\}")
_SCHEME = re.compile(r"(bearer|basic|token)\s+\S", re.IGNORECASE)
_USER_IN_ADDRESS = re.compile(r"://[^/\s?#]*@")
_QUERY = re.compile(r"[?&]([^=&#\s]+)=([^&#\s]+)")


def refuse_secrets(document: Mapping[str, Any], file: str) -> None:
    """Raise DeclarationError for the first secret in a file's mapping; `file` is its shown path."""
    place = _find(document, ())
    if place is None:
        return
    shop = document.get("name")
    shop = shop if isinstance(shop, str) and re.fullmatch(r"[a-z][a-z0-9_]*", shop) else "<shop>"
    last = str(place[-1])
    in_auth = place[:2] == ("client", "auth")
    field = last if in_auth and last in AUTH_SECRETS else "api_key"
    variable = f"SOURCES__{shop}__{field}".upper()
    where = f"{variable} in the environment, or {field} under [sources.{shop}] in .dlt/secrets.toml"
    where = where if in_auth else f"client.auth, with its secret as {where}"
    raise DeclarationError(file, format_place(place), "a secret in the file", where)


def _find(value: Any, place: Place) -> Place | None:
    """Return the place of the first secret in a value, None when there is none."""
    if isinstance(value, Mapping):
        entries: list[tuple[str | int, Any]] = [(str(key), entry) for key, entry in value.items()]
    elif isinstance(value, list):
        entries = list(enumerate(value))
    else:
        return place if isinstance(value, str) and _in_text(value, place) else None
    for key, entry in entries:
        here = (*place, key)
        if _is_secret(here, entry):
            return here
        found = _find(entry, here)
        if found:
            return found
    return None


def _is_secret(place: Place, value: Any) -> bool:
    """Tell whether a key announces a secret and its value is one, not a placeholder or a further mapping."""
    if (
        value is None
        or isinstance(value, (bool, Mapping))
        or (isinstance(value, str) and _PLACEHOLDER.fullmatch(value))
    ):
        return False
    in_auth = place[:2] == ("client", "auth")
    if in_auth and "secret" in place[2:]:
        return False  # `secret` holds the name of a secret
    key = place[-1]
    if not isinstance(key, str):
        return False
    return (in_auth and key in AUTH_SECRETS) or _announces(key)


def _announces(key: str) -> bool:
    """Tell whether a key, a header or a parameter of this name carries a secret."""
    return _SECRET_KEY.search(re.sub(r"[-_]", "", key).lower()) is not None


def _in_text(text: str, place: Place) -> bool:
    """Tell whether a text is an address or a header with a secret in it."""
    if _USER_IN_ADDRESS.search(text) or ("headers" in place and _SCHEME.match(text)):
        return True
    return any(_announces(key) and not _PLACEHOLDER.fullmatch(given) for key, given in _QUERY.findall(text))
