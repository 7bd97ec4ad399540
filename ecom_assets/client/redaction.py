"""Keeping secrets out of texts: hiding a value in every form that it is written in, and guarding all logs.

Which values are secret is `auth`'s to say, how they may be written `secret_forms`'. Nothing here knows of
requests or of dlt.
"""

from __future__ import annotations

import logging
import re
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from ecom_assets.client.secret_encodings import Form, forms

HIDDEN = "***"


class Redactor:
    """Knows the secrets of one shop and takes them out of texts; safe to share between threads."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Start with these secrets; empty ones are passed over."""
        self._lock = threading.Lock()
        self._secrets: frozenset[str] = frozenset()
        self._forms: tuple[Form, ...] = ()
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Hide these too from now on, such as a token obtained while running."""
        with self._lock:
            known = self._secrets | {secret for secret in secrets if secret}
            if known == self._secrets:
                return
            self._secrets = known
            self._forms = tuple(form for secret in known for form in forms(secret))

    def scrub(self, text: str) -> str:
        """Return a text with every secret in it replaced by `***`.

        Found are the value itself, its URL-encoded, JSON-escaped and HTML-escaped forms, mixed ones too, and
        its place in a base64 text, such as that of `user:password`.
        """
        return _hidden(text, [form.pattern for form in self._forms if form.piece in text])

    def scrub_data(self, text: str) -> str:
        """Return a text that is data without the secrets that cannot be in it by chance.

        A number, a plain word, a mail address or fewer than 8 characters may well be in records that have nothing
        to do with the secret of the same text: such a value is left in.
        """
        return _hidden(text, [form.pattern for form in self._forms if form.in_data and form.piece in text])

    def scrub_body(self, body: bytes) -> bytes:
        """Return an answer's body, in UTF-8, as `scrub_data` does; the same object where it holds no secret."""
        if not any(form.in_data and form.piece.encode() in body for form in self._forms):
            return body
        text = body.decode("utf-8", "surrogateescape")
        scrubbed = self.scrub_data(text)
        return body if scrubbed is text else scrubbed.encode("utf-8", "surrogateescape")

    def __repr__(self) -> str:
        """Return how many secrets there are, never which."""
        return f"<Redactor of {len(self._secrets)} secrets>"

    def __deepcopy__(self, memo: object) -> Redactor:
        """Stay one and the same, so that a token added later is hidden everywhere."""
        return self


def _hidden(text: str, patterns: Sequence[re.Pattern[str]]) -> str:
    """Return a text with stars for whatever one of the patterns finds in it."""
    places = sorted(match.span(1) for pattern in patterns for match in pattern.finditer(text))
    if not places:
        return text
    pieces = []
    end = 0
    for first, last in places:
        if first >= end:
            pieces += [text[end:first], HIDDEN]
        end = max(end, last)
    return "".join([*pieces, text[end:]])


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
