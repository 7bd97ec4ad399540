"""HTTP connections that take one final response to each request, within a deadline.

`http.client` knows one interim response, status 100. It takes any other 1xx for the response itself, and the real one
would then be read as the response to another request. Here every 1xx is skipped. A connection with bytes left behind a
response is closed, because nobody can tell which request those bytes belong to. It is also closed after a status
without a body, such as 204, whose headers announce one: those bytes may arrive during the next request.
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.client import HTTPException, HTTPResponse, parse_headers
from socket import socket
from time import monotonic
from typing import Any

_BUFFER = 65_536
"""Bytes that one read from the wire may bring."""
_WITHOUT_BODY = (204, 304)
"""The statuses of responses without a body. Some servers send one all the same."""


class BrokenContentLength(HTTPException):
    """The Content-Length headers of a response contradict each other, or hold no number."""


class _Deadline(threading.local):
    """When the response that this thread waits for must be complete, on the monotonic clock."""

    end: float = math.inf


_DEADLINE = _Deadline()


@contextmanager
def complete_before(end: float) -> Iterator[None]:
    """Let the responses that this thread reads in the block raise TimeoutError after `end` of the monotonic clock.

    The deadline covers the connection, the headers and the body. Each socket timeout is cut to the time that is left.
    """
    previous, _DEADLINE.end = _DEADLINE.end, end
    try:
        yield
    finally:
        _DEADLINE.end = previous


@cache
def bounded_connection_class(connection_class: type[Any]) -> type[Any]:
    """Return a subclass of one of urllib3's connection classes whose responses are FinalResponses.

    A class that is bounded already stays as it is: two threads may ask for the class of one new pool.
    """
    if issubclass(connection_class, _BoundedConnection):
        return connection_class
    return type(connection_class.__name__, (_BoundedConnection, connection_class), {})


class _BoundedConnection:
    """What is different from urllib3's connections; a class of them is the second base class."""

    debuglevel = 0
    """No connection prints what it sends and receives, whatever the debuglevel of `http.client` is."""

    ecom_silent = True
    timeout: float

    def connect(self) -> None:
        """Connect within the time that is left; raises TimeoutError."""
        self.timeout = min(self.timeout, _time_left(_DEADLINE.end))
        super().connect()  # type: ignore[misc]

    def response_class(self, wire: socket, *args: Any, **kwargs: Any) -> FinalResponse:
        """Return the response that `http.client` reads next from this connection."""
        return FinalResponse(wire, *args, connection=self, end=_DEADLINE.end, **kwargs)


class FinalResponse(HTTPResponse):
    """The final response to a request. It closes the connection when the end of the response is in doubt."""

    fp: io.BufferedReader

    def __init__(self, wire: socket, *args: Any, connection: Any, end: float, **kwargs: Any) -> None:
        """Read from a socket.

        Args:
            wire: The connection's socket.
            *args: As for HTTPResponse.
            connection: The connection to close when the end of the response is in doubt.
            end: When the response must be complete, on the monotonic clock.
            **kwargs: As for HTTPResponse.
        """
        super().__init__(wire, *args, **kwargs)
        self._connection = connection
        self._reader = _WireReader(self.fp.detach(), wire, end)
        self.fp = io.BufferedReader(self._reader, _BUFFER)

    def begin(self) -> None:
        """Read the status and the headers of the final response."""
        super().begin()
        headers = self.headers
        lengths = {
            length.strip() for value in headers.get_all("Content-Length", ()) for length in value.split(",")
        }
        if self.status in _WITHOUT_BODY and lengths - {"0"}:
            self.will_close = True
        if not lengths:
            return
        if "Transfer-Encoding" in headers:
            self.will_close = True  # a server that sends both does not know where its responses end
        elif len(lengths) > 1 or not (length := lengths.pop()).isdecimal():
            raise BrokenContentLength
        elif self.length is None:  # one length twice in one header
            self.length = int(length)

    def _read_status(self) -> tuple[str, int, str]:
        """Return the first status line that is not an interim response's."""
        while True:
            line: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if line[1] >= 200:
                return line
            parse_headers(self.fp)

    def _read_next_chunk_size(self) -> int:
        """Return the size of the next chunk. `http.client` takes -1 as well, and would read without an end."""
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise ValueError("negative chunk size")
        return size

    def _close_conn(self) -> None:
        """End the response; called before the connection is given back for the next request."""
        connection, self._connection = self._connection, None
        in_doubt = connection is not None and self._reader.has_more(self.fp)
        super()._close_conn()  # type: ignore[misc]
        if in_doubt:
            connection.close()


class _WireReader(io.RawIOBase):
    """Reads from a socket until a deadline."""

    def __init__(self, wire_file: io.RawIOBase, wire: socket, end: float) -> None:
        """Read from a socket.

        Args:
            wire_file: The socket's own file, which keeps the socket open until it is closed.
            wire: The socket.
            end: The deadline, on the monotonic clock.
        """
        self._wire_file = wire_file
        self._wire = wire
        self._end = end
        self._is_done = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what has arrived, or wait for it. Raises TimeoutError after the deadline, or the socket's timeout."""
        if self._is_done:
            return None
        left = _time_left(self._end)
        timeout = self._wire.gettimeout()
        if timeout is None or left < timeout:
            self._wire.settimeout(left)
        return self._wire.recv_into(buffer)

    def has_more(self, buffered: io.BufferedReader) -> bool:
        """Return whether bytes have arrived that nobody has read; nothing can be read after this.

        Bytes that arrive later are found by urllib3, which looks at the socket before it uses a connection again.

        Args:
            buffered: The reader that buffers what this one reads.
        """
        self._is_done = True
        if buffered.peek(1):
            return True
        pending = getattr(self._wire, "pending", None)  # only a TLS socket keeps bytes in a buffer of its own
        return pending is not None and pending() > 0

    def close(self) -> None:
        """Let go of the socket."""
        self._wire_file.close()
        super().close()


def _time_left(end: float) -> float:
    """Return the seconds until `end`, or raise TimeoutError."""
    left = end - monotonic()
    if left <= 0:
        raise TimeoutError("the response is not complete")
    return left
