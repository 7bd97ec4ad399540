"""A real HTTP server on the loopback interface, and a declared shop that points to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from ecom_assets.client import adapter
from ecom_assets.client.auth import build_auth
from ecom_assets.client.read_statistics import ReadStatistics
from ecom_assets.client.session import ShopSession, create_session
from ecom_assets.declaration.reading import Shop

Connect = Callable[..., ShopSession]


@dataclass(frozen=True)
class Seen:
    """A request as it came over the wire."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Reply:
    """What the server does: answer, late by `delay` seconds, cut off the body, or close the connection."""

    status: int = 200
    body: bytes | str = b'{"data": []}'
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False
    drop: bool = False


def json_reply(value: Any, status: int = 200, link: str = "") -> Reply:
    """Return an answer with a JSON body, and with a Link header if one is given."""
    headers = {"Content-Type": "application/json"} | ({"Link": link} if link else {})
    return Reply(status, json.dumps(value), headers)


class Loopback:
    """Answers each request with the next of `replies`, the last one again and again, or by calling it."""

    def __init__(self, port: int) -> None:
        """Take the port that the server listens on."""
        self.host = f"127.0.0.1:{port}"
        self.base_url = f"http://{self.host}"
        self.seen: list[Seen] = []
        self.replies: list[Reply] = [Reply()]
        self.answering: Callable[[Seen], Reply] | None = None
        self.stopped = threading.Event()
        self._lock = threading.Lock()

    def reply_to(self, request: Seen) -> Reply:
        """Keep a request and return the reply to it."""
        with self._lock:
            self.seen.append(request)
            if self.answering is not None:
                return self.answering(request)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextmanager
def serving() -> Iterator[Loopback]:
    """Serve from a free port until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", 0))
            seen = Seen(
                self.command,
                parts.path,
                parse_qsl(parts.query, keep_blank_values=True),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length).decode(),
            )
            reply = loopback.reply_to(seen)
            loopback.stopped.wait(reply.delay)
            if reply.drop or loopback.stopped.is_set():
                self.close_connection = True
                return
            body = reply.body.encode() if isinstance(reply.body, str) else reply.body
            has_body = reply.status not in (204, 304)
            self.send_response_only(reply.status)
            for name, value in {"Date": self.date_time_string(), **reply.headers}.items():
                self.send_header(name, value)
            if has_body:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if has_body:
                self.wfile.write(body[: len(body) // 2] if reply.cut else body)
            self.close_connection = self.close_connection or reply.cut

        do_GET = do_POST = answer  # noqa: N815  the names that the base class looks for

        def log_message(self, format: str, *args: Any) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    loopback = Loopback(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield loopback
    finally:
        loopback.stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def api() -> Iterator[Loopback]:
    """Serve on loopback."""
    with serving() as loopback:
        yield loopback


@pytest.fixture
def other() -> Iterator[Loopback]:
    """Serve from another origin."""
    with serving() as loopback:
        yield loopback


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the waits between tries, in each test file that imports this."""
    monkeypatch.setattr(adapter, "sleep", lambda seconds: None)


@pytest.fixture
def connect(api: Loopback) -> Iterator[Connect]:
    """Return a function that makes a session to the server."""
    with ExitStack() as stack:

        def make(
            auth: Any = (),
            secrets: dict[str, str] | None = None,
            statistics: ReadStatistics | None = None,
            **policy: Any,
        ) -> ShopSession:
            return stack.enter_context(
                closing(session_to(shop_at(api.base_url, auth, **policy), secrets, statistics))
            )

        yield make


def shop_at(base_url: str, auth: Any = (), **policy: Any) -> Shop:
    """Return a shop with one snapshot resource, `things`, at an address."""
    return Shop.model_validate(
        {
            "name": "testshop",
            "client": {"base_url": base_url, "auth": auth},
            "policy": policy,
            "resources": [
                {
                    "name": "things",
                    "primary_key": "id",
                    "endpoint": {"path": "things", "data_selector": "data"},
                    "columns": {"id": {"data_type": "bigint", "nullable": False}},
                }
            ],
        }
    )


def session_to(
    shop: Shop, secrets: Mapping[str, str] | None = None, statistics: ReadStatistics | None = None
) -> ShopSession:
    """Return a session that signs with these secrets; the caller closes it."""
    values = secrets or {}
    return create_session(shop, build_auth(shop, values), values.values(), statistics)
