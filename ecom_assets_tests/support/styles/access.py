"""Who may read a style of API: its auth kind in the words of `--auth`, the secrets, and the server's own check."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply

_SECRET = "style-secret-5e1f"
_OTHER = "style-secret-77aa"


@dataclass(frozen=True)
class Access:
    """An auth kind. `params` are the names of parameters that it adds to each request."""

    auth: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    allows: Callable[[Seen], bool] = lambda seen: True
    params: tuple[str, ...] = ()

    def token_reply(self, seen: Seen) -> Reply | None:
        """Return a token to a client with the right secrets, None for any other request."""
        if seen.path != "/oauth/token":
            return None
        if _SECRET not in seen.body:
            return json_reply({"error": "invalid_client"}, 401)
        return json_reply({"access_token": _OTHER, "token_type": "Bearer", "expires_in": 3600})


OPEN = Access()
BEARER = Access(
    ("bearer",), {"token": _SECRET}, lambda seen: seen.headers.get("authorization") == f"Bearer {_SECRET}"
)
BASIC = Access(
    ("http_basic",),
    {"username": "reader", "password": _SECRET},
    lambda seen: (
        seen.headers.get("authorization")
        == f"Basic {base64.b64encode(f'reader:{_SECRET}'.encode()).decode()}"
    ),
)
CLIENT = Access(
    ("oauth2_client_credentials:{base_url}/oauth/token",),
    {"client_id": "shop", "client_secret": _SECRET},
    lambda seen: seen.headers.get("authorization") == f"Bearer {_OTHER}",
)


def header(name: str, prefix: str = "") -> Access:
    """Return a key in a header, behind a prefix."""
    kind = f"api_key:{name}:header" + (f":{prefix}" if prefix else "")
    return Access(
        (kind,), {"api_key": _SECRET}, lambda seen: seen.headers.get(name.lower()) == prefix + _SECRET
    )


def query(name: str) -> Access:
    """Return a key in the query."""
    return Access(
        (f"api_key:{name}:query",),
        {"api_key": _SECRET},
        lambda seen: dict(seen.query).get(name) == _SECRET,
        (name,),
    )
