"""Find secrets anywhere in a declaration and refuse them, without ever repeating one.

This check runs before all others, so that no later message can contain a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ecom_assets.declaration.error_text import Place, format_place, is_auth
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
    """Refuse a file that contains a secret.

    Args:
        document: The mapping in the file.
        file: The displayed path of the file.

    Raises:
        DeclarationError: For the first secret in the file; it names the place and where the secret belongs.
    """
    place = find_secret(document)
    if place is None:
        return
    shop = document.get("name")
    shop = shop if isinstance(shop, str) and re.fullmatch(r"[a-z][a-z0-9_]*", shop) else "<shop>"
    last = str(place[-1])
    in_auth = is_auth(place)
    field = last if in_auth and last in AUTH_SECRETS else "api_key"
    variable = f"SOURCES__{shop}__{field}".upper()
    where = f"{variable} in the environment, or {field} under [sources.{shop}] in .dlt/secrets.toml"
    allowed = where if in_auth else f"client.auth without its secret, and the secret as {where}"
    raise DeclarationError(file, format_place(place), "a secret in the file", allowed)


def find_secret(document: Mapping[str, Any]) -> Place | None:
    """Return the place of the first secret in a document, None if there is none."""
    return _find_secret(document, ())


def _find_secret(value: Any, place: Place) -> Place | None:
    if isinstance(value, Mapping):
        entries: list[tuple[str | int, Any]] = [(str(key), entry) for key, entry in value.items()]
    elif isinstance(value, list):
        entries = list(enumerate(value))
    else:
        return place if isinstance(value, str) and _contains_secret(value, place) else None
    for key, entry in entries:
        here = (*place, key)
        if _is_secret(here, entry):
            return here
        found = _find_secret(entry, here)
        if found:
            return found
    return None


def _is_secret(place: Place, value: Any) -> bool:
    """Tell whether a key names a secret and its value can be one: not a placeholder or a further mapping."""
    if (
        value is None
        or isinstance(value, (bool, Mapping))
        or (isinstance(value, str) and _PLACEHOLDER.fullmatch(value))
    ):
        return False
    in_auth = is_auth(place)
    if in_auth and "secret" in place[place.index("auth") + 1 :]:
        return False  # `secret` holds the name of a secret
    key = place[-1]
    if not isinstance(key, str):
        return False
    return (in_auth and key in AUTH_SECRETS) or _names_a_secret(key)


def _names_a_secret(key: str) -> bool:
    """Tell whether a key, a header or a parameter of this name holds a secret."""
    return _SECRET_KEY.search(re.sub(r"[-_]", "", key).lower()) is not None


def _contains_secret(text: str, place: Place) -> bool:
    """Tell whether a text is an address or a header that contains a secret."""
    if _USER_IN_ADDRESS.search(text) or ("headers" in place and _SCHEME.match(text)):
        return True
    return any(
        _names_a_secret(key) and not _PLACEHOLDER.fullmatch(given) for key, given in _QUERY.findall(text)
    )
