"""One request gets its own final answer: interim answers are skipped, and a connection in doubt is not used again."""

from __future__ import annotations

import ssl
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.client.session import ShopSession
from ecom_assets.declaration.api.endpoint import Endpoint
from ecom_assets.foundation.errors import ApiError
from ecom_assets.load.run import run_load
from ecom_assets_tests.support.servers.loopback import no_waits as no_waits
from ecom_assets_tests.support.servers.loopback import session_to, shop_at
from ecom_assets_tests.support.servers.raw_answers import Answer, HangUp, head, ok, raw_server
from ecom_assets_tests.support.servers.self_signed import certificate
from ecom_assets_tests.support.warehouses.engines import Place

THINGS, OTHERS = '{"data": [{"id": 1}]}', '{"data": [{"id": 2}], "total": 1}'


def ask(session: ShopSession, base_url: str, *paths: str) -> list[Any]:
    """Return what the server answers for each path."""
    return [session.get(f"{base_url}{path}").json() for path in paths]


def session_at(host: str, **policy: Any) -> closing[ShopSession]:
    """Return a session to a raw server, which the caller closes."""
    return closing(session_to(shop_at(f"http://{host}", **policy)))


@pytest.mark.parametrize(
    "interim",
    [
        [head("103 Early Hints", "Link: </style.css>; rel=preload"), 0.3],
        [head("102 Processing"), 0.1, head("102 Processing"), 0.1, head("102 Processing"), 0.1],
        [
            head("100 Continue"),
            head("103 Early Hints", "X-A: b"),
            head("100 Continue"),
            0.2,
            head("102 Wait"),
        ],
        [head("199 Something", "X-A: b", "Content-Length: 5"), 0.2],
        [b"HTTP/1.1 103\r\nLink: </a>\r\n\r\n" * 40],
    ],
    ids=["103 early", "102 several times", "mixed", "199", "many at once"],
)
def test_interim_answers_are_skipped(interim: list[Any]) -> None:
    """The answer to a request is its final one, so the next request on the connection gets its own."""

    def answering(path: str) -> Answer:
        return [*interim, ok(THINGS)] if path == "/things" else [ok(OTHERS)]

    with raw_server(answering) as server, session_at(server.host) as session:
        answers = ask(session, f"http://{server.host}", "/things", "/others", "/things")
    assert answers == [{"data": [{"id": 1}]}, {"data": [{"id": 2}], "total": 1}, {"data": [{"id": 1}]}]
    assert server.seen == [(0, "/things"), (0, "/others"), (0, "/things")]


def test_no_table_gets_the_rows_of_another(tmp_path: Path) -> None:
    """With a late answer behind an interim one, each endpoint's table holds its own rows."""
    rows = {"/things": '{"data": [{"id": 1}, {"id": 2}]}', "/others": '{"data": [{"id": 3}]}'}

    def answering(path: str) -> Answer:
        return [head("103 Early Hints"), 0.3, ok(rows[path])]

    with raw_server(answering) as server:
        shop = shop_at(f"http://{server.host}", concurrency=1, max_retries=0)
        (things,) = shop.resources
        endpoint = Endpoint.model_validate({"path": "others", "data_selector": "data"})
        others = things.model_copy(update={"name": "others", "endpoint": endpoint})
        shop = shop.model_copy(update={"resources": (things, others)})
        place = Place("duckdb", str(tmp_path / "w.duckdb"), "testshop")
        run_load(shop, ["things", "others"], warehouse=place.warehouse())
    loaded = {name: place.rows(f"select id from {name} order by id") for name in ("things", "others")}
    assert loaded == {"things": [(1,), (2,)], "others": [(3,)]}


def test_only_an_interim_answer(no_waits: None) -> None:
    """An interim answer before the connection closes is no answer: the request is sent again, then it fails."""

    def answering(path: str) -> Answer:
        yield head("103 Early Hints")
        raise HangUp

    with raw_server(answering) as server, session_at(server.host, max_retries=1) as session:
        with pytest.raises(ApiError, match=r"^GET /things: 127\S+ the connection was dropped after 2 tries$"):
            session.get(f"http://{server.host}/things")
        assert server.connections == [0, 1]


BOTH_LENGTHS = head("200 OK", "Content-Length: 5", "Transfer-Encoding: chunked")
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(THINGS), THINGS.encode())


@pytest.mark.parametrize(
    "answer",
    [
        [BOTH_LENGTHS + CHUNKED],
        [head("200 OK", "Transfer-Encoding: chunked", "Content-Length: 0") + CHUNKED],
        [ok(THINGS) + b"x"],
        [ok(THINGS) + ok(OTHERS)],
        [ok(THINGS), 0.05, ok(OTHERS)],
        [head("200 OK", "Transfer-Encoding: chunked") + CHUNKED + ok(OTHERS)],
        [head("200 OK", "Transfer-Encoding: chunked"), CHUNKED, b"\r\n", 0.05],
        [ok(THINGS + " " * 200_000) + ok(OTHERS)],
    ],
    ids=[
        "both lengths",
        "both lengths, other order",
        "longer body",
        "two answers at once",
        "second answer late",
        "second answer after chunks",
        "bytes after chunks",
        "second answer after a long body",
    ],
)
def test_a_connection_in_doubt_is_not_used_again(answer: list[Any]) -> None:
    """What is left on a connection is never taken for the answer to another request."""

    def answering(path: str) -> Answer:
        return answer if path == "/things" else [ok(OTHERS)]

    with raw_server(answering) as server, session_at(server.host) as session:
        first = ask(session, f"http://{server.host}", "/things")
        time.sleep(0.1)
        second = ask(session, f"http://{server.host}", "/others")
    assert first == [{"data": [{"id": 1}]}]
    assert second == [{"data": [{"id": 2}], "total": 1}]
    assert server.seen == [(0, "/things"), (1, "/others")]


