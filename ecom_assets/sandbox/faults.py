"""What is to go wrong, and when: answers that fail, records that come and go while pages are read.

Here it is only said; `gate` spoils the answers, `listing` the records. Faults may be put in from any thread.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

REMOVED: Final = object()
"""As the value of a field in `Faults.change`: the record lacks the field."""

When = Callable[[Mapping[str, str]], bool]
"""Decides by a request's query whether it is meant."""


@dataclass
class Fault:
    """What happens to the next requests that match: to so many `times`, or to every one if that is None.

    A request matches with this path (any, if None) and a query for which `when` is true. It waits for `delay`
    seconds; then it is answered with `status` and `body`, or as ever if `status` is None; or the
    connection is closed without an answer (`drop`), or in the middle of its body (`cut`).
    """

    path: str | None = None
    when: When | None = None
    times: int | None = 1
    delay: float = 0.0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    drop: bool = False
    cut: bool = False

    def matches(self, path: str, query: Mapping[str, str]) -> bool:
        """Whether a request is meant, as long as there are times left."""
        if self.path not in (None, path) or self.times == 0:
            return False
        return self.when is None or self.when(query)


@dataclass
class Edits:
    """How the records of one path, their total and the meaning of their parameters differ from the truth."""

    deleted: set[int] = field(default_factory=set)
    changed: dict[int, dict[str, Any]] = field(default_factory=dict)
    added: list[dict[str, Any]] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)
    totals: list[int | None] = field(default_factory=list)  # one or none; None for an answer without a total

    def of_records(self) -> bool:
        """Whether any record is not as it would be."""
        return bool(self.deleted or self.changed or self.added)


@dataclass
class _Later:
    path: str | None
    left: int
    do: Callable[[], object]


class Faults:
    """The faults of one running sandbox. The first one put in that matches a request is its fault."""

    def __init__(self) -> None:
        """Start with nothing wrong."""
        self._lock = threading.RLock()
        self.clear()

    def clear(self) -> None:
        """Let everything be right again."""
        with self._lock:
            self._faults: list[Fault] = []
            self._edits: defaultdict[str, Edits] = defaultdict(Edits)
            self._ignored: set[str] = set()
            self._later: list[_Later] = []

    def put(self, fault: Fault) -> None:
        """Put a fault at the end of the line."""
        with self._lock:
            self._faults.append(fault)

    def fail(
        self,
        status: int,
        *,
        path: str | None = None,
        when: When | None = None,
        times: int | None = 1,
        retry_after: str | float | None = None,
        body: str | None = None,
    ) -> None:
        """Answer with an error, with a Retry-After header of seconds or a date if given."""
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        text = f'{{"error":"status {status} on demand"}}' if body is None else body
        self.put(Fault(path, when, times, status=status, headers=headers, body=text.encode()))

    def answer(
        self,
        body: str | bytes,
        *,
        path: str | None = None,
        when: When | None = None,
        times: int | None = 1,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer with status 200 and this body, which need not be JSON."""
        content = body.encode() if isinstance(body, str) else body
        self.put(Fault(path, when, times, status=200, headers=headers or {}, body=content))

    def slow(
        self, seconds: float, *, path: str | None = None, when: When | None = None, times: int | None = 1
    ) -> None:
        """Answer rightly but late."""
        self.put(Fault(path, when, times, delay=seconds))

    def drop(self, *, path: str | None = None, when: When | None = None, times: int | None = 1) -> None:
        """Close the connection without an answer."""
        self.put(Fault(path, when, times, drop=True))

    def cut(self, *, path: str | None = None, when: When | None = None, times: int | None = 1) -> None:
        """Close the connection in the middle of the body."""
        self.put(Fault(path, when, times, cut=True))

    def delete(self, path: str, identity: int) -> None:
        """Hide a record."""
        with self._lock:
            self._edits[path].deleted.add(identity)

    def restore(self, path: str, identity: int) -> None:
        """Show a hidden record again."""
        with self._lock:
            self._edits[path].deleted.discard(identity)

    def change(self, path: str, identity: int, **fields: Any) -> None:
        """Give a record other values; REMOVED takes a field away.

        Another `updated_at` puts the record where it belongs; one that is no instant leaves it where it was.
        """
        with self._lock:
            self._edits[path].changed.setdefault(identity, {}).update(fields)

    def add(self, path: str, record: Mapping[str, Any]) -> None:
        """Add a record. Without an `updated_at` that is an instant it is at the end of every answer."""
        with self._lock:
            self._edits[path].added.append(dict(record))

    def ignore(self, parameter: str, *, path: str | None = None) -> None:
        """Treat a parameter as if it were not given, on one path or on all."""
        with self._lock:
            (self._ignored if path is None else self._edits[path].ignored).add(parameter)

    def total(self, path: str, total: int | None) -> None:
        """Report this total, or none at all."""
        with self._lock:
            self._edits[path].totals = [total]

    def after(self, path: str | None, *, requests: int, do: Callable[[], object]) -> None:
        """Do something once so many further requests have been answered, before the next one is looked at."""
        with self._lock:
            self._later.append(_Later(path, requests, do))

    def take(self, path: str, query: Mapping[str, str]) -> Fault | None:
        """Return the fault of a request and use it up."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(path, query):
                    if fault.times is not None:
                        fault.times -= 1
                        self._faults = [other for other in self._faults if other.times != 0]
                    return fault
        return None

    def edits(self, path: str) -> Edits:
        """Return a copy of what is wrong with the records of a path."""
        with self._lock:
            edits = self._edits[path]
            changed = {identity: dict(fields) for identity, fields in edits.changed.items()}
            ignored = edits.ignored | self._ignored
            return Edits(set(edits.deleted), changed, list(edits.added), ignored, list(edits.totals))

    def answered(self, path: str) -> None:
        """Count a request that has its answer, and do what was to be done after it."""
        with self._lock:
            for later in self._later:
                later.left -= later.path in (None, path)
            due = [later for later in self._later if later.left <= 0]
            self._later = [later for later in self._later if later.left > 0]
        for later in due:
            later.do()
