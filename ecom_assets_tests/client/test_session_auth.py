"""Every auth kind against a real server: what is signed, and how tokens are obtained."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from requests import Response

from ecom_assets.client import adapter
from ecom_assets.client.session import ShopSession
from ecom_assets.foundation.errors import ApiError, RetryLater
from ecom_assets_tests.support.servers.loopback import Connect, Loopback, Reply, json_reply
from ecom_assets_tests.support.servers.loopback import api as api
from ecom_assets_tests.support.servers.loopback import connect as connect


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collect the waits instead of waiting."""
    collected: list[float] = []
    monkeypatch.setattr(adapter, "sleep", collected.append)
    return collected


def get(session: ShopSession, api: Loopback, path: str = "/things", **kwargs: Any) -> Response:
    """Ask the server for a path."""
    return session.get(api.base_url + path, **kwargs)


SIGNED = [
    ({"type": "api_key"}, {"api_key": "k y"}, {"authorization": "k y"}, []),
    (
        {"type": "api_key", "name": "X-Token", "prefix": "Token "},
        {"api_key": "k"},
        {"x-token": "Token k"},
        [],
    ),
    ({"type": "api_key", "location": "query", "name": "key"}, {"api_key": "a&b=c"}, {}, [("key", "a&b=c")]),
    ({"type": "api_key", "location": "param", "name": "key"}, {"api_key": "k"}, {}, [("key", "k")]),
    ({"type": "bearer"}, {"token": "t"}, {"authorization": "Bearer t"}, []),
    (
        {"type": "http_basic"},
        {"username": "me", "password": "pä:ss"},
        {"authorization": "Basic " + base64.b64encode("me:pä:ss".encode()).decode()},
        [],
    ),
    (
        {"type": "http_basic"},
        {"username": "key", "password": ""},
        {"authorization": "Basic " + base64.b64encode(b"key:").decode()},
        [],
    ),
    (
        [
            {"type": "api_key", "location": "query", "name": "key"},
            {"type": "api_key", "location": "query", "name": "secret", "secret": "other"},
            {"type": "bearer"},
        ],
        {"api_key": "k", "other": "s", "token": "t"},
        {"authorization": "Bearer t"},
        [("key", "k"), ("secret", "s")],
    ),
    ((), {}, {}, []),
]


@pytest.mark.parametrize(("auth", "secrets", "headers", "query"), SIGNED)
def test_signed(
    auth: Any,
    secrets: dict[str, str],
    headers: dict[str, str],
    query: list[tuple[str, str]],
    api: Loopback,
    connect: Connect,
    waits: list[float],
) -> None:
    """Every auth kind signs each try once, and leaves the returned request and response unsigned."""
    api.replies = [Reply(500), Reply()]
    response = get(connect(auth, secrets), api, params={"page": "1"})
    assert len(api.seen) == 2
    for seen in api.seen:
        assert seen.query == [("page", "1"), *query]
        assert {name: seen.headers[name] for name in headers} == headers
        assert ("authorization" in seen.headers) == ("authorization" in headers)
    assert response.url == response.request.url == f"{api.base_url}/things?page=1"
    assert "Authorization" not in response.request.headers


OAUTH2_SECRETS = {"client_id": "the-client", "client_secret": "the/secret"}


def oauth2(api: Loopback, **more: Any) -> dict[str, Any]:
    """Return an auth kind whose tokens come from the server."""
    url = f"{api.base_url}/token"
    return {"type": "oauth2_client_credentials", "access_token_url": url} | more


def with_tokens(api: Loopback, **answer: Any) -> None:
    """Let the server give out token-1, token-2 and so on."""
    count = 0

    def reply(request: Any) -> Reply:
        nonlocal count
        if request.path != "/token":
            return Reply()
        count += 1
        return json_reply({"access_token": f"token-{count}"} | answer)

    api.answering = reply


