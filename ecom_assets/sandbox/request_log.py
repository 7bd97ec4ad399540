"""What the sandbox was asked: every request with its answer's status, and how many were open at once."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime

_KEPT = 100_000


@dataclass
class Request:
    """A request; `time` is its arrival in UTC, `status` is None until it is answered and if it never is.

    The names of the headers are in lower case. Of a query parameter that is given twice the last one counts.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    time: datetime
    status: int | None = None


class RequestLog:
    """The latest requests in the order of their arrival; safe to read while the server runs."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._requests: deque[Request] = deque(maxlen=_KEPT)
        self._in_flight = 0
        self._max_in_flight = 0

    @property
    def requests(self) -> list[Request]:
        """The requests so far, in a list of its own."""
        with self._lock:
            return list(self._requests)

    @property
    def max_in_flight(self) -> int:
        """The most requests that were open at the same time.

        An answer takes no time unless it is slow on demand: only then does this show how many a client sends.
        """
        with self._lock:
            return self._max_in_flight

    def clear(self) -> None:
        """Forget everything but the requests that are open."""
        with self._lock:
            self._requests.clear()
            self._max_in_flight = self._in_flight

    def arrived(self, request: Request) -> None:
        """Note a request, which is open from now on."""
        with self._lock:
            self._requests.append(request)
            self._in_flight += 1
            self._max_in_flight = max(self._max_in_flight, self._in_flight)

    def answered(self, request: Request, status: int | None) -> None:
        """Note that a request gets its answer, or None, and is open no more."""
        with self._lock:
            request.status = status
            self._in_flight -= 1
