"""The sandbox's faults on demand: answers that fail, and records that come and go while pages are read.

This module only holds them; any thread may add some. See `ecom_assets.sandbox.fault_middleware` for how answers fail,
and `ecom_assets.sandbox.record_pages` for how records change.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

REMOVED: Final = object()
"""The value of a field in `Faults.change` that removes the field from the record."""

When = Callable[[Mapping[str, str]], bool]
"""Tells from a request's query whether a fault is for the request."""


@dataclass
class Fault:
    """What happens to the next requests that match: to the next `times` of them, or to all if that is None.

    A request matches that has this path (None: any path) and a query for which `when` is true. The sandbox waits for
    `delay` seconds. It then answers with `status`, `headers` and `body`, or with the usual answer if `status` is None.
    With `drop` it closes the connection without an answer, with `cut` in the middle of the body.
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
        """Tell whether the fault is for a request, and has times left."""
        if self.path not in (None, path) or self.times == 0:
            return False
        return self.when is None or self.when(query)


@dataclass
class Edits:
    """What faults change about one path: its records, the reported total and the parameters that it ignores."""

    deleted: set[int] = field(default_factory=set)
    changed: dict[int, dict[str, Any]] = field(default_factory=dict)
    added: list[dict[str, Any]] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)
    totals: list[int | None] = field(
        default_factory=list
    )  # empty, or one total to report; None reports no total

    def change_records(self) -> bool:
        """Tell whether any record is added, changed or hidden."""
        return bool(self.deleted or self.changed or self.added)


@dataclass
class _ScheduledAction:
    """What to do after `left` more answered requests to a path (None: any path)."""

    path: str | None
    left: int
    do: Callable[[], object]


class Faults:
    """The faults of one running sandbox. Of those that match a request, the one added first applies."""

    def __init__(self) -> None:
        """Start without faults."""
        self._lock = threading.RLock()
        self.clear()

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults: list[Fault] = []
            self._edits: defaultdict[str, Edits] = defaultdict(Edits)
            self._ignored: set[str] = set()
            self._actions: list[_ScheduledAction] = []

    def put(self, fault: Fault) -> None:
        """Add a fault after all others."""
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
        """Give the usual answer, but late by so many seconds."""
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
        """Give a record other values; REMOVED removes a field.

        A new `updated_at` moves the record to its new place; one that is not an instant leaves it where it was.
        """
        with self._lock:
            self._edits[path].changed.setdefault(identity, {}).update(fields)

    def add(self, path: str, record: Mapping[str, Any]) -> None:
        """Add a record. If its `updated_at` is missing or not an instant, it comes last in every answer."""
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
        """Call `do` after so many more answered requests to a path (None: any), before the next request is handled."""
        with self._lock:
            self._actions.append(_ScheduledAction(path, requests, do))

    def take(self, path: str, query: Mapping[str, str]) -> Fault | None:
        """Return the fault for a request, which then has one time less, or None."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(path, query):
                    if fault.times is not None:
                        fault.times -= 1
                        self._faults = [other for other in self._faults if other.times != 0]
                    return fault
        return None

    def edits(self, path: str) -> Edits:
        """Return a copy of the edits of a path."""
        with self._lock:
            edits = self._edits[path]
            changed = {identity: dict(fields) for identity, fields in edits.changed.items()}
            ignored = edits.ignored | self._ignored
            return Edits(set(edits.deleted), changed, list(edits.added), ignored, list(edits.totals))

    def count_answer(self, path: str) -> None:
        """Count an answered request, and call what was scheduled for after it."""
        with self._lock:
            for action in self._actions:
                action.left -= action.path in (None, path)
            due = [action for action in self._actions if action.left <= 0]
            self._actions = [action for action in self._actions if action.left > 0]
        for action in due:
            action.do()
