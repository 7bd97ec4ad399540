"""Parses the values of `--auth`: `TYPE[:NAME[:LOCATION[:PREFIX]]]` becomes an auth kind of the declaration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ecom_assets.declaration.api.auth import AUTH_FIELDS
from ecom_assets.discovery.tables.naming import snake_case
from ecom_assets.foundation.errors import IngestError

_KINDS = tuple(kind for kind in AUTH_FIELDS if kind not in ("login", "hmac"))
"""The auth kinds that need no more than fits into one argument."""


def auth_kinds(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the declared auth kinds; where there are several, each gets secret names of its own.

    Raises:
        IngestError: A value is wrong. The message does not repeat the value, which might be a secret.
    """
    kinds = [_auth_kind(text) for text in texts]
    taken: set[str] = set()
    api_keys = sum(kind["type"] == "api_key" for kind in kinds)
    for kind in kinds:
        fields = AUTH_FIELDS[kind["type"]]
        if len(fields) == 1 and (api_keys > 1 or fields[0] in taken):
            kind["secret"] = snake_case(kind.get("name", fields[0]))
        taken.update(fields)
    return kinds


def _auth_kind(text: str) -> dict[str, Any]:
    kind, _, rest = text.partition(":")
    if kind not in _KINDS:
        raise IngestError(
            f"--auth: found an unknown kind; allowed: {', '.join(_KINDS)}, as in api_key:X-Key:header"
        )
    if kind == "oauth2_client_credentials":
        if not rest.startswith(("https://", "http://")):
            raise IngestError(f"--auth: found no address of a token endpoint; allowed: {kind}:https://…")
        return {"type": kind, "access_token_url": rest}
    if kind != "api_key":
        if rest:
            raise IngestError(f"--auth: found more text after {kind}; allowed: {kind} alone")
        return {"type": kind}
    name, _, place = rest.partition(":")
    location, _, prefix = place.partition(":")
    if location not in ("", "header", "query"):
        raise IngestError("--auth: found an unknown location; allowed: header, query")
    declared = {"type": kind, "name": name or "Authorization", "location": location or "header"}
    return declared | ({"prefix": prefix} if prefix else {})
