"""OAuth tokens as real APIs treat them: they die early, and are asked for in several ways."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import pytest
from pydantic import ValidationError

from ecom_assets.client.auth import build_auth, build_endpoint_auth
from ecom_assets.client.read_statistics import SLICE_HEADER, ReadStatistics
from ecom_assets.client.redaction import HIDDEN
from ecom_assets.client.session import create_session
from ecom_assets.client.signing import AUTH_HEADER
from ecom_assets.declaration.api.auth import Auth
from ecom_assets.foundation.errors import ApiError
from ecom_assets_tests.support.servers.loopback import Connect, Loopback, Reply, Seen, json_reply, shop_at
from ecom_assets_tests.support.servers.loopback import api as api
from ecom_assets_tests.support.servers.loopback import connect as connect
from ecom_assets_tests.support.servers.loopback import no_waits as no_waits

SECRETS = {"client_id": "the:client", "client_secret": "the/s3cr3t pä+x"}


def oauth2(api: Loopback, **more: Any) -> dict[str, Any]:
    """Return an auth kind whose tokens come from the server."""
    return {"type": "oauth2_client_credentials", "access_token_url": f"{api.base_url}/token", **more}


class Tokens:
    """Gives out token-1, token-2 and so on, and accepts those that are `valid`."""

    def __init__(self, api: Loopback, **answer: Any) -> None:
        self.given = 0
        self.answer = answer
        self.valid: Callable[[str], bool] = lambda token: True
        api.answering = self._answer

    def _answer(self, seen: Seen) -> Reply:
        if seen.path == "/token":
            self.given += 1
            return json_reply({"access_token": f"token-{self.given}", **self.answer})
        token = seen.headers["authorization"].removeprefix("Bearer ")
        return Reply() if self.valid(token) else Reply(401, "token expired")


def paths(api: Loopback) -> list[str]:
    return [seen.path for seen in api.seen]


def test_a_token_that_dies_early(api: Loopback, connect: Connect) -> None:
    """A refused token is replaced once, without a wait and without using up a retry."""
    tokens = Tokens(api, expires_in=3600)
    statistics = ReadStatistics()
    session = connect(oauth2(api), SECRETS, statistics, max_retries=0)
    session.get(f"{api.base_url}/things")
    tokens.valid = lambda token: token != "token-1"
    session.get(f"{api.base_url}/things", headers={SLICE_HEADER: "a"})
    session.get(f"{api.base_url}/things")
    assert paths(api) == ["/token", "/things", "/things", "/token", "/things", "/things"]
    assert session.redactor.scrub("token-1 token-2") == f"{HIDDEN} {HIDDEN}"
    assert (statistics.of("a").requests, statistics.of("a").retries) == (2, 1)


def test_a_new_token_does_not_help(api: Loopback, connect: Connect) -> None:
    """Of one request only one token is renewed, then the status is an error."""
    tokens = Tokens(api, expires_in=3600)
    tokens.valid = lambda token: False
    session = connect(oauth2(api), SECRETS)
    refused = r"^GET /things: status 401 Unauthorized after 2 tries; check the secrets"
    with pytest.raises(ApiError, match=refused):
        session.get(f"{api.base_url}/things")
    assert paths(api) == ["/token", "/things", "/token", "/things"]


def test_one_new_token_for_all_workers(api: Loopback, connect: Connect) -> None:
    """Workers whose common token died obtain one new token together."""
    tokens = Tokens(api, expires_in=3600)
    session = connect(oauth2(api), SECRETS)
    session.get(f"{api.base_url}/things")
    tokens.valid = lambda token: token != "token-1"
    barrier = Barrier(8)

    def work(_: int) -> int:
        barrier.wait()
        return session.get(f"{api.base_url}/things").status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [200] * 8
    assert tokens.given == 2


def test_retries_after_a_new_token(api: Loopback, connect: Connect) -> None:
    """A new token leaves all retries for what comes after it."""
    replies = [Reply(401), Reply(503), Reply(503), Reply()]

    def answer(seen: Seen) -> Reply:
        return json_reply({"access_token": "a-token"}) if seen.path == "/token" else replies.pop(0)

    api.answering = answer
    connect(oauth2(api), SECRETS, max_retries=2).get(f"{api.base_url}/things")
    assert replies == []


def test_the_token_of_an_endpoint(api: Loopback) -> None:
    """An endpoint with an auth of its own renews its own token, and leaves the client's alone."""
    tokens = Tokens(api, expires_in=3600)
    own = {**SECRETS, "own_id": "the-own-client", "own_secret": "the-own-secret"}
    declared = Auth.model_validate(oauth2(api, secret={"client_id": "own_id", "client_secret": "own_secret"}))
    shop = shop_at(api.base_url, oauth2(api))
    (things,) = shop.resources
    assert things.endpoint
    endpoint = things.endpoint.model_copy(update={"auth": (declared,)})
    shop = shop.model_copy(update={"resources": (things.model_copy(update={"endpoint": endpoint}),)})
    session = create_session(shop, build_auth(shop, own), own.values(), None, build_endpoint_auth(shop, own))
    for headers in ({}, {AUTH_HEADER: "things"}):
        session.get(f"{api.base_url}/things", headers=headers)
    tokens.valid = lambda token: token != "token-2"
    for headers in ({}, {AUTH_HEADER: "things"}):
        session.get(f"{api.base_url}/things", headers=headers)
    session.close()
    used = [seen.headers["authorization"] for seen in api.seen if seen.path == "/things"]
    assert used == [f"Bearer token-{number}" for number in (1, 2, 1, 2, 3)]


