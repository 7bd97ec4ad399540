"""Where a session goes: redirects and next links, within the shop's host and out of it."""

from __future__ import annotations

from typing import Any

import pytest

from ecom_assets.foundation.errors import ApiError
from ecom_assets_tests.support.loads.things_source import IN_HEADER, IN_QUERY, SECRETS, read
from ecom_assets_tests.support.servers.loopback import Connect, Loopback, Reply, json_reply
from ecom_assets_tests.support.servers.loopback import api as api
from ecom_assets_tests.support.servers.loopback import connect as connect
from ecom_assets_tests.support.servers.loopback import no_waits as no_waits
from ecom_assets_tests.support.servers.loopback import other as other


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_within_the_host(status: int, api: Loopback, connect: Connect) -> None:
    """A redirect is followed and signed once, also when its address repeats the secret."""
    api.replies = [
        Reply(status, "", {"Location": "/elsewhere?page=1&key=the-key"}),
        json_reply({"data": [{"id": 1}]}),
    ]
    assert read(connect([IN_QUERY, IN_HEADER], SECRETS), api.base_url) == [{"id": 1}]
    assert [seen.path for seen in api.seen] == ["/things", "/elsewhere"]
    assert api.seen[1].query == [("page", "1"), ("key", "the-key")]
    assert api.seen[1].headers["authorization"] == "Bearer the-token"


@pytest.mark.parametrize("location", ["{other}/things", "//{other_host}/things", "https://{host}/things"])
def test_redirect_to_another_host(location: str, api: Loopback, other: Loopback, connect: Connect) -> None:
    """A redirect to another host, port or scheme is refused by a line that names both."""
    to = location.format(other=other.base_url, other_host=other.host, host=api.host)
    api.replies = [Reply(302, "", {"Location": to})]
    with pytest.raises(ApiError) as caught:
        connect([IN_QUERY, IN_HEADER], SECRETS).get(f"{api.base_url}/things")
    refused = to if to.startswith("http") else f"http:{to}"
    assert str(caught.value) == (
        f"GET /things: refused to send this to {refused.removesuffix('/things')}: "
        f"this shop's requests go to {api.base_url} only"
    )
    assert other.seen == []


def test_next_link_to_another_host(api: Loopback, other: Loopback, connect: Connect) -> None:
    """A next link to another host is refused, and nothing is sent there."""
    api.replies = [json_reply({"data": [{"id": 1}], "next": f"{other.base_url}/things?page=2"})]
    with pytest.raises(Exception, match="refused to send this to") as caught:
        read(connect([IN_QUERY], SECRETS), api.base_url, {"type": "json_link", "next_url_path": "next"})
    assert api.base_url in str(caught.value)
    assert other.base_url in str(caught.value)
    assert other.seen == []


@pytest.mark.parametrize("paginator", ["json_link", "header_link"])
def test_next_link_repeats_the_secret(paginator: str, api: Loopback, connect: Connect) -> None:
    """A next link that repeats the secret is followed with the secret once, at its end."""
    link = f"{api.base_url}/things?key=the-key&page=2&k%65y=old"
    config = {"type": paginator} | ({"next_url_path": "next"} if paginator == "json_link" else {})
    first = {"data": [{"id": 1}]} | ({"next": link} if paginator == "json_link" else {})
    header = f'<{link}>; rel="next"' if paginator == "header_link" else ""
    api.replies = [json_reply(first, link=header), json_reply({"data": [{"id": 2}]})]
    assert read(connect([IN_QUERY], SECRETS), api.base_url, config) == [{"id": 1}, {"id": 2}]
    assert api.seen[1].query == [("page", "2"), ("key", "the-key")]


def test_parameters_stay_without_a_secret_in_the_query(api: Loopback, connect: Connect) -> None:
    """A parameter is removed only if the shop sends its secret under that name."""
    connect([IN_HEADER], SECRETS).get(f"{api.base_url}/things?key=a&token=b")
    connect([IN_QUERY], SECRETS).get(f"{api.base_url}/things?monkey=a&q=key%3D1&empty=&x?key=2&")
    assert api.seen[0].query == [("key", "a"), ("token", "b")]
    assert api.seen[1].query == [
        ("monkey", "a"),
        ("q", "key=1"),
        ("empty", ""),
        ("x?key", "2"),
        ("key", "the-key"),
    ]


@pytest.mark.parametrize("location", ["http://[", "http://127.0.0.1:99999/", "http://127.0.0.1:x/"])
def test_redirect_to_no_address(location: str, api: Loopback, connect: Connect) -> None:
    """A redirect to a broken address is a clear error."""
    api.replies = [Reply(302, "", {"Location": location})]
    with pytest.raises(ApiError, match=r"^GET /things: the API redirects to a broken address$"):
        connect().get(f"{api.base_url}/things")


@pytest.mark.parametrize("link", ["http://[", "http://127.0.0.1:99999/", "http://", "http://.\udcff/"])
def test_next_link_is_no_address(link: str, api: Loopback, connect: Connect) -> None:
    """A broken next link is a clear error that does not quote it."""
    with pytest.raises(ApiError) as caught:
        connect().get(link)
    assert str(caught.value).startswith("GET: the request cannot be made (")
    assert link not in str(caught.value)
    assert caught.value.__context__ is None


def test_other_scheme(connect: Connect) -> None:
    """An address of another scheme than HTTP is a clear error."""
    with pytest.raises(ApiError, match=r"the request cannot be sent \(InvalidSchema\)$"):
        connect().get("ftp://127.0.0.1/things")


def test_endless_redirects(api: Loopback, connect: Connect) -> None:
    """A circle of redirects ends."""
    api.replies = [Reply(302, "", {"Location": "/things"})]
    with pytest.raises(ApiError, match=r"too many redirects$"):
        connect().get(f"{api.base_url}/things")


def test_no_cookies_and_no_netrc(
    api: Loopback, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Nothing but the declared secrets identifies the caller."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    api.replies = [
        Reply(headers={"Set-Cookie": "a=b"}),
        Reply(302, "", {"Location": "/b", "Set-Cookie": "c=d"}),
        Reply(),
    ]
    session = connect()
    session.get(f"{api.base_url}/things")
    session.get(f"{api.base_url}/things")
    assert len(api.seen) == 3
    assert not any({"cookie", "authorization"} & set(seen.headers) for seen in api.seen)
