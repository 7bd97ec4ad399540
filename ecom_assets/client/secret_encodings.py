"""How a secret may be written: as a client, a server or a logger encodes it, each form as a pattern.

Taking secrets out of texts is `redaction`'s.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator
from typing import NamedTuple

_SHORT = 4
"""Below this many characters a value is hidden as a whole word only, or it would garble every message."""

_BACKSLASHES = 16
"""How many an escape may begin with: they double with each level of JSON within JSON."""

_CERTAIN = 16
"""From so many characters on a value cannot be in an API's data by chance; from half as many, if it is mixed."""

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]+", re.IGNORECASE)

_BASE64 = "(?:[A-Za-z0-9+/_-]|%2[BbFf])"


class Form(NamedTuple):
    """A way to write a secret, a piece that every such text has, and whether it is hidden in data as well."""

    pattern: re.Pattern[str]
    piece: str
    in_data: bool


def _certain(secret: str) -> bool:
    """Tell whether a value, where it is found in data, can be nothing but the secret."""
    if secret.isdigit() or _ADDRESS.fullmatch(secret):
        return False
    mixed = any(map(str.isdigit, secret)) and any(map(str.isalpha, secret))
    return len(secret) >= (_CERTAIN // 2 if mixed else _CERTAIN)


def forms(secret: str) -> Iterator[Form]:
    """Yield everything that a secret may be written as."""
    certain = _certain(secret)
    for written, plain in _patterns(secret):
        # no letter or digit is ever escaped, so a text without a run of them needs no closer look
        piece = max(re.findall("[A-Za-z0-9]*", plain), key=len)
        # ahead of each position, because a secret that repeats itself may overlap another place of it
        yield Form(re.compile(f"(?=({written}))"), piece, certain)


def _patterns(secret: str) -> Iterator[tuple[str, str]]:
    """Yield each way to write a secret as a pattern, and the text that it is made of."""
    # a run of backslashes is one of any length, or a regular expression would try all ways to share it out
    written = "".join(map(_character, re.sub(r"\\+", r"\\", secret)))
    if len(secret) < _SHORT:
        yield rf"(?<![A-Za-z0-9]){written}(?![A-Za-z0-9])", secret
        return
    yield from _in_base64(secret.encode("utf-8", "surrogatepass"))
    yield written, secret


def _character(character: str) -> str:
    """Return the pattern of one character: as it is, or in any escape that it may be written in."""
    if character.isascii() and character.isalnum():
        return character
    utf8 = character.encode("utf-8", "surrogatepass")
    forms = ["".join(rf"%(?:25)*(?i:{byte:02x})" for byte in utf8)]
    utf16 = character.encode("utf-16-be", "surrogatepass")
    units = (utf16[place : place + 2].hex() for place in range(0, len(utf16), 2))
    forms.append("".join(rf"\\{{1,{_BACKSLASHES}}}u(?i:{unit})" for unit in units))
    forms.append("".join(rf"\\{{1,{_BACKSLASHES}}}x(?i:{byte:02x})" for byte in utf8))
    forms.append(rf"&#(?:0*{ord(character)}|(?i:x0*{ord(character):x}));")
    named = html.escape(character)
    if named != character:
        forms.append(re.escape(named))
    if character == " ":
        forms.append(r"\+")
    # a quote or a slash gains a backslash in JSON, and more of them in JSON within JSON
    gained = rf"\\{{0,{_BACKSLASHES}}}" if character in "\"'/" else ""
    # last, because a percent sign, an ampersand or a backslash is also where another form of it begins
    forms.append(gained + re.escape(character))
    return f"(?:{'|'.join(forms)})" + ("+" if character == "\\" else "")


def _in_base64(secret: bytes) -> Iterator[tuple[str, str]]:
    """Yield the pattern of a secret inside a base64 text, and its text, for each of the three ways it can be aligned.

    The characters at its edges share bits with their neighbours, so any one is taken there.
    """
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + secret).decode("ascii")
        whole = encoded[(0, 2, 3)[shift] : (shift + len(secret)) * 8 // 6]
        core = "".join(
            f"(?:{_character(character)}|{'-' if character == '+' else '_'})"
            if character in "+/"
            else character
            for character in whole
        )
        yield f"{_BASE64}{{0,{1 if shift else 0}}}{core}{_BASE64}?(?:=|%3[Dd]){{0,2}}", whole
