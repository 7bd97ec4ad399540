"""A response of an API: read to its end, free of secrets, and parsed as JSON without losing a digit.

See `ecom_assets.client.request_errors` for the errors about a response.
"""

from __future__ import annotations

import codecs
import json
import re
from contextlib import suppress
from decimal import Decimal
from typing import Any

import orjson
from requests import PreparedRequest, Response
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict

from ecom_assets.client.request_errors import RequestErrors, status_text
from ecom_assets.foundation.errors import ApiError

_DIGITS = bytes(ord("0") if chr(byte) in "0123456789." else ord(" ") for byte in range(256))
_LONG_NUMBER = b"0" * 16
"""What a number too long for a double looks like once `_DIGITS` has translated it."""

_ESCAPED_COLON = re.compile(rb"\\u003[aA]")
_LONGEST_NAME = 40
_MOST_DIGITS = 1_000
_EXPONENT = re.compile(rb"\d[eE]\+?\d{3}")
"""A number that may be beyond all doubles."""
LINES_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines")
"""Content types of a body with one JSON value a line."""
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_CHARSET = re.compile(r"charset=\"?([\w.:-]+)", re.IGNORECASE)


class _EmptyCookieJar(RequestsCookieJar):
    """A jar that stays empty, so that all requests and responses may share it."""

    def copy(self) -> _EmptyCookieJar:
        return self

    def set_cookie(self, *args: Any, **kwargs: Any) -> None:
        pass


NO_COOKIES = _EmptyCookieJar()


class ApiResponse(Response):
    """A response that knows only the unsigned request and address; read to its end and parsed once."""

    tries: int
    """How many times the request was sent."""

    pause: float | None = None
    """The seconds that the API asks to wait, for a response whose status may be temporary."""

    is_token_refused: bool = False
    """Whether the API refused a token, so that a new one may help."""

    is_lines: bool = False
    """Whether the body is declared to have one JSON value a line."""

    is_masked: bool = False
    """Whether the body held a secret, which is masked in it."""

    _errors: RequestErrors
    _parsed: tuple[bytes, Any] | None = None

    @classmethod
    def from_signed(
        cls, response: Response, unsigned: PreparedRequest, tries: int, errors: RequestErrors
    ) -> ApiResponse:
        """Return a response without what it knows of the signed request.

        A server may repeat a secret. It is hidden in headers and body, so that no record holds it either.

        Args:
            response: What the signed request brought, already read to its end.
            unsigned: The request to show in its place.
            tries: How many times the request was sent.
            errors: Words the errors of this response, and knows the secrets to hide.
        """
        clean = cls()
        clean.__dict__.update(response.__dict__)
        clean.request, clean.url = unsigned, unsigned.url or ""
        clean.raw = None  # urllib3's response keeps the signed address
        clean.cookies = NO_COOKIES
        scrub = errors.redactor.scrub_data
        headers = [(scrub(name), scrub(value)) for name, value in response.headers.items()]
        clean.headers, clean.reason = CaseInsensitiveDict(headers), scrub(response.reason or "")
        declared = _CHARSET.search(clean.headers.get("Content-Type", ""))
        clean.encoding = declared.group(1) if declared else "utf-8"
        body = response.content
        with suppress(
            ValueError, LookupError
        ):  # a body that cannot be decoded is not JSON: `json` reports it
            body, clean.encoding = _to_utf8(body, clean.encoding), "utf-8"
        clean._content = errors.scrub_body(body)
        clean.is_masked = clean._content is not body
        clean.tries, clean._errors = tries, errors
        return clean

    def json(self, **kwargs: Any) -> Any:
        """Return the body parsed as JSON, the same object each time.

        Floats are `decimal.Decimal` in a body with a number too long for a double, else `float`. Takes no arguments,
        unlike the method that it replaces.

        Raises:
            ApiError: The body is not JSON.
        """
        if kwargs:
            raise TypeError("ApiResponse.json takes no arguments")
        # a hook may have put another body in the place of the API's
        if self._parsed is None or self._parsed[0] is not self.content:
            self._parsed = (self.content, self._parse())
        return self._parsed[1]

    @property
    def has_lines(self) -> bool:
        """Tell whether the body has one JSON value a line: the declaration or the content type says so."""
        media_type = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return self.is_lines or media_type in LINES_TYPES

    def _parse(self) -> Any:
        """Return the parsed body; it is never a local variable, so that no traceback with locals shows it."""
        if self.has_lines:
            return self._parse_lines()
        if not self.content.strip():
            raise self._error(f"status {status_text(self.status_code)} with an empty body, JSON was expected")
        try:
            return _parse_json(_to_utf8(self.content, self.encoding or "utf-8"))
        except (ValueError, LookupError, ArithmeticError, RecursionError) as error:
            problem = _json_problem(error)
        media_type = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        found = "" if not media_type or "json" in media_type else f" but {media_type}"
        advice = (
            ". Its first lines are JSON: declare records: lines" if _looks_like_lines(self.content) else ""
        )
        # outside of the except clause: a JSONDecodeError holds the whole body
        raise self._error(f"the body is not JSON{found}: {problem}{advice}")

    def _parse_lines(self) -> list[Any]:
        """Return the values of a body with one JSON value a line; blank lines have none."""
        values: list[Any] = []
        number = 1
        try:
            for line in _to_utf8(self.content, self.encoding or "utf-8").split(b"\n"):
                if line.strip():
                    values.append(_parse_json(line))
                number += 1
            return values
        except (ValueError, LookupError, ArithmeticError, RecursionError) as error:
            problem = _json_problem(error)
        raise self._error(f"line {number} of the body is not JSON: {problem}")

    def _error(self, text: str) -> ApiError:
        return ApiError(self._errors.message(self.request, text))


