"""A real API whose list changes while it is read; it has all usual kinds of paging, and keeps its history.

The list has its own clock, which moves between requests and with every change. The Date header shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any, Literal

from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply

NOW = datetime(2026, 3, 5, 12, 0, tzinfo=timezone.utc)
"""When the first request comes."""

PAGINATORS: dict[str, dict[str, Any]] = {
    "offset": {"type": "offset", "limit": 3},
    "page_number": {"type": "page_number", "base_page": 1},
    "cursor": {"type": "cursor", "cursor_path": "next", "cursor_param": "after"},
    "header_cursor": {"type": "header_cursor", "cursor_key": "X-Next", "cursor_param": "after"},
    "json_link": {"type": "json_link", "next_url_path": "next"},
    "header_link": {"type": "header_link"},
}

State = frozenset[tuple[int, int]]
"""The ids and versions of the rows of a list at one moment."""


@dataclass(frozen=True)
class Change:
    """What happens before a request, `wait` seconds after what was before; `at` and `to` are places."""

    request: int
    kind: Literal["insert", "delete", "update", "move"]
    at: int
    to: int
    wait: float


@dataclass(frozen=True)
class Api:
    """How the list is served.

    `places` is what a link or a cursor names: the last row of the page (`row`), the same but that row comes
    again (`row again`), or how many rows came so far (`count`). `window` is what is wanted, by the cursor,
    which is written in steps of `grain` seconds; without `filters`, rows outside of it come too. At
    `fault[1]`, the request of that number that does not begin a reading, something goes wrong.
    """

    kind: str = "offset"
    total: Literal["body", "header", "nowhere"] = "body"
    most: int = 100
    limit: int = 3
    places: Literal["row", "row again", "count"] = "row"
    past_end: Literal["empty", "404"] = "empty"
    link_to_nothing: bool = False
    window: tuple[datetime, datetime] | None = None
    filters: bool = True
    grain: float = 1.0
    fault: tuple[Literal["empty", "repeat", "ignore"], int] | None = None

    @property
    def paginator(self) -> dict[str, Any]:
        """Return how this is declared."""
        total = {"body": {"total_path": "total"}, "header": {"total_header": "X-Total"}, "nowhere": {}}
        limit = {"limit": self.limit} if self.kind == "offset" else {}
        return PAGINATORS[self.kind] | limit | total[self.total]


@dataclass
class MovingList:
    """The rows in their order, each `{id, v, updated_at}`; a change of a row raises `v` and moves `updated_at`."""

    loopback: Loopback
    api: Api
    changes: Sequence[Change]
    rows: list[dict[str, Any]] = field(default_factory=list)
    versions: list[dict[str, Any]] = field(default_factory=list)
    """Every state that a row was ever in."""
    history: list[tuple[int, State]] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    """The numbers of the requests that begin a reading."""

    @classmethod
    def of(cls, loopback: Loopback, api: Api, changes: Sequence[Change], ages: Sequence[float]) -> MovingList:
        """Return a list with a row for each age in seconds."""
        served = cls(loopback, api, changes)
        for number, age in enumerate(ages):
            served.clock = NOW - timedelta(seconds=age)
            served._ranks[number] = float(number)
            served._put({"id": number, "v": 0})
        served.clock = NOW
        return served

    def __post_init__(self) -> None:
        """Take over the server."""
        self.clock = NOW
        self.requests = 0
        self._ranks: dict[int, float] = {}
        self._last_body: Reply | None = None
        self._followed = 0
        self.loopback.answering = self.answer

    def answer(self, seen: Seen) -> Reply:
        """Let time pass, then answer with a page."""
        query = dict(seen.query)
        first = int(query.get("offset", 0)) == 0 and int(query.get("page", 1)) == 1 and "after" not in query
        for change in [change for change in self.changes if change.request == self.requests]:
            self._apply(change)
            self.history.append((self.requests - 1, self.state()))
        self.clock += timedelta(seconds=0.4)
        if first:
            self.begun.append(self.requests)
        self.history.append((self.requests, self.state()))
        self.requests += 1
        self._followed += not first
        fault = (
            self.api.fault if self.api.fault and not first and self.api.fault[1] == self._followed else None
        )
        if fault and fault[0] == "repeat" and self._last_body:
            return self._last_body
        if fault and fault[0] == "ignore":
            query = {}
        reply = self._page(query, empty=fault is not None and fault[0] == "empty")
        reply.headers["Date"] = format_datetime(self.clock.replace(microsecond=0), usegmt=True)
        self._last_body = reply
        return reply

    def state(self) -> State:
        """Return what is in the window now."""
        return self.wanted(self.rows)

    def wanted(self, rows: Sequence[dict[str, Any]]) -> State:
        """Return those of some rows that lie in the window."""
        return frozenset((row["id"], row["v"]) for row in rows if self._is_wanted(row))

    def moments(self, first: int, last: int) -> list[State]:
        """Return all states between two requests, both included."""
        return [state for number, state in self.history if first <= number <= last]

    def _page(self, query: dict[str, str], *, empty: bool) -> Reply:
        rows = self._seen()
        size = min(int(query.get("limit", self.api.limit)), self.api.most)
        start = int(query.get("offset", (int(query.get("page", 1)) - 1) * size))
        after = query.get("after")
        if after is not None and self.api.places == "count":
            start = int(after)
        elif after is not None:
            again = self.api.places == "row again"
            places = [self._ranks[row["id"]] for row in rows]
            start = sum(place < float(after) if again else place <= float(after) for place in places)
        page = [] if empty else rows[start : start + size]
        if self.api.past_end == "404" and not page and start:
            return Reply(404, b'{"error": "no such page"}')
        body: dict[str, Any] = {"data": page}
        reply_headers = {"X-Total": str(len(rows))}
        if self.api.total == "body":
            body["total"] = len(rows)
        more = start + size < len(rows) or (self.api.link_to_nothing and self.api.places != "row again")
        if page and more and self.api.kind not in ("offset", "page_number"):
            token = start + len(page) if self.api.places == "count" else self._ranks[page[-1]["id"]]
            link = f"{self.loopback.base_url}/things?after={token}"
            body["next"] = link if self.api.kind == "json_link" else str(token)
            reply_headers["X-Next"] = str(token)
            reply_headers["Link"] = f'<{link}>; rel="next"'
        reply = json_reply(body)
        reply.headers.update(reply_headers)
        return reply

    def _seen(self) -> list[dict[str, Any]]:
        rows = sorted(self.rows, key=lambda row: self._ranks[row["id"]])
        return [row for row in rows if self._is_wanted(row)] if self.api.filters else rows

    def _is_wanted(self, row: dict[str, Any]) -> bool:
        if self.api.window is None:
            return True
        start, end = (bound.timestamp() for bound in self.api.window)
        return start <= datetime.fromisoformat(row["updated_at"]).timestamp() < end

    def _apply(self, change: Change) -> None:
        """Change a row; the row objects are replaced, as answers may still hold them."""
        self.clock += timedelta(seconds=change.wait)
        row: dict[str, Any]
        ordered = sorted(self.rows, key=lambda row: self._ranks[row["id"]])
        if change.kind == "insert":
            row = {"id": 1000 + len(self.history), "v": 0}
            while row["id"] in self._ranks:
                row["id"] += 1
            self._ranks[row["id"]] = self._between(ordered, change.to)
            self._put(row)
            return
        if not ordered:
            return
        row = ordered[change.at % len(ordered)]
        self.rows.remove(row)
        if change.kind == "delete":
            return
        if change.kind == "move":
            self._ranks[row["id"]] = self._between(
                [other for other in ordered if other is not row], change.to
            )
        self._put({**row, "v": row["v"] + 1})

    def _between(self, ordered: Sequence[dict[str, Any]], place: int) -> float:
        """Return a rank in front of the row at a place, or behind the last one."""
        ranks = [self._ranks[row["id"]] for row in ordered]
        place %= len(ranks) + 1
        low = ranks[place - 1] if place else (ranks[0] - 2 if ranks else 0.0)
        return (low + ranks[place]) / 2 if place < len(ranks) else low + 1

    def _put(self, row: dict[str, Any]) -> None:
        """Add a row with the list's clock in its cursor, cut to the grain."""
        seconds = self.clock.timestamp() // self.api.grain * self.api.grain
        row = {**row, "updated_at": datetime.fromtimestamp(seconds, timezone.utc).isoformat()}
        self.rows.append(row)
        self.versions.append(row)
