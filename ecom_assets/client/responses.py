"""What came back from an API: its body as JSON, and one clear line for whatever went wrong.

A line names the method and the path, never the query, and is free of secrets. Sending, and which failures
are tried again, is `http`'s.
"""

from __future__ import annotations

import codecs
import json
import re
from contextlib import suppress
from datetime import datetime, timezone
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import orjson
from requests import PreparedRequest, Response
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict

from ecom_assets.client.auth import environment_variable, secret_names
from ecom_assets.client.redaction import Redactor
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import ApiError, RetryLater

_BODY_SHOWN = 200
_DIGITS = bytes(ord("0") if chr(byte) in "0123456789." else ord(" ") for byte in range(256))
_LONG_NUMBER = b"0" * 16
"""What a number too long for a double looks like once `_DIGITS` has translated it."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_CHARSET = re.compile(r"charset=\"?([\w.:-]+)", re.IGNORECASE)


class _NoCookies(RequestsCookieJar):
    """A jar that stays empty, so that all requests and answers may share it."""

    def copy(self) -> _NoCookies:
        return self

    def set_cookie(self, *args: Any, **kwargs: Any) -> None:
        pass


NO_COOKIES = _NoCookies()


class Failures:
    """Words the failures of one shop's API, or of the address that gives out its tokens."""

    def __init__(self, shop: Shop, redactor: Redactor, *, of_token: bool = False) -> None:
        """Take the shop for the hints, and the redactor for everything that a server may have repeated."""
        self._shop = shop
        self.redactor = redactor
        self._of_token = of_token

    def line(self, request: PreparedRequest, text: str) -> str:
        """Return one line about a request, without its query and without secrets."""
        path = urlsplit(request.url or "").path
        return " ".join(self.redactor.scrub(f"{request.method} {path}: {text}").split())

    def without_secrets(self, body: bytes) -> bytes:
        """Return a body as it may go on. One that brings a token goes to the auth kind alone, and stays as it is."""
        return body if self._of_token else self.redactor.scrub_body(body)

    def status(self, response: Response) -> ApiError:
        """Return the error for a status of 400 or more, with what to do about it and the body's beginning."""
        tries = response.tries if isinstance(response, Answer) else 1
        body = response.content.decode("utf-8", "replace")
        # nothing that a terminal would act upon, nor the zeros that UTF-16 puts between its characters
        text = "".join(character for character in body if character.isprintable() or character.isspace())
        # scrubbed before it is cut, so that no half of a secret is left at the end
        shown = " ".join(self.redactor.scrub(text).split())[:_BODY_SHOWN]
        message = f"status {_named(response.status_code)}{_after(tries)}; {self._hint(response.status_code)}"
        return ApiError(self.line(response.request, f"{message}; body: {shown or 'empty'}"))

    def later(self, response: Response, seconds: float, longest: float) -> RetryLater:
        """Return the error for a pause that is asked for and longer than a run sits out."""
        message = f"status {_named(response.status_code)}; the API asks for a pause of {seconds:.0f} s"
        return RetryLater(self.line(response.request, f"{message}, a run waits {longest:.0f} s"), seconds)

    def paused(self, request: PreparedRequest, seconds: float, longest: float) -> RetryLater:
        """Return the error for a request that is not sent in such a pause, which another one was told of."""
        message = f"not sent: the API asks for a pause, of which {seconds:.0f} s are left, a run waits {longest:.0f} s"
        return RetryLater(self.line(request, message), seconds)

    def unreached(self, request: PreparedRequest, reason: str, tries: int) -> ApiError:
        """Return the error for a request without an answer."""
        return ApiError(self.line(request, f"{host_of(request.url)}: {reason}{_after(tries)}"))

    def _hint(self, status: int) -> str:
        """Return what to look at for a status."""
        if status in (401, 403) or (self._of_token and status == 400):
            names = secret_names(self._shop)
            if not names:
                return "the API wants a secret, and client.auth declares none"
            variables = ", ".join(environment_variable(self._shop, name) for name in names)
            return (
                f"check the secrets {', '.join(names)}, which come from the Dagster resource, the "
                f"environment ({variables}) or dlt's secrets under sources.{self._shop.name}"
            )
        if status in (404, 405) and self._of_token:
            return "check client.auth.access_token_url"
        if status == 404:
            return "check client.base_url and the endpoint's path"
        if status == 405:
            return "check the endpoint's method"
        if status == 429:
            return "set policy.requests_per_second, or less policy.concurrency"
        if status >= 500:
            return "the fault is at the API; run again later"
        return "the API refused the request: check the endpoint's params, its paginator and incremental"