class FailedResponse(Response):
    """What stands for the response to a request that failed, so that only its slice ends."""

    def __init__(self, request: PreparedRequest, failure: ApiError) -> None:
        """Take the unsigned request and its failure."""
        super().__init__()
        self.status_code, self.request, self.failure = 200, request, failure

    def json(self, **kwargs: Any) -> Any:
        """Return no records."""
        return {}


def read_as_lines(response: Response, *args: Any, **kwargs: Any) -> None:
    """Let a response have one JSON value a line, whatever its content type says; a hook of dlt."""
    if isinstance(response, ApiResponse) and not response.is_lines:
        response.is_lines, response._parsed = True, None


def has_unmarked_end(response: Response) -> bool:
    """Tell whether nothing marks the end of a body of JSON lines, so that a part of it looks whole."""
    headers = response.headers
    return (
        isinstance(response, ApiResponse)
        and response.has_lines
        and (
            # a packed body may be cut off without a word
            "Content-Encoding" in headers
            or (
                "Content-Length" not in headers
                and "chunked" not in headers.get("Transfer-Encoding", "").lower()
            )
        )
    )


def _looks_like_lines(body: bytes) -> bool:
    """Tell whether each of the first lines of a body is a JSON object or list."""
    lines = [line for line in body.split(b"\n", 3)[:2] if line.strip()]
    try:
        return len(lines) == 2 and all(isinstance(orjson.loads(line), (dict, list)) for line in lines)
    except orjson.JSONDecodeError:
        return False


def _to_utf8(body: bytes, charset: str) -> bytes:
    """Return a body in UTF-8: most JSON is in UTF-8, whatever charset a server declares."""
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode(charset).encode("utf-8")
    return body


def _parse_json(body: bytes) -> Any:
    """Parse JSON without losing a digit.

    orjson reads every float as a double, so it only gets bodies whose numbers all fit into one. It also refuses a
    broken escape of one character and a number beyond all doubles, such as 1e400. These are faults of one record, not
    of the whole body.
    """
    # a regular expression takes five times as long as all the parsing
    if _LONG_NUMBER not in body.translate(_DIGITS):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            if _SURROGATE.search(body) is None and _EXPONENT.search(body) is None:
                raise
    return json.loads(body, parse_float=Decimal, parse_int=_whole_number, parse_constant=_refuse_constant)


def repeated_name(response: Response) -> str | None:
    """Return a name that one object of a JSON body has twice, with different values; None if none is found.

    Parsers take the last value, without a word. Colons are counted in the body and in what came of it. Only if the body
    has more, or may hide one as an escape, each object is looked at.
    """
    body = response.content
    try:
        kept = orjson.dumps(response.json(), default=str).count(b":")
    except (TypeError, RecursionError):  # what orjson cannot write, such as a lone surrogate
        kept = 0
    # almost no body has a backslash, and to look for one takes no time
    if body.count(b":") <= kept and not (b"\\" in body and _ESCAPED_COLON.search(body)):
        return None
    found: list[str] = []

    def look_at(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, value in pairs:
            if name in fields and fields[name] != value:
                found.append(name[:_LONGEST_NAME])
            fields[name] = value
        return fields

    for text in body.split(b"\n") if isinstance(response, ApiResponse) and response.has_lines else [body]:
        if text.strip():
            json.loads(text, parse_float=Decimal, parse_int=_whole_number, object_pairs_hook=look_at)
    return next(iter(found), None)


def _whole_number(digits: str) -> int | Decimal:
    """Return a whole number. Python refuses to make an int of thousands of digits, which no column holds anyway."""
    return int(digits) if len(digits) <= _MOST_DIGITS else Decimal(digits)


class _Constant(ValueError):
    """A body has NaN, Infinity or -Infinity, which its first argument names."""


def _refuse_constant(name: str) -> Any:
    raise _Constant(name)


def _json_problem(error: Exception) -> str:
    """Return what is wrong with a body, and where, without a piece of it."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.partition(':')[0]} at position {error.pos}"
    if isinstance(error, UnicodeDecodeError):
        return f"it cannot be read as {error.encoding} at position {error.start}"
    if isinstance(error, _Constant):
        return f"it has the value {error.args[0]}, which JSON does not allow"
    return "nested too deeply" if isinstance(error, RecursionError) else "a value that JSON does not allow"
