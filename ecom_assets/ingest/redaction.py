"""Keeping secrets out of texts: finding a value in every form that it is written in, and guarding all logs.

Which values are secret is `auth`'s to say. Nothing here knows of requests or of dlt.
"""

from __future__ import annotations

import base64
import html
import logging
import re
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

HIDDEN = "***"

_SHORT = 4
"""Below this many characters a value is hidden as a whole word only, or it would garble every message."""

_BACKSLASHES = 16
"""How many an escape may begin with: they double with each level of JSON within JSON."""

_BASE64 = "(?:[A-Za-z0-9+/_-]|%2[BbFf])"


class Redactor:
    """Knows the secrets of one shop and takes them out of texts; safe to share between threads."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Start with these secrets; empty ones are passed over."""
        self._lock = threading.Lock()
        self._secrets: frozenset[str] = frozenset()
        self._patterns: tuple[re.Pattern[str], ...] = ()
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Hide these too from now on, such as a token obtained while running."""
        with self._lock:
            known = self._secrets | {secret for secret in secrets if secret}
            if known == self._secrets:
                return
            self._secrets = known
            # ahead of each position, because a secret that repeats itself may overlap another place of it
            self._patterns = tuple(re.compile(f"(?=({form}))") for secret in known for form in _forms(secret))

    def scrub(self, text: str) -> str:
        """Return a text with every secret in it replaced by `***`.

        Found are the value itself, its URL-encoded, JSON-escaped and HTML-escaped forms, mixed ones too, and
        its place in a base64 text, such as that of `user:password`.
        """
        places = sorted(match.span(1) for pattern in self._patterns for match in pattern.finditer(text))
        if not places:
            return text
        pieces = []
        end = 0
        for first, last in places:
            if first >= end:
                pieces += [text[end:first], HIDDEN]
            end = max(end, last)
        return "".join([*pieces, text[end:]])

    def __repr__(self) -> str:
        """Return how many secrets there are, never which."""
        return f"<Redactor of {len(self._secrets)} secrets>"

    def __deepcopy__(self, memo: object) -> Redactor:
        """Stay one and the same, so that a token added later is hidden everywhere."""
        return self


def _forms(secret: str) -> list[str]:
    """Return the patterns of everything that a secret may be written as."""
    # a run of backslashes is one of any length, or a regular expression would try all ways to share it out
    written = "".join(map(_character, re.sub(r"\\+", r"\\", secret)))
    if len(secret) < _SHORT:
        return [rf"(?<![A-Za-z0-9]){written}(?![A-Za-z0-9])"]
    return [*_in_base64(secret.encode("utf-8", "surrogatepass")), written]


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


def _in_base64(secret: bytes) -> Iterator[str]:
    """Yield the patterns of a secret inside a base64 text, for each of the three ways it can be aligned.

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
        yield f"{_BASE64}{{0,{1 if shift else 0}}}{core}{_BASE64}?(?:=|%3[Dd]){{0,2}}"


class _Guard:
    """Wraps the process's log record factory while at least one redactor is active.

    A factory sees a record before any logger's handler does, child loggers and handlers made later included.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: tuple[Redactor, ...] = ()
        self._wrapped: Callable[..., logging.LogRecord] | None = None
        self._previous: Callable[..., logging.LogRecord] = logging.LogRecord

    def enter(self, redactor: Redactor) -> None:
        """Add a redactor, and stand in for the factory unless we do already."""
        with self._lock:
            self._active = (*self._active, redactor)
            if self._wrapped is None or logging.getLogRecordFactory() is not self._wrapped:
                self._previous = logging.getLogRecordFactory()
                self._wrapped = self._wrapping(self._previous)
                logging.setLogRecordFactory(self._wrapped)

    def leave(self, redactor: Redactor) -> None:
        """Take one entry of a redactor away, and after the last one put the former factory back.

        Where someone else has wrapped ours meanwhile, it stays and changes nothing.
        """
        with self._lock:
            position = next(place for place, entry in enumerate(self._active) if entry is redactor)
            self._active = self._active[:position] + self._active[position + 1 :]
            if not self._active and logging.getLogRecordFactory() is self._wrapped:
                logging.setLogRecordFactory(self._previous)
                self._wrapped = None

    def _wrapping(self, previous: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
        """Return a factory that scrubs what `previous` makes."""

        def make(*args: object, **kwargs: object) -> logging.LogRecord:
            record = previous(*args, **kwargs)
            for redactor in self._active:
                _scrub_record(record, redactor)
            return record

        return make


def _scrub_record(record: logging.LogRecord, redactor: Redactor) -> None:
    """Scrub a record's final message, traceback and stack; leave it as it is where there is no secret."""
    try:
        message = record.getMessage()
    except Exception:
        # logging prints the arguments of a record that cannot be formatted, so there must be none
        record.msg, record.args = redactor.scrub(f"{record.msg} {record.args!r}"), ()
    else:
        scrubbed = redactor.scrub(message)
        if scrubbed != message:
            record.msg, record.args = scrubbed, ()
    if record.exc_info:
        text = "".join(traceback.format_exception(*record.exc_info))
        scrubbed = redactor.scrub(text)
        if scrubbed != text:
            record.exc_text, record.exc_info = scrubbed.rstrip("\n"), None
    elif record.exc_text:
        record.exc_text = redactor.scrub(record.exc_text)
    if record.stack_info:
        record.stack_info = redactor.scrub(record.stack_info)


_GUARD = _Guard()


@contextmanager
def scrubbed_logging(redactor: Redactor) -> Iterator[None]:
    """Scrub the log records of every logger in the process meanwhile; may be nested, and in threads."""
    _GUARD.enter(redactor)
    try:
        yield
    finally:
        _GUARD.leave(redactor)
