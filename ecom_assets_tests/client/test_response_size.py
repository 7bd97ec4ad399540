"""A response has a size limit, counted unpacked: no API fills the memory of a run."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from itertools import repeat

import pytest

from ecom_assets.declaration.api.policy import Policy
from ecom_assets.foundation.errors import ApiError
from ecom_assets_tests.support.servers.loopback import Connect, Loopback, Reply, session_to, shop_at
from ecom_assets_tests.support.servers.loopback import api as api
from ecom_assets_tests.support.servers.loopback import connect as connect
from ecom_assets_tests.support.servers.loopback import no_waits as no_waits
from ecom_assets_tests.support.servers.raw_answers import Answer, head, raw_server

MIB = 2**20
LIMIT = 4 * MIB
TOO_LARGE = (
    r"the response is larger than 4,194,304 bytes; ask for smaller pages, "
    r"or raise policy\.max_response_bytes$"
)


@cache
def bomb(mebibytes: int, window_bits: int = zlib.MAX_WBITS | 16) -> bytes:
    """Return so many mebibytes of spaces, packed."""
    packer = zlib.compressobj(6, wbits=window_bits)
    return b"".join([*(packer.compress(b" " * MIB) for _ in range(mebibytes)), packer.flush()])


@contextmanager
def little_memory(most: int) -> Iterator[None]:
    """Fail if the block holds more bytes at one moment than `most`."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most, f"{peak / MIB:.0f} MiB"


def chunk(data: bytes) -> bytes:
    """Return a chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (lambda: bomb(64), "gzip"),
        (lambda: bomb(64), "x-gzip"),
        (lambda: bomb(64, zlib.MAX_WBITS), "deflate"),
        (lambda: bomb(64, -zlib.MAX_WBITS), "deflate"),
        (lambda: gzip.compress(bomb(64)), "gzip, gzip"),
        (lambda: zlib.compress(bomb(64)), "gzip, deflate"),
        (lambda: bomb(3) + bomb(3), "gzip"),
    ],
    ids=["gzip", "x-gzip", "deflate", "raw deflate", "gzip twice", "gzip, deflate", "two members"],
)
@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_bomb(
    status: int, packed: Callable[[], bytes], encoding: str, api: Loopback, connect: Connect
) -> None:
    """A packed body ends in one error when it is larger than the limit, whatever its status; no second try."""
    body = packed()
    api.replies = [Reply(status, body, {"Content-Encoding": encoding})]
    session = connect(max_response_bytes=LIMIT)
    with little_memory(4 * LIMIT + len(body)), pytest.raises(ApiError, match=TOO_LARGE) as caught:
        session.get(f"{api.base_url}/things")
    assert str(caught.value).startswith(f"GET /things: {api.host}: status {status} ")
    assert len(api.seen) == 1


def test_a_bomb_of_a_gigabyte(api: Loopback, connect: Connect) -> None:
    """One megabyte that unpacks to one gigabyte is refused at the default limit of 256 MiB."""
    api.replies = [Reply(200, bomb(16) * 64, {"Content-Encoding": "gzip"})]
    session = connect()
    with pytest.raises(ApiError, match="larger than 268,435,456 bytes"):
        session.get(f"{api.base_url}/things")


@pytest.mark.parametrize("headers", [("Transfer-Encoding: chunked",), ()], ids=["chunked", "until it closes"])
@pytest.mark.parametrize("status", ["200 OK", "503 Service Unavailable"])
def test_a_body_without_an_end(status: str, headers: tuple[str, ...]) -> None:
    """An endless body ends at the limit, chunked or not, also behind a status that is retried."""

    def answering(path: str) -> Answer:
        yield head(status, *headers)
        yield from repeat(chunk(b" " * MIB) if headers else b" " * MIB)

    with (
        raw_server(answering) as server,
        closing(session_to(shop_at(f"http://{server.host}", max_response_bytes=LIMIT))) as session,
        little_memory(4 * LIMIT),
        pytest.raises(ApiError, match=TOO_LARGE),
    ):
        session.get(f"http://{server.host}/things")
    assert len(server.seen) == 1


def test_a_negative_chunk_has_no_end_either(no_waits: None) -> None:
    """A chunk size of -1 is an error at once, and not a body without an end."""

    def answering(path: str) -> Answer:
        yield head("200 OK", "Transfer-Encoding: chunked") + b"-1\r\n"
        yield from repeat(b" " * MIB, 64)

    with (
        raw_server(answering) as server,
        closing(session_to(shop_at(f"http://{server.host}", max_retries=0))) as session,
        little_memory(4 * LIMIT),
        pytest.raises(ApiError, match="the body was cut off"),
    ):
        session.get(f"http://{server.host}/things")


def test_a_declared_length_is_enough(api: Loopback) -> None:
    """A body that says that it is too large is not read at all."""

    def answering(path: str) -> Answer:
        return [head("200 OK", f"Content-Length: {LIMIT + 1}"), 30.0]

    with (
        raw_server(answering) as server,
        closing(session_to(shop_at(f"http://{server.host}", max_response_bytes=LIMIT))) as session,
        pytest.raises(ApiError, match=TOO_LARGE),
    ):
        session.get(f"http://{server.host}/things")


def test_a_token_without_an_end(api: Loopback, connect: Connect) -> None:
    """The limit holds for the address that gives out tokens, too."""
    api.replies = [Reply(200, bomb(64), {"Content-Encoding": "gzip"})]
    auth = {"type": "oauth2_client_credentials", "access_token_url": f"{api.base_url}/token"}
    session = connect(
        auth, {"client_id": "the-client", "client_secret": "the-secret"}, max_response_bytes=LIMIT
    )
    with pytest.raises(ApiError, match=rf"^POST /token: .*{TOO_LARGE}"):
        session.get(f"{api.base_url}/things")


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "gzip, gzip"])
def test_a_body_of_the_limit(encoding: str, api: Loopback, connect: Connect) -> None:
    """A body of exactly the limit passes whole, and one of a byte more does not."""
    body = json.dumps({"data": ["x" * 100] * 9_000}).encode()
    packed = body
    for name in encoding.split(", "):
        packed = zlib.compress(packed) if name == "deflate" else gzip.compress(packed) if name else packed
    api.replies = [Reply(200, packed, {"Content-Encoding": encoding} if encoding else {})]
    assert connect(max_response_bytes=len(body)).get(f"{api.base_url}/things").content == body
    with pytest.raises(ApiError, match="larger than"):
        connect(max_response_bytes=len(body) - 1).get(f"{api.base_url}/things")


def test_the_default() -> None:
    """The limit is generous: a page of 256 MiB is no page any more."""
    assert Policy().max_response_bytes == 256 * MIB
