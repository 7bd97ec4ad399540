"""Looking for secrets in texts: a second opinion, which knows nothing of how they are taken out."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from urllib.parse import quote, quote_plus


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