def test_one_token_for_all_threads(api: Loopback, connect: Connect) -> None:
    """Workers that start at once obtain one token, as the specification says."""
    with_tokens(api, expires_in=3600)
    session = connect(oauth2(api, access_token_request_data={"scope": "read"}), OAUTH2_SECRETS)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: get(session, api), range(16)))
    asked = [seen for seen in api.seen if seen.path == "/token"]
    assert [(seen.method, seen.body) for seen in asked] == [
        (
            "POST",
            "client_id=the-client&client_secret=the%2Fsecret&grant_type=client_credentials&scope=read",
        )
    ]
    assert "authorization" not in asked[0].headers
    things = [seen.headers["authorization"] for seen in api.seen if seen.path == "/things"]
    assert things == ["Bearer token-1"] * 16


def test_expired_token_is_renewed(api: Loopback, connect: Connect) -> None:
    """A token is used until it expires, and every token is hidden."""
    with_tokens(api, expires_in=0)
    session = connect(oauth2(api), OAUTH2_SECRETS)
    get(session, api)
    get(session, api)
    things = [seen.headers["authorization"] for seen in api.seen if seen.path == "/things"]
    assert things == ["Bearer token-1", "Bearer token-2"]
    assert session.redactor.scrub("token-1 token-2") == "*** ***"


def test_token_request_is_tried_again(api: Loopback, connect: Connect, waits: list[float]) -> None:
    """The address that gives out tokens may be busy for a while, too."""
    api.replies = [Reply(503), json_reply({"access_token": "late", "expires_in": 60}), Reply()]
    get(connect(oauth2(api), OAUTH2_SECRETS), api)
    assert [seen.path for seen in api.seen] == ["/token", "/token", "/things"]
    assert waits == [2]


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (
            json_reply({"error": "invalid_client"}, 400),
            "POST /token: status 400 Bad Request; check the secrets client_id, client_secret, which come",
        ),
        (Reply(401), "POST /token: status 401 Unauthorized; check the secrets client_id, client_secret"),
        (Reply(404), "POST /token: status 404 Not Found; check client.auth.access_token_url"),
        (Reply(body="<html>"), "POST /token: the body is not JSON: unexpected character"),
        (json_reply({}), "{url}: the answer holds no access_token"),
        (json_reply({"access_token": None}), "{url}: the answer holds no access_token"),
        (json_reply({"access_token": ""}), "{url}: the answer holds no access_token"),
        (json_reply(["access_token"]), "{url}: the answer holds no access_token"),
        (
            json_reply({"access_token": "t", "expires_in": "soon"}),
            "{url}: the answer holds no access_token",
        ),
    ],
)
def test_token_request_fails(reply: Reply, line: str, api: Loopback, connect: Connect) -> None:
    """Without a token no request reaches the API, and the next request asks for a token again."""
    api.replies = [reply]
    session = connect(oauth2(api), OAUTH2_SECRETS)
    for tries in (1, 2):
        with pytest.raises(ApiError) as caught:
            get(session, api)
        assert str(caught.value).startswith(line.format(url=f"{api.base_url}/token"))
        assert [seen.path for seen in api.seen] == ["/token"] * tries


def test_token_server_asks_for_a_long_pause(api: Loopback, connect: Connect) -> None:
    """A long pause that the token server asks for raises RetryLater too."""
    api.replies = [Reply(429, headers={"Retry-After": "90"})]
    with pytest.raises(RetryLater) as caught:
        get(connect(oauth2(api), OAUTH2_SECRETS), api)
    assert caught.value.seconds == 90


@pytest.mark.parametrize("auth", [{"type": "bearer"}, {"type": "api_key", "name": "X-Key"}])
def test_a_secret_that_no_header_can_have(api: Loopback, connect: Connect, auth: dict[str, str]) -> None:
    """HTTP headers are latin-1. The message says what to look at, and shows no part of the secret."""
    session = connect(auth, {"token": "ключ-4711", "api_key": "ключ-4711"})
    with pytest.raises(ApiError, match=r"check the secrets, .* for letters outside of latin-1") as caught:
        get(session, api)
    assert "4711" not in str(caught.value)
    assert api.seen == []
