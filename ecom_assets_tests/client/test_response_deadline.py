"""A response has a deadline, however it is spread over the time: no API hangs a run."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import cycle, repeat
from pathlib import Path
from socket import create_server
from typing import Any

import pytest

from ecom_assets.declaration.api.policy import Policy
from ecom_assets.foundation.errors import ApiError
from ecom_assets_tests.support.servers.loopback import no_waits as no_waits
from ecom_assets_tests.support.servers.loopback import session_to, shop_at
from ecom_assets_tests.support.servers.raw_answers import Answer, head, ok, raw_server
from ecom_assets_tests.support.servers.self_signed import certificate

LATE = (
    r"the response was not complete within 0\.5 s; ask for smaller pages, or raise policy\.response_timeout$"
)


def dribbled(data: bytes, pause: float = 0.05) -> Iterator[bytes | float]:
    """Yield the bytes one by one, with pauses."""
    for byte in data:
        yield bytes([byte])
        yield pause


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if the block takes longer."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds


def body_by_bytes() -> Answer:
    yield head("200 OK", "Content-Length: 1000")
    yield from dribbled(b"x" * 1000)


def chunks_by_bytes() -> Answer:
    yield head("200 OK", "Transfer-Encoding: chunked")
    for _ in range(1000):
        yield from dribbled(b"1\r\nx\r\n")


def trailer_without_end() -> Answer:
    yield head("200 OK", "Transfer-Encoding: chunked") + b"1\r\nx\r\n0\r\n"
    yield from cycle([b"X-A: b\r\n", 0.01])


def headers_by_bytes() -> Answer:
    yield b"HTTP/1.1 200 OK\r\n"
    yield from dribbled(b"X-Filler: " + b"x" * 1000)


def status_by_bytes() -> Answer:
    yield from dribbled(b"HTTP/1.1 200 " + b"O" * 1000)


def interim_without_end(status: str, pause: float) -> Answer:
    while True:
        yield head(status)
        yield pause


def interim_flood() -> Answer:
    yield from repeat(head("100 Continue") * 100)


ANSWERS: dict[str, Callable[[], Answer]] = {
    "body": body_by_bytes,
    "chunks": chunks_by_bytes,
    "trailer": trailer_without_end,
    "headers": headers_by_bytes,
    "status line": status_by_bytes,
    "endless 100": lambda: interim_without_end("100 Continue", 0.05),
    "endless 103": lambda: interim_without_end("103 Early Hints", 0.01),
    "flood of 100": interim_flood,
    "nothing at all": lambda: [30.0],
}


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return the context of a server whose certificate the client trusts."""
    trusted = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted)
    return context


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_slow_response(answer: str, tls: bool, context: ssl.SSLContext) -> None:
    """A response that comes byte by byte ends at the deadline, in whatever part of it the bytes are."""
    with raw_server(lambda path: ANSWERS[answer](), context if tls else None) as server:
        base_url = f"http{'s' if tls else ''}://{server.host}"
        shop = shop_at(base_url, response_timeout=0.5, timeout=20, max_retries=0)
        with (
            closing(session_to(shop)) as session,
            within(5),
            pytest.raises(ApiError, match=rf"^GET /things: {server.host}: {LATE}"),
        ):
            session.get(f"{base_url}/things")


def test_a_slow_response_is_tried_again(no_waits: None) -> None:
    """The deadline is one of each try; a response in time follows, on another connection."""

    def answering(path: str) -> Answer:
        return body_by_bytes() if len(server.seen) == 1 else [ok('{"data": []}')]

    with raw_server(answering) as server:
        shop = shop_at(f"http://{server.host}", response_timeout=0.3, timeout=20)
        with closing(session_to(shop)) as session, within(5):
            assert session.get(f"http://{server.host}/things").json() == {"data": []}
            assert session.get(f"http://{server.host}/things").json() == {"data": []}
    assert server.connections == [0, 1, 1]


def test_the_deadline_is_of_one_response() -> None:
    """Responses one after the other may take longer together; a connection that waits costs nothing."""

    def answering(path: str) -> Answer:
        return [0.3, ok('{"data": []}')]

    with raw_server(answering) as server:
        shop = shop_at(f"http://{server.host}", response_timeout=0.6, max_retries=0)
        with closing(session_to(shop)) as session:
            for _ in range(4):
                session.get(f"http://{server.host}/things")
    assert server.connections == [0] * 4


def test_silence_is_a_timeout() -> None:
    """A server that says nothing for `timeout` seconds is given up before the deadline, as ever."""
    with raw_server(lambda path: [30.0]) as server:
        shop = shop_at(f"http://{server.host}", response_timeout=20, timeout=0.2, max_retries=0)
        with (
            closing(session_to(shop)) as session,
            within(5),
            pytest.raises(ApiError, match=r"no answer within 0\.2 s$"),
        ):
            session.get(f"http://{server.host}/things")


def test_tls_that_does_not_begin() -> None:
    """The handshake is a part of the response."""
    with create_server(("127.0.0.1", 0)) as listening:  # it takes the connection, and nobody reads from it
        base_url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        shop = shop_at(base_url, response_timeout=0.5, timeout=20, max_retries=0)
        with closing(session_to(shop)) as session, within(5), pytest.raises(ApiError, match=LATE):
            session.get(f"{base_url}/things")


def test_a_slow_token() -> None:
    """The deadline holds for the address that gives out tokens, too."""
    with raw_server(lambda path: body_by_bytes()) as server:
        auth: Any = {"type": "oauth2_client_credentials", "access_token_url": f"http://{server.host}/token"}
        shop = shop_at(f"http://{server.host}", auth, response_timeout=0.5, timeout=20, max_retries=0)
        secrets = {"client_id": "the-client", "client_secret": "the-secret"}
        with (
            closing(session_to(shop, secrets)) as session,
            within(5),
            pytest.raises(ApiError, match=rf"^POST /token: .*{LATE}"),
        ):
            session.get(f"http://{server.host}/things")


def test_the_default() -> None:
    """A response may take five minutes."""
    assert Policy().response_timeout == 300