@pytest.mark.parametrize("kind", ["bearer", "api_key"])
def test_a_fixed_secret_is_not_tried_again(kind: str, api: Loopback, connect: Connect) -> None:
    """A 401 without tokens is an error at once."""
    api.replies = [Reply(401)]
    with pytest.raises(ApiError, match="401 Unauthorized; check the secrets token"):
        connect({"type": kind, "secret": "token"}, {"token": "the-token"}).get(f"{api.base_url}/things")
    assert len(api.seen) == 1


def test_the_token_address_refuses(api: Loopback, connect: Connect) -> None:
    """A 401 of the address that gives out tokens is not tried again either."""
    api.replies = [Reply(401)]
    with pytest.raises(ApiError, match=r"^POST /token: status 401 Unauthorized; check the secrets client_id"):
        connect(oauth2(api), SECRETS).get(f"{api.base_url}/things")
    assert paths(api) == ["/token"]


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("declared", "content_type", "in_header"),
    [
        ({}, FORM, False),
        ({"access_token_request_auth": "client_secret_basic"}, FORM, True),
        ({"access_token_request_format": "json"}, "application/json", False),
        (
            {"access_token_request_auth": "client_secret_basic", "access_token_request_format": "json"},
            "application/json",
            True,
        ),
    ],
)
def test_ways_to_ask_for_a_token(
    declared: dict[str, Any], content_type: str, in_header: bool, api: Loopback, connect: Connect
) -> None:
    """Client id and secret are sent in the body or in the header, never in both, as a form or as JSON."""
    Tokens(api)
    auth = oauth2(api, access_token_request_data={"scope": "read all"}, **declared)
    connect(auth, SECRETS).get(f"{api.base_url}/things")
    asked = api.seen[0]
    assert asked.headers["content-type"] == content_type
    body = dict(parse_qsl(asked.body)) if content_type == FORM else json.loads(asked.body)
    expected = {"grant_type": "client_credentials", "scope": "read all"}
    assert body == (expected if in_header else {**expected, **SECRETS})
    if not in_header:
        assert "authorization" not in asked.headers
        return
    kind, _, value = asked.headers["authorization"].partition(" ")
    assert kind == "Basic"
    assert [unquote_plus(part) for part in b64decode(value).decode().split(":")] == list(SECRETS.values())


def test_an_echo_of_the_basic_header(api: Loopback, connect: Connect) -> None:
    """The header that carries the secret, percent-encoded and then in base64, shows in no error."""
    api.answering = lambda seen: Reply(400, f"bad header {seen.headers['authorization']}")
    session = connect(oauth2(api, access_token_request_auth="client_secret_basic"), SECRETS)
    with pytest.raises(ApiError) as caught:
        session.get(f"{api.base_url}/things")
    sent = api.seen[0].headers["authorization"].removeprefix("Basic ")
    assert b64decode(sent) == b"the%3Aclient:the%2Fs3cr3t+p%C3%A4%2Bx"
    assert HIDDEN in str(caught.value)
    assert not any(sent[place : place + 6] in str(caught.value) for place in range(len(sent) - 5))


@pytest.mark.parametrize("expires_in", [None, "", 3600, "3600", 3600.9, "3600.0", 10**12, 1e300])
def test_how_long_a_token_is_valid(expires_in: Any, api: Loopback, connect: Connect) -> None:
    """Null stands for the default, and numbers are read however they are written."""
    tokens = Tokens(api, expires_in=expires_in)
    session = connect(oauth2(api), SECRETS)
    for _ in range(2):
        session.get(f"{api.base_url}/things")
    assert tokens.given == 1


@pytest.mark.parametrize("expires_in", [0, "0", -5])
def test_a_token_that_is_over(expires_in: Any, api: Loopback, connect: Connect) -> None:
    """A token that is said to be over is used for the request that it was asked for."""
    tokens = Tokens(api, expires_in=expires_in)
    session = connect(oauth2(api), SECRETS)
    for _ in range(2):
        session.get(f"{api.base_url}/things")
    assert tokens.given == 2


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "bearer", "access_token_request_format": "json"},
        {"type": "http_basic", "access_token_request_auth": "client_secret_basic"},
        {
            "type": "oauth2_client_credentials",
            "access_token_url": "https://example.com/token",
            "access_token_request_auth": "private_key_jwt",
        },
    ],
)
def test_wrong_declarations(auth: dict[str, Any]) -> None:
    """The options are of one auth kind only, and have two values each."""
    with pytest.raises(ValidationError):
        Auth.model_validate(auth)
