"""Secrets with letters outside of ASCII are found in whatever a server, a browser or a log makes of them."""

from __future__ import annotations

import base64
import html.entities
import io
import json
import re
import time
import unicodedata
from collections.abc import Callable
from contextlib import closing
from functools import cache
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.client.redaction import HIDDEN, Redactor
from ecom_assets.foundation.errors import ApiError
from ecom_assets_tests.client.secrets.test_redaction_of_logs import written as written
from ecom_assets_tests.support.servers.loopback import Connect, Loopback, Reply, session_to, shop_at
from ecom_assets_tests.support.servers.loopback import api as api
from ecom_assets_tests.support.servers.loopback import connect as connect
from ecom_assets_tests.support.servers.raw_answers import head, raw_server

EDGE = "|"
SECRET = "pa55-wörd-ÄÖß9"
SECRETS = [
    SECRET,
    "œuvre-№-4711",
    "пароль-секрет",
    "密码-p4ss-中文",
    "ñandú🦤1234",
    "Größe12x",
    "Ã¶-looks-garbled",
]


def mojibake(text: str, encoding: str = "latin-1") -> str:
    """Return what becomes of UTF-8 that is read in another encoding, as browsers and Windows read it."""
    read = ""
    for byte in text.encode("utf-8", "surrogatepass"):
        try:
            read += bytes([byte]).decode(encoding)
        except UnicodeDecodeError:
            read += chr(byte)
    return read


def named_entities(text: str) -> str:
    names = html.entities.codepoint2name
    return "".join(f"&{names[ord(char)]};" if ord(char) in names else f"&#x{ord(char):X};" for char in text)


def script_escapes(text: str) -> str:
    """Return a text as `escape` of JavaScript writes it: an escape for each unit of UTF-16."""
    units = text.encode("utf-16-be").hex()
    codes = [int(units[place : place + 4], 16) for place in range(0, len(units), 4)]
    return "".join(chr(code) if 0x20 < code < 0x7F else f"%u{code:04X}" for code in codes)


READINGS: dict[str, Callable[[str], str]] = {
    "UTF-8 as latin-1": mojibake,
    "UTF-8 as Windows": lambda text: mojibake(text, "cp1252"),
    "twice": lambda text: mojibake(mojibake(text)),
    "twice as Windows": lambda text: mojibake(mojibake(text, "cp1252"), "cp1252"),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "decomposed as latin-1": lambda text: mojibake(unicodedata.normalize("NFD", text)),
    "as it is": str,
}
WRITINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "percent": lambda text: quote(text, safe=""),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "lower case percent": lambda text: re.sub("%..", lambda match: match[0].lower(), quote(text, safe="")),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON in JSON": lambda text: json.dumps(json.dumps(text))[3:-3],
    "numbers": lambda text: re.sub(r"[^!-~]", lambda match: f"&#{ord(match[0])};", text),
    "names": lambda text: re.sub(r"[^!-~]", lambda match: named_entities(match[0]), text),
    "ascii()": lambda text: ascii(text)[1:-1],
    "repr of the bytes": lambda text: repr(text.encode())[2:-1],
    "script": script_escapes,
}


@cache
def redactor_of(secret: str) -> Redactor:
    """Return the redactor of a secret. To compile its patterns takes a hundred times longer than to use them."""
    return Redactor([secret])


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("reading", READINGS)
def test_readings_in_every_writing(reading: str, writing: str, secret: str) -> None:
    """Nothing but the stars is left of a secret, in whatever encoding it was read, and however it is written."""
    text = WRITINGS[writing](READINGS[reading](secret))
    assert redactor_of(secret).scrub(f"{EDGE}{text}{EDGE}") == f"{EDGE}{HIDDEN}{EDGE}"


letters = st.text("aZ09-_ äöÜßéÃ¶©ÿ", min_size=4, max_size=16).filter(lambda text: text == text.strip())


@given(secret=letters)
def test_latin_1_is_found(secret: str) -> None:
    """The bytes of latin-1 are found in what others make of them: other encodings, escapes, replacements."""
    raw = secret.encode("latin-1")
    redactor = Redactor([secret])
    texts = {
        raw.decode("utf-8", "surrogateescape"),
        repr(raw)[2:-1].replace("\\'", "'"),
        quote(raw, safe=""),
        quote(raw.decode("latin-1").encode("cp1252"), safe=""),
        raw.decode("utf-8", "replace"),
    }
    for text in texts:
        if len(re.findall("[a-zA-Z0-9]", secret)) >= 4 or "\ufffd" not in text:
            assert redactor.scrub(f"{EDGE}{text}{EDGE}") == f"{EDGE}{HIDDEN}{EDGE}"


