"""The API that all contestants read: `python -m benchmarks.server --data FOLDER`, on a free loopback port.

It answers with slices of files over connections that stay open, so that it is never the bottleneck. It prints its port,
and ends when its standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl

import uvloop

from benchmarks.data import RESOURCES, Rows

API_KEY = "bench-key"
LARGEST_PAGE = 250

_REASONS = {200: b"OK", 400: b"Bad Request", 401: b"Unauthorized", 404: b"Not Found"}


class Api:
    """Answers `/v1/<resource>` with a page, and `/requests` with the number of pages so far."""

    def __init__(self, folder: Path) -> None:
        """Open the records in a folder."""
        self._rows = {f"/v1/{name}": Rows(folder, name) for name in RESOURCES}
        self._requests = 0

    def answer(self, target: str) -> bytes:
        """Return the whole HTTP response to a GET of a path and query."""
        path, _, query = target.partition("?")
        if path == "/requests":
            return _response(200, b"%d" % self._requests)
        self._requests += 1
        rows = self._rows.get(path)
        if rows is None:
            return _response(404, b'{"error":"no such collection"}')
        given = dict(parse_qsl(query))
        if given.get("api_key") != API_KEY:
            return _response(401, b'{"error":"api_key"}')
        try:
            limit, offset = int(given.get("limit", 50)), int(given.get("offset", 0))
            low, high = rows.between(
                _seconds(given.get("updated_at_min", "")), _seconds(given.get("updated_at_max", ""))
            )
        except ValueError:
            return _response(400, b'{"error":"a parameter cannot be read"}')
        if not 1 <= limit <= LARGEST_PAGE or offset < 0:
            return _response(400, b'{"error":"limit or offset"}')
        first = min(low + offset, high)
        page = rows.text(first, min(first + limit, high))
        return _response(200, b'{"data": [%b], "total": %d}' % (page, high - low))


@lru_cache(4096)
def _seconds(instant: str) -> int | None:
    """Return an ISO 8601 instant in seconds since 1970 UTC, rounded up; None for an empty one."""
    if not instant:
        return None
    moment = datetime.fromisoformat(instant.replace("Z", "+00:00"))
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return -int(-aware.timestamp() // 1)


def _response(status: int, body: bytes) -> bytes:
    head = b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, _REASONS[status], len(body)) + body


class Connection(asyncio.Protocol):
    """One client's connection. Requests have no body; each is answered after the latency."""

    def __init__(self, api: Api, latency: float) -> None:
        """Answer with an API's responses, `latency` seconds after a request arrives."""
        self._api = api
        self._latency = latency
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the answers."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode("ascii")
            closing = b"connection: close" in head.lower()
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._reply, target, closing)
            else:
                self._reply(target, closing)

    def _reply(self, target: str, closing: bool) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(self._api.answer(target))
            if closing:
                self._transport.close()


async def serve(folder: Path, latency: float) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    api = Api(folder)
    server = await loop.create_server(lambda: Connection(api, latency), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """Run the command: serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the records")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    options = parser.parse_args()
    uvloop.install()
    asyncio.run(serve(options.data, options.latency))


if __name__ == "__main__":
    main()
