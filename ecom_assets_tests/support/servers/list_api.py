"""A server of one list, with a choice of paging, total and time filter as real APIs have them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlencode

from ecom_assets_tests.support.servers.loopback import Reply, Seen

UTC = timezone.utc
_FORMATS = {
    "iso8601": "%Y-%m-%dT%H:%M:%SZ",
    "iso8601_naive": "%Y-%m-%dT%H:%M:%S",
    "date": "%Y-%m-%d",
    "spaced": "%Y-%m-%d %H:%M:%S",
}


def refused(text: str, status: int = 400) -> Reply:
    """Return a refusal."""
    return Reply(status, json.dumps({"error": text}), {"Content-Type": "application/json"})


@dataclass
class Listed:
    """A list at `/things`.

    `paging` is offset, page, next, link, cursor, after or none. `over` says what happens to a page size beyond
    `largest`: cut, refuse or usual. `wrapped` is the path of the list in the body. `total` is the path of the total, or
    `header:` and a header's name. `strict` refuses unknown parameters. The time filter takes the parameters `start` and
    `end` in the format `form`, with `bounds`.
    """

    records: Sequence[dict[str, Any]]
    paging: str = "offset"
    position: str = "offset"
    size: str = "limit"
    usual: int = 20
    largest: int = 250
    over: str = "cut"
    base_page: int = 1
    wrapped: str = "data"
    total: str = "total"
    strict: bool = False
    start: str = ""
    end: str = ""
    form: str = "iso8601"
    bounds: str = "[)"
    cursor: str = "updated_at"
    empty_status: int = 200
    seen: list[Seen] = field(default_factory=list)

    def __call__(self, seen: Seen) -> Reply:
        """Answer a request."""
        self.seen.append(seen)
        query = dict(seen.query)
        if seen.path != "/things":
            return refused("nothing here", 404)
        known = {self.position, self.size, self.start, self.end} - {""}
        unknown = [name for name in query if name not in known]
        if self.strict and unknown:
            return refused(f"no such parameter: {unknown[0]}")
        try:
            rows = [row for row in self.records if self._inside(row, query)]
            size = int(query.get(self.size, self.usual)) if self.size else self.usual
        except ValueError as error:
            return refused(str(error))
        if size > self.largest:
            if self.over == "refuse":
                return refused(f"{self.size}: at most {self.largest}")
            size = self.largest if self.over == "cut" else self.usual
        return self._page(seen, query, rows, size)

    def _page(self, seen: Seen, query: dict[str, str], rows: list[dict[str, Any]], size: int) -> Reply:
        place = query.get(self.position)
        begin = 0
        if self.paging in ("offset", "next", "link", "cursor"):
            begin = int((place or "0").removeprefix("c"))
        elif self.paging == "page":
            begin = (int(place or self.base_page) - self.base_page) * size
        elif self.paging == "after" and place:
            begin = [str(row["id"]) for row in rows].index(place) + 1
        page = rows if self.paging == "none" else rows[begin : begin + size]
        more = self.paging != "none" and begin + size < len(rows)
        if not page and self.empty_status != 200:
            return refused("nothing there", self.empty_status)
        body: Any = page
        headers = {"Content-Type": "application/json"}
        if self.wrapped:
            body = {}
            _put(body, self.wrapped, page)
            if self.total and ":" not in self.total:
                _put(body, self.total, len(rows))
            if self.paging == "next":
                body["next"] = self._url(seen, query, begin + size) if more else None
            if self.paging == "cursor":
                body["meta"] = {"next_cursor": f"c{begin + size}" if more else None}
            if self.paging == "after":
                body["has_more"] = more
        if self.total.startswith("header:"):
            headers[self.total.partition(":")[2]] = str(len(rows))
        if self.paging == "link" and more:
            headers["Link"] = f'<{self._url(seen, query, begin + size)}>; rel="next"'
        return Reply(200, json.dumps(body), headers)

    def _url(self, seen: Seen, query: dict[str, str], begin: int) -> str:
        return f"http://{seen.headers['host']}{seen.path}?{urlencode({**query, self.position: begin})}"

    def _inside(self, row: dict[str, Any], query: dict[str, str]) -> bool:
        moment = self._read(row[self.cursor], value=True) if self.start else None
        if moment is None:
            return True
        low = self._read(query[self.start]) if self.start in query else None
        high = self._read(query[self.end]) if self.end and self.end in query else None
        if low is not None and not (low <= moment if self.bounds[0] == "[" else low < moment):
            return False
        return high is None or (moment <= high if self.bounds[1] == "]" else moment < high)

    def _read(self, text: Any, value: bool = False) -> datetime:
        """Read an instant in the filter's own format, a record's in any; raises ValueError."""
        if value:
            if isinstance(text, int):
                moment = datetime.fromtimestamp(text, UTC)
            else:
                moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return moment.replace(hour=0, minute=0, second=0) if self.form == "date" else moment
        if self.form == "unix":
            return datetime.fromtimestamp(int(text), UTC)
        return datetime.strptime(text, _FORMATS[self.form]).replace(tzinfo=UTC)


def _put(body: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for name in above:
        body = body.setdefault(name, {})
    body[last] = value
