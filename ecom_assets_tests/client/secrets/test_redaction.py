"""Secrets are found in every form, and texts without them stay as they are."""

from __future__ import annotations

import base64
import copy
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.client.failures import failure_of
from ecom_assets.client.redaction import HIDDEN, Redactor
from ecom_assets.foundation.errors import ApiError

FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "quoted": quote,
    "quoted with slashes": lambda secret: quote(secret, safe=""),
    "form": quote_plus,
    "lower case quoted": lambda secret: re.sub("%..", lambda match: match[0].lower(), quote(secret, safe="")),
    "quoted twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON in UTF-8": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret))[3:-3],
    "JSON with escaped slashes": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "HTML": html.escape,
    "HTML by number": lambda secret: re.sub(r"[^a-zA-Z0-9]", lambda match: f"&#{ord(match[0])};", secret),
    "bytes": lambda secret: repr(secret.encode())[2:-1],
}
BASE64: dict[str, Callable[[str], str]] = {
    "base64": str,
    "base64 for addresses": lambda text: text.replace("+", "-").replace("/", "_"),
    "quoted base64": lambda text: quote(text, safe=""),
    "unpadded base64": lambda text: text.rstrip("="),
}
# control characters cannot be part of a secret, and a private one marks the edges in these tests
characters = st.characters(exclude_categories=["Cs", "Cc", "Co", "Zl", "Zp"])
secrets = st.text(characters, min_size=4, max_size=24)
EDGE = "\ue000"


@given(secret=secrets)
def test_every_form_is_found(secret: str) -> None:
    """Nothing but the stars is left of a secret, however it is written."""
    redactor = Redactor([secret])
    scrubbed = {form: redactor.scrub(f"{EDGE}{write(secret)}{EDGE}") for form, write in FORMS.items()}
    assert scrubbed == dict.fromkeys(FORMS, f"{EDGE}{HIDDEN}{EDGE}")


@pytest.mark.parametrize("form", BASE64)
@given(secret=secrets, before=st.binary(max_size=12), after=st.binary(max_size=12))
def test_base64_is_found(form: str, secret: str, before: bytes, after: bytes) -> None:
    """Not one character with bits of the secret is left of a base64 text, wherever it stands."""
    raw = secret.encode()
    plain = base64.b64encode(before + raw + after).decode()
    first, last = len(before) * 8 // 6, -(-(len(before) + len(raw)) * 8 // 6)
    written = BASE64[form]
    scrubbed = Redactor([secret]).scrub(written(plain))
    left, right = written(plain[:first]), written(plain[last:])
    assert left.startswith(scrubbed.partition(HIDDEN)[0])
    assert right.endswith(scrubbed.rpartition(HIDDEN)[2])
    assert HIDDEN in scrubbed


@given(secret=secrets)
def test_hexadecimal_digits_are_found(secret: str) -> None:
    digits = secret.encode().hex()
    redactor = Redactor([secret])
    assert redactor.scrub(f"key={digits};{digits.upper()}") == f"key={HIDDEN};{HIDDEN}"


@given(secret=secrets, user=st.text(characters, max_size=8))
def test_basic_auth_is_found(secret: str, user: str) -> None:
    """The header of HTTP basic auth shows no secret."""
    header = base64.b64encode(f"{user}:{secret}".encode()).decode()
    assert Redactor([secret]).scrub(f"Basic {header}").endswith(HIDDEN)


@given(secret=st.text("0:", min_size=4, max_size=9), user=st.text("0:", max_size=8))
def test_overlapping_places_are_found(secret: str, user: str) -> None:
    """A secret that repeats itself is hidden in all its places, also where they overlap."""
    header = base64.b64encode(f"{user}:{secret}".encode()).decode()
    assert Redactor([secret]).scrub(header).endswith(HIDDEN)
    assert Redactor([secret * 2]).scrub(f"{EDGE}{secret * 3}") == f"{EDGE}{HIDDEN}"


@given(text=st.text(max_size=60), secret=st.text(st.sampled_from("QXZ07"), min_size=8, max_size=12))
def test_other_texts_stay(text: str, secret: str) -> None:
    """A text without the secret is not touched."""
    if secret not in text:
        assert Redactor([secret]).scrub(text) == text


@given(texts=st.lists(st.sampled_from(["alpha", "alpha-beta", "beta-gamma", "gamma"]), max_size=6))
def test_several(texts: list[str]) -> None:
    """Of secrets within secrets the longest is hidden, and all of them are."""
    redactor = Redactor(["alpha", "alpha-beta", "gamma", "beta-gamma"])
    assert redactor.scrub(" ".join(texts)) == " ".join([HIDDEN] * len(texts))


@pytest.mark.parametrize(
    "text",
    [
        "GET /v1/orders?limit=250&offset=0 HTTP/1.1",
        "the API wants a secret, and client.auth declares none",
        '{"data": [{"id": 1, "note": "sandbox key"}]}',
        "c2FuZGJveA==",
        "",
    ],
)
def test_usual_texts_stay(text: str) -> None:
    """Texts that only resemble a secret stay as they are."""
    assert Redactor(["sandbox-key", "x", ""]).scrub(text) == text
    assert Redactor().scrub(text) == text


def test_short_secrets_are_whole_words() -> None:
    """A short value is hidden as a word, and does not garble what it is a part of."""
    assert (
        Redactor(["me"]).scrub("me:pass sent by me, some meters")
        == f"{HIDDEN}:pass sent by {HIDDEN}, some meters"
    )


def test_added_later() -> None:
    """A token obtained while running is hidden from then on; adding it again changes nothing."""
    redactor = Redactor(["first-secret"])
    assert redactor.scrub("a later-token") == "a later-token"
    for _ in range(3):
        redactor.add("later-token", "")
        assert redactor.scrub("first-secret later-token") == f"{HIDDEN} {HIDDEN}"
    assert repr(redactor) == "<Redactor of 2 secrets>"
    assert copy.deepcopy(redactor) is redactor


def test_long_texts_take_no_time() -> None:
    """Scrubbing a long text, secretless or not, stays linear."""
    redactor = Redactor(['S3cr3t/"K+y&x=9 <z%' * 3, "\\" * 20 + "x", '\\"' * 9 + "x", '"' * 20, "%25" * 10])
    for text in ("A" * 300_000, "%25" * 100_000, "\\" * 3_000, '\\"' * 3_000, "S3cr3t/" * 40_000):
        redactor.scrub(text)


def test_an_own_error_that_quotes_a_secret_is_scrubbed() -> None:
    """A part of the declaration, such as a selector, may be the secret."""
    error = RuntimeError("of dlt")
    error.__cause__ = ApiError("things: data_selector 'k7-Quoted-9' found nothing")
    failure = failure_of(error, Redactor(["k7-Quoted-9"]))
    assert failure is error.__cause__
    assert str(failure) == "things: data_selector '***' found nothing"
