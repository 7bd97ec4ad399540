"""A secret that a server repeats never gets past the adapter; data that only looks like it does."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.client.redaction import HIDDEN, Redactor
from ecom_assets.foundation.errors import ApiError
from ecom_assets_tests.client.secrets.test_session_secrets import everything
from ecom_assets_tests.support.loads.things_source import read
from ecom_assets_tests.support.secrets.leaks import (
    AUTHS,
    SECRET,
    TOKEN,
    echo,
    forms,
    hidden_with,
    leaks,
    session_with,
)
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, session_to, shop_at
from ecom_assets_tests.support.servers.loopback import api as api

KEYS = st.from_regex(r"[a-z]{4}[A-Za-z0-9/+ &=%_-]{4,30}[0-9]{2}[a-z]", fullmatch=True)
texts = st.text(max_size=12)


def documents(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return JSON values with such texts in them."""
    return st.recursive(
        leaf | st.integers() | st.booleans() | st.none(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=12,
    )


def with_texts(value: Any, change: Any) -> Any:
    """Return a JSON value with each text in it changed."""
    if isinstance(value, dict):
        return {change(key): with_texts(entry, change) for key, entry in value.items()}
    if isinstance(value, list):
        return [with_texts(entry, change) for entry in value]
    return change(value) if isinstance(value, str) else value


@given(data=st.data(), key=KEYS, ascii_only=st.booleans())
def test_any_document(data: st.DataObject, key: str, ascii_only: bool) -> None:
    """A body stays JSON, every text that held the key has stars for it, all else is untouched."""
    around = st.tuples(texts, texts).map(lambda pair: f"{pair[0]}{key}{pair[1]}")
    document = data.draw(documents(texts | around))
    redactor = Redactor([key])
    body = json.dumps(document, ensure_ascii=ascii_only).encode()
    scrubbed = redactor.scrub_body(body)
    assert leaks(scrubbed.decode(), [key]) == []
    assert json.loads(scrubbed) == with_texts(document, redactor.scrub)
    if key not in str(document) and not leaks(body.decode(), [key]):
        assert scrubbed is body


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("k3y-of-the-shop", True),
        ("abcdefgh12345678", True),
        ("correct horse battery", True),
        ("S3cr3tUser", True),
        ("p&ss w%rd+ö", True),
        ("abcDEF/gh+=", True),
        ("Geheim!?wort", True),
        ("Geheim-Wort", False),
        ("first_name", False),
        ("--------", False),
        ("4711", False),
        ("1234567890123456", False),
        ("admin", False),
        ("sunshine", False),
        ("p4ss", False),
        ("owner@example.com", False),
    ],
)
def test_what_may_be_there_by_chance_stays(value: str, hidden: bool) -> None:
    """A user name or a weak password is no reason to change a record; a message shows none of them."""
    redactor = Redactor([value])
    body = json.dumps({"data": [{"id": 4711, "note": f"see {value}, now"}]}).encode()
    changed = redactor.scrub_body(body)
    assert (changed is body) == (not hidden)
    assert json.loads(changed)["data"][0]["note"] == f"see {HIDDEN if hidden else value}, now"
    assert redactor.scrub(f"see {value}, now") == f"see {HIDDEN}, now"


@pytest.mark.parametrize("auth", AUTHS)
def test_an_answer_that_repeats_everything(auth: str, api: Loopback) -> None:
    """Neither its body nor its headers, phrase or cookies show a secret, in whatever form they came."""
    secrets = hidden_with(auth)

    def reply(seen: Seen) -> Reply:
        if seen.path == "/token":
            return json_reply({"access_token": TOKEN, "expires_in": 3600})
        headers = {f"X-Echo-{place}": form for place, form in enumerate(sorted(map(str, every)))}
        return Reply(body=json.dumps({"data": [], "echo": echo(seen, secrets)}), headers=headers)

    every = {form for secret in secrets for form in forms(secret)}
    api.answering = reply
    with closing(session_with(api, auth)) as session:
        response = session.get(f"{api.base_url}/things", cookies={})
        assert leaks(everything(response) + response.text + str(response.json()), secrets) == []
        assert HIDDEN in response.json()["echo"]
        assert len(response.headers) >= len(every)


def test_a_token_that_is_given_out_again(api: Loopback) -> None:
    """A response with a token is not data: a token that is already known still signs."""

    def reply(seen: Seen) -> Reply:
        return json_reply({"access_token": TOKEN, "expires_in": 0} if seen.path == "/token" else {"data": []})

    api.answering = reply
    with closing(session_with(api, "oauth2")) as session:
        for _ in range(3):
            session.get(f"{api.base_url}/things")
    assert [seen.path for seen in api.seen] == ["/token", "/things"] * 3
    signed = [seen.headers["authorization"] for seen in api.seen if seen.path == "/things"]
    assert signed == [f"Bearer {TOKEN}"] * 3


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "utf-16", "utf-16-le"])
def test_other_charsets(charset: str, api: Loopback) -> None:
    """The secret is found in whatever charset the body is declared to be in."""
    body = json.dumps({"data": ["S3cr3t-ünd-more", 1, "ä"]}, ensure_ascii=False).encode(charset)
    api.replies = [Reply(body=body, headers={"Content-Type": f"application/json; charset={charset}"})]
    shop = shop_at(api.base_url, {"type": "bearer"})
    with closing(session_to(shop, {"token": "S3cr3t-ünd-more"})) as session:
        response = session.get(f"{api.base_url}/things")
        assert "S3cr3t" not in response.text
        assert b"S3cr3t" not in response.content
        assert response.json() == {"data": [HIDDEN, 1, "ä"]}


def test_an_error_in_another_charset(api: Loopback) -> None:
    """A secret in UTF-16, with zeros between its characters, is found too."""
    api.replies = [Reply(400, "no such key S3cr3t-and-more".encode("utf-16-le"))]
    shop = shop_at(api.base_url, {"type": "bearer"})
    session = session_to(shop, {"token": "S3cr3t-and-more"})
    with closing(session), pytest.raises(ApiError, match=r"body: no such key \*\*\*$"):
        session.get(f"{api.base_url}/things")


def test_a_link_that_repeats_the_secret_elsewhere(api: Loopback) -> None:
    """If the secret is sent in a header, a next link that repeats it is followed without it."""
    api.replies = [
        json_reply({"data": [1], "next": f"{api.base_url}/things?key={quote(SECRET, safe='')}&page=2"}),
        json_reply({"data": [2]}),
    ]
    with closing(session_with(api, "header")) as session:
        rows = read(session, api.base_url, {"type": "json_link", "next_url_path": "next"})
    assert rows == [1, 2]
    assert api.seen[1].query == [("page", "2")]