@pytest.mark.parametrize("padding", [0, 200_000])
def test_a_tls_connection_in_doubt(padding: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that TLS has decrypted are found too: no look at the socket shows them."""
    trusted = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted)

    def answering(path: str) -> Answer:
        return [ok(THINGS + " " * padding) + ok(OTHERS) if path == "/things" else ok(OTHERS)]

    with (
        raw_server(answering, context) as server,
        closing(session_to(shop_at(f"https://{server.host}"))) as session,
    ):
        ask(session, f"https://{server.host}", "/things", "/others")
    assert server.connections == [0, 1]


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("split", [False, True], ids=["at once", "split"])
def test_a_body_where_none_may_be(status: str, split: bool) -> None:
    """A body behind a status without one closes the connection, whether it comes at once or in part."""
    body = b"".join([b'{"data": [{"id": 9}]}', ok(THINGS)])
    first = head(status, f"Content-Length: {len(body)}")

    def answering(path: str) -> Answer:
        if path != "/things":
            return [ok(OTHERS)]
        return [first, body[:5], 0.05, body[5:]] if split else [first + body]

    with raw_server(answering) as server, session_at(server.host) as session:
        assert session.get(f"http://{server.host}/things").content == b""
        time.sleep(0.1)
        assert ask(session, f"http://{server.host}", "/others") == [{"data": [{"id": 2}], "total": 1}]
    assert server.connections == [0, 1]


@pytest.mark.parametrize(
    "first",
    [
        head("204 No Content", f"Content-Length: {len(ok(THINGS))}"),
        head("304 Not Modified", "Content-Length: 5"),
    ],
    ids=["204", "304"],
)
def test_a_late_body_where_none_may_be(first: bytes) -> None:
    """A body that is announced but may not be, and comes late, is never taken for the next answer."""

    def answering(path: str) -> Answer:
        return [first, 0.1, ok(THINGS)] if path == "/things" else [ok(OTHERS)]

    with raw_server(answering) as server, session_at(server.host) as session:
        assert session.get(f"http://{server.host}/things").content == b""
        assert ask(session, f"http://{server.host}", "/others") == [{"data": [{"id": 2}], "total": 1}]
    assert server.connections == [0, 1]


@pytest.mark.parametrize("length", [(), ("Content-Length: 0",)], ids=["no length", "length 0"])
def test_a_connection_is_kept_after_204(length: tuple[str, ...]) -> None:
    """A status without a body, as it should be, leaves the connection for the next request."""

    def answering(path: str) -> Answer:
        return [head("204 No Content", *length)] if path == "/things" else [ok(OTHERS)]

    with raw_server(answering) as server, session_at(server.host) as session:
        session.get(f"http://{server.host}/things")
        ask(session, f"http://{server.host}", "/others")
    assert server.connections == [0, 0]


@pytest.mark.parametrize(
    "answer",
    [
        [head("200 OK", "Content-Length: 50") + THINGS.encode()],
        [head("200 OK", "Transfer-Encoding: chunked") + b"50\r\n" + THINGS.encode()],
        [head("200 OK", "Transfer-Encoding: chunked") + b"-1\r\n" + THINGS.encode()],
        [head("200 OK", "Transfer-Encoding: chunked") + b"5\r\n" + THINGS.encode() + b"\r\n0\r\n\r\n"],
    ],
    ids=["length", "chunk", "negative chunk", "chunk longer than it says"],
)
def test_a_shorter_body_is_tried_again(answer: list[Any], no_waits: None) -> None:
    """A body that ends early is cut off; the next try has a connection of its own."""

    def answering(path: str) -> Answer:
        if len(server.seen) > 1:
            yield ok(THINGS)
            return
        yield from answer
        raise HangUp

    with raw_server(answering) as server, session_at(server.host) as session:
        assert ask(session, f"http://{server.host}", "/things") == [{"data": [{"id": 1}]}]
    assert server.connections == [0, 1]


@pytest.mark.parametrize(
    "lengths",
    [("Content-Length: 21", "Content-Length: 3"), ("Content-Length: 21, 3",), ("Content-Length: -1",)],
    ids=["two headers", "two values", "negative"],
)
def test_contradictory_lengths(lengths: tuple[str, ...], no_waits: None) -> None:
    """Nobody knows where such a body ends, so the answer is refused, and the connection is closed."""

    def answering(path: str) -> Answer:
        return [head("200 OK", *lengths) + THINGS.encode()] if path == "/things" else [ok(OTHERS)]

    with raw_server(answering) as server, session_at(server.host) as session:
        with pytest.raises(ApiError, match="contradictory or broken Content-Length"):
            session.get(f"http://{server.host}/things")
        assert ask(session, f"http://{server.host}", "/others") == [{"data": [{"id": 2}], "total": 1}]
    assert server.connections == [0, 1]


def test_one_length_twice() -> None:
    """The same length twice is no contradiction, and the connection serves the next request."""
    length = f"Content-Length: {len(THINGS)}"
    answers = {
        "/things": [head("200 OK", length, length) + THINGS.encode()],
        "/others": [ok(OTHERS)],
    }
    with raw_server(answers.__getitem__) as server, session_at(server.host) as session:
        ask(session, f"http://{server.host}", "/things", "/others")
    assert server.connections == [0, 0]
