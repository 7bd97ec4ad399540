"""The encodings in which a client, a server or a logger may write a secret, each as a regular expression.

See `ecom_assets.client.redaction` for their use.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator
from typing import NamedTuple

_SHORT_LENGTH = 4
"""A secret with fewer characters is hidden as a whole word only; otherwise it would garble every message."""

_MAX_BACKSLASHES = 16
"""How many backslashes an escape may begin with: they double with each level of JSON within JSON."""

_DISTINCT_LENGTH = 16
"""A value with this many characters is not in an API's data by chance. Half is enough for letters with digits."""

_MAIL_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]+", re.IGNORECASE)

_BASE64 = "(?:[A-Za-z0-9+/_-]|%2[BbFf])"


class SecretForm(NamedTuple):
    """One way to write a secret.

    `required_text` is in every text that the pattern matches: a quick test before the slow one. `in_data` says whether
    the secret is hidden in an API's data as well, and not only in messages.
    """

    pattern: re.Pattern[str]
    required_text: str
    in_data: bool


def secret_forms(secret: str) -> Iterator[SecretForm]:
    """Yield every way in which a secret may be written."""
    in_data = _is_distinct(secret)
    for pattern, text in _patterns(secret):
        # no letter or digit is ever escaped, so a text without a run of them needs no closer look
        required_text = max(re.findall("[A-Za-z0-9]*", text), key=len)
        # as a lookahead, because a secret that repeats itself may overlap another occurrence of itself
        yield SecretForm(re.compile(f"(?=({pattern}))"), required_text, in_data)


def _is_distinct(secret: str) -> bool:
    """Tell whether a value that is found in data can only be the secret, and not there by chance."""
    if secret.isdigit() or _MAIL_ADDRESS.fullmatch(secret):
        return False
    mixed = any(map(str.isdigit, secret)) and any(map(str.isalpha, secret))
    return len(secret) >= (_DISTINCT_LENGTH // 2 if mixed else _DISTINCT_LENGTH)


def _patterns(secret: str) -> Iterator[tuple[str, str]]:
    """Yield the pattern of each way to write a secret, and the text that the pattern is made of."""
    # a run of backslashes matches one of any length, or a regular expression would try all ways to divide it
    pattern = "".join(map(_character_pattern, re.sub(r"\\+", r"\\", secret)))
    if len(secret) < _SHORT_LENGTH:
        yield rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])", secret
        return
    yield from _base64_patterns(secret.encode("utf-8", "surrogatepass"))
    yield pattern, secret


def _character_pattern(character: str) -> str:
    """Return the pattern of one character: unescaped, or in any escape that it may be written in."""
    if character.isascii() and character.isalnum():
        return character
    utf8 = character.encode("utf-8", "surrogatepass")
    escapes = ["".join(rf"%(?:25)*(?i:{byte:02x})" for byte in utf8)]
    utf16 = character.encode("utf-16-be", "surrogatepass")
    units = (utf16[place : place + 2].hex() for place in range(0, len(utf16), 2))
    escapes.append("".join(rf"\\{{1,{_MAX_BACKSLASHES}}}u(?i:{unit})" for unit in units))
    escapes.append("".join(rf"\\{{1,{_MAX_BACKSLASHES}}}x(?i:{byte:02x})" for byte in utf8))
    escapes.append(rf"&#(?:0*{ord(character)}|(?i:x0*{ord(character):x}));")
    entity = html.escape(character)
    if entity != character:
        escapes.append(re.escape(entity))
    if character == " ":
        escapes.append(r"\+")
    # a quote or a slash gains a backslash in JSON, and more of them in JSON within JSON
    json_backslashes = rf"\\{{0,{_MAX_BACKSLASHES}}}" if character in "\"'/" else ""
    # unescaped last, because another escape of a percent sign, an ampersand or a backslash begins with itself
    escapes.append(json_backslashes + re.escape(character))
    return f"(?:{'|'.join(escapes)})" + ("+" if character == "\\" else "")


def _base64_patterns(secret: bytes) -> Iterator[tuple[str, str]]:
    """Yield the pattern and the text of a secret inside a base64 text, for each of the three possible alignments.

    The characters at the edges share bits with their neighbours, so the pattern takes any character there.
    """
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + secret).decode("ascii")
        inner = encoded[(0, 2, 3)[shift] : (shift + len(secret)) * 8 // 6]
        pattern = "".join(
            f"(?:{_character_pattern(character)}|{'-' if character == '+' else '_'})"
            if character in "+/"
            else character
            for character in inner
        )
        yield f"{_BASE64}{{0,{1 if shift else 0}}}{pattern}{_BASE64}?(?:=|%3[Dd]){{0,2}}", inner
