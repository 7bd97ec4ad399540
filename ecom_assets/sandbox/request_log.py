"""The log of the requests that the sandbox got, with the status of each answer and the most open at once."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime

_MAX_REQUESTS = 100_000


@dataclass
class LoggedRequest:
    """A request; `time` is its arrival in UTC. `status` is None until the answer, and stays None without one.

    Names of headers are in lower case. If a query parameter is given twice, the last value counts.
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
        self._requests: deque[LoggedRequest] = deque(maxlen=_MAX_REQUESTS)
        self._in_flight = 0
        self._max_in_flight = 0

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests so far, in a new list."""
        with self._lock:
            return list(self._requests)

    @property
    def max_in_flight(self) -> int:
        """The most requests that were open at the same time.

        The sandbox answers almost at once. Make it slow by a fault to see how many requests a client sends.
        """
        with self._lock:
            return self._max_in_flight

    def clear(self) -> None:
        """Drop all requests; the open ones still count as open."""
        with self._lock:
            self._requests.clear()
            self._max_in_flight = self._in_flight

    def add(self, request: LoggedRequest) -> None:
        """Add a request, which is open from now on."""
        with self._lock:
            self._requests.append(request)
            self._in_flight += 1
            self._max_in_flight = max(self._max_in_flight, self._in_flight)

    def close(self, request: LoggedRequest, status: int | None) -> None:
        """Note the status of a request's answer, None without an answer. The request is no longer open."""
        with self._lock:
            request.status = status
            self._in_flight -= 1
