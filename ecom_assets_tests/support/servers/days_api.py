"""An API with some orders on each day, paged by offset, that answers long intervals as badly as real ones do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.windows import Window
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply

UTC = timezone.utc
START = datetime(2026, 1, 1, tzinfo=UTC)
WHOLE = {"data_type": "bigint", "nullable": False}
DAY = timedelta(days=1)


class DaysApi:
    """Orders at `/orders`: `counts` has how many each day has, by the number of the day from 0.

    Attributes:
        orders: The orders, each with an id and the instant of its last change.
        page: The largest page.
        longest: The longest interval, None for any. A longer one is answered as `beyond` says: `refuse` with 400, or
            silently only the `last` or the `first` days, or `none`.
        most: How many records a list has at most, without a word.
        before: Is called before each answer, with the bounds of the interval and the offset; may return an answer.
        asked: The interval and the offset of each request.
        unfiltered: How many requests asked for no interval.
    """

    def __init__(self, server: Loopback, counts: Mapping[int, int], page: int = 10) -> None:
        self.orders: list[dict[str, Any]] = []
        for day, count in counts.items():
            for number in range(count):
                at = START + day * DAY + timedelta(seconds=number * 86_400 // count)
                self.orders.append({"id": len(self.orders), "at": at.isoformat().replace("+00:00", "Z")})
        self.page = page
        self.longest: float | None = None
        self.beyond = "refuse"
        self.most: int | None = None
        self.before: Callable[[datetime, datetime, int], Reply | None] = lambda start, end, offset: None
        self.asked: list[tuple[datetime, datetime, int]] = []
        self.unfiltered = 0
        server.answering = self._answer

    def shop(self, base_url: str, concurrency: int = 2, **fields: Any) -> Shop:
        """Return the shop; `fields` are further ones of its client's paginator."""
        paginator = {"type": "offset", "limit": self.page, "total_path": "total", **fields}
        columns = {"id": WHOLE, "at": {"data_type": "timestamp", "nullable": False}}
        incremental = {"cursor_path": "at", "start_param": "from", "end_param": "to"}
        endpoint = {"path": "orders", "data_selector": "data", "incremental": incremental}
        return Shop.model_validate(
            {
                "name": "testshop",
                "client": {"base_url": base_url, "paginator": paginator},
                "policy": {"max_retries": 0, "concurrency": concurrency},
                "partitions": {"every": "day", "start": "2026-01-01"},
                "resources": [
                    {"name": "orders", "primary_key": "id", "endpoint": endpoint, "columns": columns}
                ],
            }
        )

    def windows(self, days: int) -> tuple[Window, ...]:
        """Return the first days."""
        return tuple(
            Window((START + day * DAY).strftime("%Y-%m-%d"), START + day * DAY, START + (day + 1) * DAY)
            for day in range(days)
        )

    def _answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        if "from" not in query:
            self.unfiltered += 1
            return json_reply({"data": self.orders[: self.page], "total": len(self.orders)})
        start, end = (datetime.fromisoformat(query[name].replace("Z", "+00:00")) for name in ("from", "to"))
        offset, limit = int(query.get("offset", 0)), int(query["limit"])
        self.asked.append((start, end, offset))
        if (reply := self.before(start, end, offset)) is not None:
            return reply
        if self.longest is not None and end - start > self.longest * DAY:
            if self.beyond == "refuse":
                return json_reply({"error": "the interval is too long"}, 400)
            start, end = {
                "last": (end - self.longest * DAY, end),
                "first": (start, start + self.longest * DAY),
                "none": (start, start),
            }[self.beyond]
        low, high = (moment.isoformat().replace("+00:00", "Z") for moment in (start, end))
        found = [order for order in self.orders if low <= order["at"] < high][: self.most]
        return json_reply({"data": found[offset : offset + min(limit, self.page)], "total": len(found)})
