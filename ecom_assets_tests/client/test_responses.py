"""Responses: JSON without losing a digit, and a clear error for a body that is not JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Request, Response

from ecom_assets.client.redaction import Redactor
from ecom_assets.client.request_errors import RequestErrors
from ecom_assets.client.responses import ApiResponse, repeated_name
from ecom_assets.foundation.errors import ApiError
from ecom_assets_tests.support.servers.loopback import shop_at

URL = "http://127.0.0.1:1/things"


def answer(body: bytes | str, content_type: str = "application/json", status: int = 200) -> ApiResponse:
    """Return a response with a body, as the adapter makes it."""
    response = Response()
    response.status_code = status
    response._content = body.encode() if isinstance(body, str) else body
    if content_type:
        response.headers["Content-Type"] = content_type
    errors = RequestErrors(shop_at(URL), Redactor(["S3cr3t"]))
    return ApiResponse.from_signed(response, Request("GET", URL + "?q=1").prepare(), 1, errors)


def same(left: Any, right: Any) -> bool:
    """Compare values and their types, all the way down."""
    return repr(left) == repr(right)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ('{"x": 0.1234567890123456789}', {"x": Decimal("0.1234567890123456789")}),
        ('{"x": 123456789012345.25}', {"x": Decimal("123456789012345.25")}),
        ('{"x": -1.000000000000000000}', {"x": Decimal("-1.000000000000000000")}),
        ('{"x": 0.1}', {"x": 0.1}),
        ('{"x": 1E+2}', {"x": 100.0}),
        (f'{{"x": {2**64 + 1}, "y": {-(2**63) - 1}}}', {"x": 2**64 + 1, "y": -(2**63) - 1}),
        (f'{{"x": {10**400}}}', {"x": 10**400}),
        ('{"x": 18446744073709551615}', {"x": 2**64 - 1}),
        (
            '[{"x": 12.50, "y": "0.1234567890123456789"}]',
            [{"x": Decimal("12.50"), "y": "0.1234567890123456789"}],
        ),
        ('"0.5"', "0.5"),
        (" null\n", None),
        ("[]", []),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('{"x": "\\ud83d\\ude00 \\u00e4"}', {"x": "😀 ä"}),
    ],
)
def test_json_is_exact(body: str, value: Any) -> None:
    """No digit is lost, whatever the length of a number."""
    assert same(answer(body).json(), value)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'\xef\xbb\xbf{"x": "\xc3\xa4"}', "application/json"),
        ('{"x": "ä"}'.encode(), "application/json; charset=iso-8859-1"),
        ('{"x": "ä"}'.encode(), ""),
        ('{"x": "ä"}'.encode("iso-8859-1"), "application/json; charset=iso-8859-1"),
        ('{"x": "ä"}'.encode("iso-8859-1"), 'application/json;charset="ISO-8859-1"'),
        ('{"x": "ä"}'.encode("utf-16"), "application/json; charset=utf-16"),
    ],
)
def test_encodings(body: bytes, content_type: str) -> None:
    """JSON is UTF-8 with or without a mark, whatever is declared, unless it only reads as declared."""
    assert answer(body, content_type).json() == {"x": "ä"}


@pytest.mark.parametrize(
    ("body", "content_type", "line"),
    [
        ("", "", "GET /things: status 200 OK with an empty body, JSON was expected"),
        (" \n", "", "GET /things: status 200 OK with an empty body, JSON was expected"),
        ('{"x": 1, S3cr3t}', "", "GET /things: the body is not JSON: .* at position 9"),
        ('{"x": 0.1234567890123456, S3cr3t}', "", "GET /things: the body is not JSON: .* at position 26"),
        (
            "S3cr3t",
            "Text/HTML; charset=utf-8",
            "GET /things: the body is not JSON but text/html: .* position 0",
        ),
        (
            '{"x": "S3cr3t',
            "application/problem+json",
            "GET /things: the body is not JSON: .* at position [0-9]+",
        ),
        (b'{"x": "S3cr3t\xff"}', "", "GET /things: the body .*: it cannot be read as utf-8 at position 13"),
        (b'{"x": "\xff"}', "application/json; charset=klingon", "GET /things: the body is not JSON: .*"),
        ('{"x": NaN}', "", "GET /things: the body is not JSON: .* at position 6"),
        (
            '{"x": NaN, "y": 0.1234567890123456}',
            "",
            "GET /things: the body is not JSON: it has the value NaN, which JSON does not allow",
        ),
        ("[" * 100_000, "", "GET /things: the body is not JSON: .*"),
        ("[" * 100_000 + "1234567890123456", "", "GET /things: the body is not JSON: nested too deeply"),
        ('[1e99999999999999999999, "1234567890123456"]', "", "GET /things: the body is not JSON: .*"),
    ],
)
def test_not_json(body: bytes | str, content_type: str, line: str) -> None:
    """The line tells what is wrong and where, and repeats nothing of the body."""
    with pytest.raises(ApiError, match=f"^{line}$") as caught:
        answer(body, content_type).json()
    assert "S3cr3t" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("text", ["1e400", "-1e400", "9" * 5000, f"-{'9' * 5000}", f"0.{'1' * 5000}"])
def test_too_large_for_a_double(text: str) -> None:
    """A number that is too large for a double is not taken for infinity: it is the fault of one record."""
    assert answer(f'{{"x": {text}, "y": 1}}').json() == {"x": Decimal(text), "y": 1}


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=12,
    )
)
def test_json_round_trip(value: Any) -> None:
    """JSON reads back as it was written; in bodies with long numbers, floats are equal decimals."""
    read = answer(json.dumps(value)).json()
    written = json.loads(json.dumps(value), parse_float=Decimal)
    assert json.loads(json.dumps(read, default=float)) == value
    assert same(read, json.loads(json.dumps(value))) or same(read, written)


@pytest.mark.parametrize(
    "body",
    [
        '{"data": [{"id": 1}], "data": []}',
        '{"data":[{"id":1,"id":2}]}',
        '{"data": [{"a": {"b": 1, "c": "\\":", "b": null}}]}',
        '{"data": [1], "n": 0.1234567890123456789, "data": [2]}',
        '{"data": [1], "text": "\\ud83d", "data": [2]}',
        '{"data" : [{"id" : 1}], "data" : []}',
        '{"data"  : [{"id"\n: 1}], "data"\n:[]}',
        '{"data": [1], "text": "10\\u003a30", "data": [2]}',
    ],
)
def test_a_name_twice_in_one_object_is_noticed(body: str) -> None:
    """Parsers take the last value, so rows would be lost without a word."""
    name = "data" if body.count('"data"') == 2 else "id" if '"id":2' in body else "b"
    assert repeated_name(answer(body)) == name


@pytest.mark.parametrize(
    "body",
    [
        '{"data": [1], "data": [1]}',
        '[{"a": 1}, {"a": 2}]',
        '{"a": "\\":\\":", "b": {"a": "x"}}',
        '{"a" : 1, "b": 0.1234567890123456789, "c": "\\u0022:"}',
    ],
)
def test_a_name_in_several_objects_is_no_fault(body: str) -> None:
    assert repeated_name(answer(body)) is None


def test_parsed_once() -> None:
    """The same object comes back each time, until a hook replaces the body."""
    one = answer('{"x": [1]}')
    assert one.json() is one.json()
    one._content = b"[2]"
    assert one.json() == [2]


def test_no_arguments() -> None:
    """Arguments of the replaced method are refused, not ignored."""
    with pytest.raises(TypeError, match="takes no arguments"):
        answer("{}").json(parse_float=str)


def test_line_is_one_line() -> None:
    """A line holds no query, no line break and no secret, not even in the path."""
    errors = RequestErrors(shop_at(URL), Redactor(["S3cr3t"]))
    request = Request("POST", "http://127.0.0.1:1/a/S3cr3t/b?key=x").prepare()
    assert errors.message(request, "S3cr3t\r\n  twice\tS3cr3t") == "POST /a/***/b: *** twice ***"


def test_no_half_of_a_secret_at_the_cut() -> None:
    """A body is scrubbed before it is cut."""
    errors = RequestErrors(shop_at(URL), Redactor(["S3cr3t"]))
    for start in range(180, 210):
        assert "S3" not in str(errors.bad_status(answer("x" * start + "S3cr3t", status=400)))
