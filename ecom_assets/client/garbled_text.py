"""What becomes of a text with letters outside of ASCII when its bytes are read in another encoding.

Servers, proxies, browsers and logs do so, and some do it twice. See `ecom_assets.client.secret_encodings` for the use.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

_LONGEST_GROWTH = 40
"""How many characters may stand for one: a letter of four bytes that was read wrongly twice, in percent escapes."""

_GARBLED_LETTER = (
    r"(?:[^\x00-\x7f]|\?|%(?:25)*[89A-Fa-f][0-9A-Fa-f]|%(?:25)*u[0-9A-Fa-f]{4}|\\\\{0,15}u[0-9A-Fa-f]{4}"
    r"|\\\\{0,15}U[0-9A-Fa-f]{8}|\\\\{0,15}x[89A-Fa-f][0-9A-Fa-f]"
    r"|&#[0-9]{2,7};|&#[Xx][0-9A-Fa-f]{2,6};|&[A-Za-z]{2,8};)"
)
"""A letter outside of ASCII, a mark in its place, or an escape of one of them."""


def normal_forms(text: str) -> list[str]:
    """Return a text as it is, composed and decomposed, each once: some systems store an accent as its own character."""
    forms = (text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))
    return list(dict.fromkeys(forms))


def readings(text: str, times: int = 2) -> list[str]:
    """Return a text, and every text that it may turn into, each once; only the text itself if it is ASCII.

    Args:
        text: The text.
        times: How many times it may be read wrongly.
    """
    if text.isascii():
        return [text]
    latest = found = dict.fromkeys(normal_forms(text))
    for _ in range(times):
        latest = dict.fromkeys(reading for entry in latest for reading in _read_wrongly(entry))
        found = found | latest
    return list(found)


def one_byte_encodings(text: str) -> Iterator[bytes]:
    """Yield a text in those encodings with one byte a character that have all its letters."""
    for encoding in ("latin-1", "cp1252"):
        try:
            yield text.encode(encoding)
        except UnicodeEncodeError:
            continue


def garbled_letters(count: int) -> str:
    """Return the pattern of whatever may stand in the place of so many letters outside of ASCII."""
    return f"{_GARBLED_LETTER}{{1,{_LONGEST_GROWTH * count}}}"


def _read_wrongly(text: str) -> Iterator[str]:
    """Yield what one wrong reading makes of a text."""
    utf8 = text.encode("utf-8", "surrogatepass")
    yield utf8.decode("latin-1")
    yield "".join(map(_windows_character, utf8))
    for raw in one_byte_encodings(text):
        yield raw.decode("utf-8", "replace")
        yield raw.decode("utf-8", "surrogateescape")


def _windows_character(byte: int) -> str:
    """Return a byte as Windows and browsers read it; Python refuses the five bytes that have no character."""
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)
