"""Secrets for tests, and a search for them that is independent of the code that hides them."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from typing import Any
from urllib.parse import quote, quote_plus

from ecom_assets.client.read_statistics import ReadStatistics
from ecom_assets.client.session import ShopSession
from ecom_assets_tests.support.servers.loopback import Loopback, Seen, session_to, shop_at

SECRET = 'S3cr3t/"K+y&x=9 <z%'
TOKEN = "T0k3n/of+the=API~"
AUTHS: dict[str, tuple[Any, dict[str, str]]] = {
    "query": ({"type": "api_key", "location": "query", "name": "key"}, {"api_key": SECRET}),
    "header": ({"type": "api_key", "name": "X-Key", "prefix": "Key "}, {"api_key": SECRET}),
    "bearer": ({"type": "bearer"}, {"token": SECRET}),
    "basic": ({"type": "http_basic"}, {"username": "S3cr3tUser", "password": SECRET}),
    "oauth2": (
        {"type": "oauth2_client_credentials", "access_token_url": "{base_url}/token"},
        {"client_id": "S3cr3tClient", "client_secret": SECRET},
    ),
    "two": (
        [
            {"type": "api_key", "location": "query", "name": "key"},
            {"type": "api_key", "location": "query", "name": "sign", "secret": "other"},
        ],
        {"api_key": SECRET, "other": TOKEN},
    ),
}


def hidden_with(auth: str) -> list[str]:
    """Return the secrets of an auth kind that must not show, with the tokens that the server gives out."""
    return [*AUTHS[auth][1].values(), *([TOKEN] if auth == "oauth2" else [])]


def forms(secret: str) -> set[str]:
    """Return a secret as clients, servers and loggers write it."""
    raw = secret.encode()
    percented = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    encoded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret))[3:-3],
        html.escape(secret),
        *percented,
        *(re.sub(r"%..", lambda match: match[0].lower(), text) for text in percented),
        *encoded,
    }


def leaks(text: str, secrets: list[str]) -> list[str]:
    """Return the secrets that a text holds in any form, inside of a longer base64 text too."""
    found = [form for secret in secrets for form in forms(secret) if form in text]
    for run in re.findall(r"[A-Za-z0-9+/_-]{12,}", text):
        for start in range(4):
            piece = run[start:].replace("-", "+").replace("_", "/")
            try:
                decoded = base64.b64decode(piece + "A" * (-len(piece) % 4))
            except binascii.Error:
                continue
            found += [secret for secret in secrets if secret.encode() in decoded]
    return found


def echo(seen: Seen, secrets: list[str]) -> str:
    """Return a body in which a server repeats everything it has received."""
    pairs = "".join(f"user:{secret}" for secret in secrets).encode()
    known = [*sorted(form for secret in secrets for form in forms(secret)), base64.b64encode(pairs).decode()]
    return "\n".join([*known, str(seen), json.dumps(known), repr(known)])


def session_with(api: Loopback, auth: str, **policy: Any) -> ShopSession:
    """Return a session of one auth kind, which the caller closes."""
    config, secrets = AUTHS[auth]
    config = json.loads(json.dumps(config).replace("{base_url}", api.base_url))
    return session_to(shop_at(api.base_url, config, **policy), secrets, ReadStatistics())
