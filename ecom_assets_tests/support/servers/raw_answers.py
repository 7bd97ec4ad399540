"""A server on the loopback interface that answers with raw bytes, at the times that a test chooses, also over TLS."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socket import create_server, socket

Answer = Iterable[bytes | float]
"""Pieces to send; a number is a pause in seconds."""


class HangUp(Exception):
    """Raised by an answer to close the connection."""


@dataclass
class RawServer:
    """Answers each request with the pieces that `answering` returns for its path, and keeps what it saw."""

    host: str
    answering: Callable[[str], Answer]
    seen: list[tuple[int, str]] = field(default_factory=list)
    """The number of the connection, from 0, and the path of each request."""

    requests: list[bytes] = field(default_factory=list)
    """The head of each request."""

    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def paths(self) -> list[str]:
        """The paths of the requests, in order."""
        return [path for _, path in self.seen]

    @property
    def connections(self) -> list[int]:
        """The number of the connection of each request."""
        return [number for number, _ in self.seen]

    def serve(self, connection: socket, number: int) -> None:
        """Answer the requests of one connection until the client or an answer closes it."""
        with suppress(OSError, HangUp), connection, connection.makefile("rb") as reader:
            while line := reader.readline():
                head = line
                while (header := reader.readline()).strip():
                    head += header
                path = line.split()[1].decode()
                self.seen.append((number, path))
                self.requests.append(head)
                for piece in self.answering(path):
                    if isinstance(piece, bytes):
                        connection.sendall(piece)
                    elif self.stopped.wait(piece):
                        return


@contextmanager
def raw_server(
    answering: Callable[[str], Answer], context: ssl.SSLContext | None = None
) -> Iterator[RawServer]:
    """Serve from a free port until the end of the block, over TLS if there is a context."""
    with create_server(("127.0.0.1", 0)) as listening:
        server = RawServer(f"127.0.0.1:{listening.getsockname()[1]}", answering)
        threads: list[threading.Thread] = []

        def handle(connection: socket, number: int) -> None:
            with suppress(OSError), connection:
                server.serve(
                    context.wrap_socket(connection, server_side=True) if context else connection, number
                )

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:  # closed below
                    return
                threads.append(threading.Thread(target=handle, args=(connection, len(threads)), daemon=True))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server
        finally:
            server.stopped.set()
            with suppress(OSError):
                listening.shutdown(2)
            listening.close()
            accepting.join()


def head(status: str = "200 OK", *headers: str) -> bytes:
    """Return a status line and headers, with the empty line behind them."""
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode("latin-1")


def ok(body: bytes | str, *headers: str) -> bytes:
    """Return a whole answer with its length."""
    body = body.encode() if isinstance(body, str) else body
    return head("200 OK", f"Content-Length: {len(body)}", *headers) + body