@pytest.mark.parametrize("secret", [SECRET, "Größe12x", "密码-p4ss-中文", "ñandú🦤1234"])
@pytest.mark.parametrize(
    "mark", ["\ufffd", "?", "%EF%BF%BD", "\\ufffd", "&#65533;", "??", "\ufffd\ufffd\ufffd"]
)
def test_replaced_letters(secret: str, mark: str) -> None:
    """A secret whose letters were replaced is as good as the whole one, as the rest of it shows."""
    text = re.sub(r"[^!-~]", lambda _: mark, secret)
    assert redactor_of(secret).scrub(f"{EDGE}{text}{EDGE}") == f"{EDGE}{HIDDEN}{EDGE}"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252"])
@pytest.mark.parametrize("secret", [SECRET, "Größe12x", "ñandú-1234"])
def test_base64_of_other_encodings(secret: str, encoding: str) -> None:
    """Base64 hides the bytes of any encoding, also of a text that was read wrongly, and of one with replacements."""
    redactor = Redactor([secret])
    for raw in (
        secret.encode(encoding),
        f"user:{secret}".encode(encoding),
        mojibake(secret, "latin-1" if encoding == "utf-8" else encoding).encode(),
        secret.encode("latin-1").decode("utf-8", "replace").encode(),
        secret.encode("ascii", "replace"),
    ):
        assert HIDDEN in redactor.scrub(f"{EDGE}{base64.b64encode(raw).decode()}{EDGE}")


@pytest.mark.parametrize(
    "text",
    [
        "Die Größe des Pakets: 12 x 30",
        "Andréa, Zoë und Jürgen",
        '{"name": "Großer Tisch", "note": "Ã¶ is broken"}',
        "中文-English-中文",
        "what???",
    ],
)
def test_usual_texts_stay(text: str) -> None:
    """Other words with such letters stay as they are."""
    redactor = Redactor(["éèa1", "Größe12x", "пароль-секрет", "密码-p4ss-中文"])
    assert redactor.scrub(text) == text
    assert redactor.scrub_body(text.encode()) == text.encode()


def test_long_texts_take_no_time() -> None:
    """Scrubbing a long text of such letters stays linear."""
    redactor = Redactor([SECRET, "ÄÖß-pa55", "пароль-секрет", "ööööaaaa"])
    start = time.monotonic()
    for text in ("ö" * 200_000 + "pa55aaaa", "%C3%B6" * 50_000 + "pa55aaaa", "\\u00f6" * 50_000 + "pa55aaaa"):
        redactor.scrub(text)
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252"])
@pytest.mark.parametrize(
    "content_type", ["text/plain", "text/plain; charset=latin-1", "text/html; charset=utf-8"]
)
def test_an_echo_in_an_error(encoding: str, content_type: str, api: Loopback, connect: Connect) -> None:
    """A server that repeats the secret in an error, in whatever encoding, gets it into no message."""
    body = f"the password {SECRET} is wrong".encode(encoding)
    api.replies = [Reply(400, body, {"Content-Type": content_type})]
    session = connect({"type": "http_basic"}, {"username": "me-and-you", "password": SECRET})
    with pytest.raises(ApiError, match=r"body: the password \*\*\* is wrong$"):
        session.get(f"{api.base_url}/things")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_an_echo_in_a_broken_header(encoding: str, written: io.StringIO) -> None:
    """urllib3 warns of a header that it cannot parse, with the header; the log shows no secret."""
    line = f"X-Echo {SECRET} and more\r\n".encode(encoding)
    good = f"X-Good: {SECRET}\r\n".encode(encoding)
    answer = (
        head("200 OK", "Content-Length: 12").removesuffix(b"\r\n") + good + line + b"\r\n" + b'{"data": []}'
    )
    with raw_server(lambda path: [answer]) as server:
        shop = shop_at(f"http://{server.host}", {"type": "http_basic"})
        secrets = {"username": "me-and-you", "password": SECRET}
        with closing(session_to(shop, secrets)) as session:
            response = session.get(f"http://{server.host}/things")
    text = written.getvalue()
    assert "Failed to parse headers" in text
    assert "pa55" not in text
    assert response.headers["X-Good"] == HIDDEN