class Answer(Response):
    """A response whose request and address are the unsigned ones, read to its end and parsed once."""

    tries: int
    _failures: Failures
    _parsed: tuple[bytes, Any] | None = None

    @classmethod
    def of(cls, response: Response, unsigned: PreparedRequest, tries: int, failures: Failures) -> Answer:
        """Return a response, already read to its end, without what it knows of the signed request.

        What a server repeats of a secret is hidden in headers and body, so that no record holds it either.
        """
        answer = cls()
        answer.__dict__.update(response.__dict__)
        answer.request, answer.url = unsigned, unsigned.url or ""
        answer.raw = None  # urllib3's response keeps the signed address
        answer.cookies = NO_COOKIES
        scrub = failures.redactor.scrub_data
        headers = [(scrub(name), scrub(value)) for name, value in response.headers.items()]
        answer.headers, answer.reason = CaseInsensitiveDict(headers), scrub(response.reason or "")
        declared = _CHARSET.search(answer.headers.get("Content-Type", ""))
        answer.encoding = declared.group(1) if declared else "utf-8"
        body = response.content
        with suppress(ValueError, LookupError):  # a body that cannot be read is not JSON, as `json` will say
            body, answer.encoding = _as_utf8(body, answer.encoding), "utf-8"
        answer._content = failures.without_secrets(body)
        answer.tries, answer._failures = tries, failures
        return answer

    def json(self, **kwargs: Any) -> Any:
        """Return the body parsed as JSON, the same object each time.

        Floats are `decimal.Decimal` in a body with a number too long for a double, else `float`. Raises
        ApiError for a body that is not JSON. Takes no arguments, unlike the method it stands for.
        """
        if kwargs:
            raise TypeError("Answer.json takes no arguments")
        # a hook may have put another body in the place of the API's
        if self._parsed is None or self._parsed[0] is not self.content:
            self._parsed = (self.content, self._parse())
        return self._parsed[1]

    def _parse(self) -> Any:
        """Return what the body says; it is no local variable, so that no traceback with locals shows it."""
        if not self.content.strip():
            raise self._unusable(f"status {_named(self.status_code)} with an empty body, JSON was expected")
        try:
            return _parsed(_as_utf8(self.content, self.encoding or "utf-8"))
        except (ValueError, LookupError, ArithmeticError, RecursionError) as error:
            problem = _problem(error)
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        stated = "" if not kind or "json" in kind else f" but {kind}"
        # outside of the except clause: a JSONDecodeError holds the whole body
        raise self._unusable(f"the body is not JSON{stated}: {problem}")

    def _unusable(self, text: str) -> ApiError:
        return ApiError(self._failures.line(self.request, text))


def _as_utf8(body: bytes, charset: str) -> bytes:
    """Return a body in UTF-8, which JSON mostly is, whatever a server declares."""
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode(charset).encode("utf-8")
    return body


def _parsed(body: bytes) -> Any:
    """Parse JSON without losing a digit: orjson reads every float as a double and so does for short ones.

    A broken escape of one character, which orjson refuses, is its record's fault and not the whole answer's.
    """
    # a regular expression takes five times as long as all the parsing
    if _LONG_NUMBER not in body.translate(_DIGITS):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            if _SURROGATE.search(body) is None:
                raise
    return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _problem(error: Exception) -> str:
    """Return what is wrong with a body, and where, without a piece of it."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.partition(':')[0]} at position {error.pos}"
    if isinstance(error, UnicodeDecodeError):
        return f"it cannot be read as {error.encoding} at position {error.start}"
    return "nested too deeply" if isinstance(error, RecursionError) else "a value that is none of JSON's"


def _named(status: int) -> str:
    """Return a status with its standard phrase."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _after(tries: int) -> str:
    return f" after {tries} tries" if tries > 1 else ""


def retry_after(response: Response) -> float | None:
    """Return the seconds, 0 or more, that a Retry-After header asks for; None without a usable one."""
    value = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return max(0.0, (aware - datetime.now(timezone.utc)).total_seconds())


def host_of(url: str | None) -> str:
    """Return the host of an address, with its port where it names one."""
    parts = urlsplit(url or "")
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
