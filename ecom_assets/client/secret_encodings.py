"""The encodings in which a client, a server or a logger may write a secret, each as a regular expression.

See `ecom_assets.client.redaction` for their use.
"""

from __future__ import annotations

import base64
import html
import html.entities
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from ecom_assets.client.garbled_text import garbled_letters, normal_forms, one_byte_encodings, readings

_SHORT_LENGTH = 4
"""A secret with fewer characters is hidden as a whole word only; otherwise it would garble every message."""

_MAX_BACKSLASHES = 16
"""How many backslashes an escape may begin with: they double with each level of JSON within JSON."""

_BACKSLASHES = rf"\\\\{{0,{_MAX_BACKSLASHES - 1}}}"
"""The backslashes of an escape. It begins with a literal one, because a search skips to a literal quickly."""

_DISTINCT_LENGTH = 16
"""A value with this many characters is not in data by chance. Half is enough for letters with digits or signs."""

_WORDS = re.compile(r"[^\W\d_]+(?:[ _.,'-]+[^\W\d_]+)*")
"""Words, with nothing between them but what stands between words."""

_MAIL_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]+", re.IGNORECASE)

_LONGEST_ESCAPE = 128
"""Characters that the escape of one character may have."""

_BASE64 = "(?:[A-Za-z0-9+/_-]|%2[BbFf])"


