"""The session as dlt's REST API source uses it: response actions, and its own errors."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from requests import Response

from ecom_assets.foundation.errors import ApiError
from ecom_assets_tests.support.loads.things_source import IN_HEADER, IN_QUERY, SECRETS, read
from ecom_assets_tests.support.servers.loopback import Connect, Loopback, Reply, json_reply
from ecom_assets_tests.support.servers.loopback import api as api
from ecom_assets_tests.support.servers.loopback import connect as connect
from ecom_assets_tests.support.servers.loopback import no_waits as no_waits


def test_dlt_reads_with_the_session(api: Loopback, connect: Connect) -> None:
    """The source takes the session as it is, without a copy, and all pages are signed."""
    session = connect([IN_QUERY, IN_HEADER], SECRETS)
    api.replies = [
        json_reply({"data": [{"id": 1}], "next": f"{api.base_url}/things?page=2"}),
        json_reply({"data": [{"id": 2}]}),
    ]
    rows = read(session, api.base_url, {"type": "json_link", "next_url_path": "next"}, params={"q": "a b"})
    assert rows == [{"id": 1}, {"id": 2}]
    assert [seen.path for seen in api.seen] == ["/things", "/things"]
    assert [dict(seen.query)["key"] for seen in api.seen] == ["the-key"] * 2
    assert [seen.headers["authorization"] for seen in api.seen] == ["Bearer the-token"] * 2
    assert api.seen[0].query[0] == ("q", "a b")


def test_copies_are_the_same(connect: Connect) -> None:
    """A copy of a configuration keeps the session, its adapter and its redactor."""
    session = connect()
    adapter = session.get_adapter("https://example.com")
    copied = copy.deepcopy({"session": session, "adapter": adapter, "redactor": session.redactor})
    assert copied["session"] is session
    assert copied["adapter"] is adapter
    assert copied["redactor"] is session.redactor


@pytest.mark.parametrize("actions", [None, [{"status_code": 404, "action": "ignore"}]])
def test_dlt_raises_our_error(
    actions: Any, api: Loopback, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """dlt's error for a status becomes our own; none of dlt's is left in the chain of exceptions."""
    api.replies = [Reply(403, "forbidden")]
    with pytest.raises(Exception, match="GET /things: status 403 Forbidden; check the secrets") as caught:
        read(connect([IN_HEADER], SECRETS), api.base_url, response_actions=actions)
    chain: list[BaseException] = [caught.value]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    assert isinstance(chain[-1], ApiError)
    assert not any("HTTPError" in type(link).__name__ for link in chain)
    assert len(api.seen) == 1


def test_response_action_ignore(api: Loopback, connect: Connect) -> None:
    """A status or a text that a response action ignores is not an error."""
    api.replies = [Reply(404, "gone"), Reply(400, "no such page")]
    session = connect()
    actions = [{"status_code": 404, "action": "ignore"}, {"content": "no such page", "action": "ignore"}]
    assert read(session, api.base_url, response_actions=actions) == []
    assert read(session, api.base_url, response_actions=actions) == []


def test_response_action_hook(api: Loopback, connect: Connect) -> None:
    """A hook may replace the body, also after it was parsed, and settle a status."""

    def rename(response: Response, *args: Any, **kwargs: Any) -> Response:
        assert response.json() == {"items": [1]}
        response._content = b'{"data": [{"id": 1}]}'
        return response

    def settle(response: Response, *args: Any, **kwargs: Any) -> Response:
        response.status_code = 200
        response._content = b'{"data": []}'
        return response

    session = connect()
    api.replies = [json_reply({"items": [1]}), Reply(404, "none today")]
    actions = [{"status_code": 200, "action": rename}, {"status_code": 404, "action": settle}]
    assert read(session, api.base_url, response_actions=actions) == [{"id": 1}]
    assert read(session, api.base_url, response_actions=actions) == []


def test_timeout_for_dlt(api: Loopback, connect: Connect) -> None:
    """The policy's timeout holds for dlt's requests, which state none."""
    api.replies = [Reply(delay=30)]
    with pytest.raises(Exception, match=r"GET /things: 127.0.0.1:[0-9]+: no answer within 0.1 s$"):
        read(connect(max_retries=0, timeout=0.1), api.base_url)


def test_hook_of_a_passing_status(api: Loopback, connect: Connect) -> None:
    """A status is tried again before a response action sees it."""
    api.replies = [Reply(503), json_reply({"data": [{"id": 1}]})]
    actions = [{"status_code": 503, "action": "ignore"}]
    assert read(connect(), api.base_url, response_actions=actions) == [{"id": 1}]


@pytest.mark.parametrize(
    ("status", "auth", "hint"),
    [
        (400, (), "check the endpoint's params, its paginator and incremental"),
        (401, (), "the API wants a secret, and client.auth declares none"),
        (403, (IN_HEADER,), r"check the secrets token, .* \(SOURCES__TESTSHOP__TOKEN\) .* sources.testshop"),
        (404, (), "check client.base_url and the endpoint's path"),
        (405, (), "check the endpoint's method"),
        (429, (), "set policy.requests_per_second, or less policy.concurrency"),
        (500, (), "the fault is at the API; run again later"),
        (599, (), "status 599; the fault is at the API; run again later"),
    ],
)
def test_hints(status: int, auth: Any, hint: str, api: Loopback, connect: Connect) -> None:
    """Each status comes with advice."""
    api.replies = [Reply(status, "")]
    with pytest.raises(ApiError, match=hint + ".*; body: empty$"):
        connect(auth, SECRETS, max_retries=0).get(f"{api.base_url}/things")


def test_long_body_is_cut(api: Loopback, connect: Connect) -> None:
    """Of a page of HTML only the beginning is shown, in one line."""
    api.replies = [Reply(400, "<p>\n" + "x" * 5000)]
    with pytest.raises(ApiError) as caught:
        connect().get(f"{api.base_url}/things")
    assert str(caught.value).endswith("; body: <p> " + "x" * 196)


def test_connections_are_made_silent_once(api: Loopback, connect: Connect) -> None:
    """One silent class of connections serves all requests: wrapping it anew for each made them ever slower."""
    session = connect([IN_HEADER], SECRETS)
    api.replies = [json_reply({"data": [{"id": 1}]})]
    for _ in range(4):
        read(session, api.base_url)
    adapter: Any = session.get_adapter(api.base_url)
    pools = adapter.poolmanager.pools
    (kind,) = [pools[key].ConnectionCls for key in pools.keys()]  # noqa: SIM118  it cannot be iterated
    assert [entry.__dict__["debuglevel"] for entry in kind.__mro__ if "ecom_silent" in entry.__dict__] == [0]
