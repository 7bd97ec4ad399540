"""Hides secrets in texts, in response bodies and in all log records of the process.

See `ecom_assets.client.secrets` for where the secrets come from, and `ecom_assets.client.secret_encodings` for how they
may be written. Nothing here knows requests or dlt.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ecom_assets.client.secret_encodings import SecretForm, secret_forms

HIDDEN = "***"


class Redactor:
    """Replaces the secrets of one shop in texts; safe to share between threads."""

    def __init__(self, secrets: Iterable[str] = (), ids: Iterable[str] = ()) -> None:
        """Start with these secrets and ids, such as user names; empty ones are ignored."""
        self._lock = threading.Lock()
        self._secrets: frozenset[str] = frozenset()
        self._forms: tuple[SecretForm, ...] = ()
        self._required_in_data: tuple[str, ...] = ()  # each once: most texts and bodies hold none of them
        self.add(*secrets)
        self.add(*ids, in_data=False)

    def add(self, *secrets: str, in_data: bool = True) -> None:
        """Hide these too from now on, such as a token obtained while running.

        Args:
            secrets: What to hide.
            in_data: Whether to hide them in an API's data as well. Not so for ids and user names: they are in records
                in their own right.
        """
        with self._lock:
            new = {secret for secret in secrets if secret} - self._secrets
            if not new:
                return
            self._secrets |= new
            forms = (form for secret in new for form in secret_forms(secret))
            self._forms += tuple(form if in_data else replace(form, in_data=False) for form in forms)
            required = dict.fromkeys(form.required_text for form in self._forms if form.in_data)
            self._required_in_data = tuple(required)

    def scrub(self, text: str) -> str:
        """Return a text with every secret in it replaced by `***`.

        It finds the value itself, its URL-encoded, JSON-escaped and HTML-escaped forms, also mixed, and its part of a
        base64 text such as the one of `user:password`. It also finds what becomes of letters outside of ASCII in other
        encodings.
        """
        return _replace_matches(text, [form for form in self._forms if form.required_text in text])

    def scrub_data(self, text: str) -> str:
        """Return a text of an API's data without the secrets that cannot be in it by chance.

        Records may hold the same number, plain word, mail address or short text (fewer than 8 characters) without any
        relation to the secret. Such a value stays.
        """
        if not any(required in text for required in self._required_in_data):
            return text
        return _replace_matches(
            text, [form for form in self._forms if form.in_data and form.required_text in text]
        )

    def scrub_body(self, body: bytes) -> bytes:
        """Return a response's body, in UTF-8, scrubbed as data; the same object where it holds no secret."""
        if not any(required.encode() in body for required in self._required_in_data):
            return body
        text = body.decode("utf-8", "surrogateescape")
        scrubbed = self.scrub_data(text)
        return body if scrubbed is text else scrubbed.encode("utf-8", "surrogateescape")

    def __repr__(self) -> str:
        """Return the number of secrets, never the secrets."""
        return f"<Redactor of {len(self._secrets)} secrets>"

    def __deepcopy__(self, memo: object) -> Redactor:
        """Return the same object, so that a token added later is hidden everywhere."""
        return self


def _replace_matches(text: str, forms: Sequence[SecretForm]) -> str:
    """Return a text with HIDDEN in place of each match of the forms, the garbled ones last."""
    for is_garbled in (False, True):
        spans = sorted(span for form in forms if form.is_garbled is is_garbled for span in form.spans(text))
        if not spans:
            continue
        pieces = []
        end = 0
        for first, last in spans:
            if first >= end:
                pieces += [text[end:first], HIDDEN]
            end = max(end, last)
        text = "".join([*pieces, text[end:]])
    return text


class _LogScrubber:
    """Wraps the process's log record factory while at least one redactor is active.

    A factory sees a record before any logger's handler does. That includes child loggers and handlers made later.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: tuple[Redactor, ...] = ()
        self._own_factory: Callable[..., logging.LogRecord] | None = None
        self._previous_factory: Callable[..., logging.LogRecord] = logging.LogRecord

    def add(self, redactor: Redactor) -> None:
        """Add a redactor, and wrap the log record factory unless it is wrapped already."""
        with self._lock:
            self._active = (*self._active, redactor)
            if self._own_factory is None or logging.getLogRecordFactory() is not self._own_factory:
                self._previous_factory = logging.getLogRecordFactory()
                self._own_factory = self._scrubbing_factory(self._previous_factory)
                logging.setLogRecordFactory(self._own_factory)

    def remove(self, redactor: Redactor) -> None:
        """Remove one entry of a redactor, and after the last one restore the former factory.

        Where other code has wrapped our factory meanwhile, the factory stays and changes nothing.
        """
        with self._lock:
            position = next(place for place, entry in enumerate(self._active) if entry is redactor)
            self._active = self._active[:position] + self._active[position + 1 :]
            if not self._active and logging.getLogRecordFactory() is self._own_factory:
                logging.setLogRecordFactory(self._previous_factory)
                self._own_factory = None

    def _scrubbing_factory(
        self, previous: Callable[..., logging.LogRecord]
    ) -> Callable[..., logging.LogRecord]:
        """Return a factory that scrubs the records of `previous`."""

        def make(*args: object, **kwargs: object) -> logging.LogRecord:
            record = previous(*args, **kwargs)
            for redactor in self._active:
                _scrub_record(record, redactor)
            return record

        return make


def _scrub_record(record: logging.LogRecord, redactor: Redactor) -> None:
    """Scrub a record's final message, traceback and stack; a part without a secret stays as it is."""
    try:
        message = record.getMessage()
    except Exception:
        # logging prints the arguments of a record that it cannot format, so the record must have none
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


_LOG_SCRUBBER = _LogScrubber()


@contextmanager
def scrubbed_logging(redactor: Redactor) -> Iterator[None]:
    """Scrub the log records of all loggers of the process until the block ends; may be nested, and in threads."""
    _LOG_SCRUBBER.add(redactor)
    try:
        yield
    finally:
        _LOG_SCRUBBER.remove(redactor)