@dataclass
class SecretForm:
    """One way to write a secret.

    `required_text` is in every text that the pattern matches, and `reach` is the most characters between the two ends
    of a match and its required text: a quick search before the slow one. `in_data` says whether the secret is hidden
    in an API's data as well, and not only in messages. A form that `is_garbled` may also match a letter beside the
    secret, so it is for texts in which the other forms have been hidden.
    """

    expression: str = field(repr=False)
    required_text: str = field(repr=False)
    reach: int
    in_data: bool
    is_garbled: bool

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The regular expression, compiled when a text has the required text: most forms never occur."""
        return re.compile(self.expression)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield start and end of each match, also of those that overlap: a secret may repeat a part of itself."""
        for start, end in self._places(text):
            while match := self.pattern.search(text, start, end):
                yield match.span()
                start = match.start() + 1

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield start and end of the parts of a text that may hold a match."""
        if not self.required_text:
            yield 0, len(text)
            return
        found = text.find(self.required_text)
        while found >= 0:
            start = max(found - self.reach, 0)
            end = found + self.reach
            # places that are near each other are one
            while 0 <= (found := text.find(self.required_text, found + 1)) < end + self.reach:
                end = found + self.reach
            yield start, min(end, len(text))


def secret_forms(secret: str) -> Iterator[SecretForm]:
    """Yield every way in which a secret may be written."""
    is_distinct = _is_distinct(secret)
    for expression, text in _patterns(secret):
        yield _form(expression, text, in_data=is_distinct)
    plain = _plain_length(secret)
    if plain >= _SHORT_LENGTH and not secret.isascii():
        in_data = is_distinct and plain >= _DISTINCT_LENGTH // 2
        for text in normal_forms(_with_single_backslashes(secret)):
            yield _form(_garbled_pattern(text), text, in_data=in_data, is_garbled=True)


def _form(expression: str, text: str, *, in_data: bool, is_garbled: bool = False) -> SecretForm:
    """Return the form of a pattern that was made of a text."""
    # no letter or digit is ever escaped, so a text without a run of them needs no closer look
    required_text = max(re.findall("[A-Za-z0-9]*", text), key=len)
    reach = _LONGEST_ESCAPE * (len(text) + 1)
    return SecretForm(expression, required_text, reach, in_data, is_garbled)


def _is_distinct(secret: str) -> bool:
    """Tell whether a value that is found in data can only be the secret, and not there by chance."""
    if secret.isdigit() or _MAIL_ADDRESS.fullmatch(secret):
        return False
    has_letters = any(map(str.isalpha, secret))
    is_mixed = has_letters and not _WORDS.fullmatch(secret)
    return len(secret) >= (_DISTINCT_LENGTH // 2 if is_mixed else _DISTINCT_LENGTH)


def _patterns(secret: str) -> Iterator[tuple[str, str]]:
    """Yield the pattern of each exact way to write a secret, and the text that it is made of."""
    text = _with_single_backslashes(secret)
    plain = _plain_length(secret)
    if len(secret) < _SHORT_LENGTH:
        for reading in readings(text):
            yield rf"(?<![A-Za-z0-9]){_text_pattern(reading)}(?![A-Za-z0-9])", reading
        return
    for raw in _raw_forms(secret, with_marks=plain >= _SHORT_LENGTH):
        yield from _base64_patterns(raw)
        yield raw.hex(), raw.hex()
        if raw.hex().upper() != raw.hex():
            yield raw.hex().upper(), raw.hex().upper()
    # the garbled form of a secret with many plain characters has all its readings
    for reading in normal_forms(text) if plain >= _DISTINCT_LENGTH // 2 else readings(text):
        # the marks that replaced the letters of a secret without others hide it already
        if plain >= _SHORT_LENGTH or "\ufffd" not in reading:
            yield _text_pattern(reading), reading


def _with_single_backslashes(secret: str) -> str:
    """Return a secret with one backslash for each run of them.

    The pattern of a backslash matches a run of any length, or a regular expression would try all ways to divide it.
    """
    return re.sub(r"\\+", r"\\", secret)


def _plain_length(secret: str) -> int:
    """Return how many characters of a secret stay as they are in whatever encoding."""
    return len(re.findall("[A-Za-z0-9]", secret))


def _text_pattern(text: str) -> str:
    """Return the pattern of a text in which each character may be escaped."""
    return "".join(map(_character_pattern, text))


def _raw_forms(secret: str, *, with_marks: bool) -> list[bytes]:
    """Return the bytes that a secret may be stored as, each once; `with_marks` also with its letters replaced."""
    texts = [text for text in readings(secret, times=1) if with_marks or "\ufffd" not in text]
    found = dict.fromkeys(text.encode("utf-8", "surrogatepass") for text in texts)
    if not secret.isascii():
        found |= dict.fromkeys(one_byte_encodings(secret))
        if with_marks:
            found[secret.encode("ascii", "replace")] = None
    return list(found)


def _garbled_pattern(text: str) -> str:
    """Return the pattern of a text with anything in place of its letters outside of ASCII."""
    parts = re.findall(r"[\x00-\x7f]+|[^\x00-\x7f]+", text)
    return "".join(_text_pattern(part) if part.isascii() else garbled_letters(len(part)) for part in parts)


def _character_pattern(character: str) -> str:
    """Return the pattern of one character: unescaped, or in any escape that it may be written in."""
    if character.isascii() and character.isalnum():
        return character
    utf8 = character.encode("utf-8", "surrogatepass")
    escapes = ["".join(rf"%(?:25)*(?i:{byte:02x})" for byte in utf8)]
    utf16 = character.encode("utf-16-be", "surrogatepass")
    units = (utf16[place : place + 2].hex() for place in range(0, len(utf16), 2))
    escapes.append("".join(rf"{_BACKSLASHES}u(?i:{unit})" for unit in units))
    escapes.append("".join(rf"{_BACKSLASHES}x(?i:{byte:02x})" for byte in utf8))
    escapes.append(rf"&#(?:0*{ord(character)}|(?i:x0*{ord(character):x}));")
    if not character.isascii():
        escapes += _letter_escapes(character)
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


def _letter_escapes(character: str) -> Iterator[str]:
    """Yield the escapes that only a character outside of ASCII has."""
    for byte in {raw[0] for raw in one_byte_encodings(character)}:
        yield rf"%(?:25)*(?i:{byte:02x})"
        yield rf"{_BACKSLASHES}x(?i:{byte:02x})"
    utf16 = character.encode("utf-16-be", "surrogatepass").hex()
    yield "".join(rf"%(?:25)*u(?i:{utf16[place : place + 4]})" for place in range(0, len(utf16), 4))
    if ord(character) > 0xFFFF:
        yield rf"{_BACKSLASHES}U(?i:{ord(character):08x})"
    if name := html.entities.codepoint2name.get(ord(character)):
        yield f"&{name};"


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
