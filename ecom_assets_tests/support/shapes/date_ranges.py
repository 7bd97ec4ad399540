"""Filters by whole days that include both ends; records with a day and no time; windows of months.

The key has a header of its own. An answer without records is a 204 without a body. A header holds the cursor of the
next page. There is one row for each day and account, which are its key.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply
from ecom_assets_tests.support.shapes.records import UTC
from ecom_assets_tests.support.shapes.shape import Shape, Tables, refusal, unknown

KEY = "date-ranges-key-0f0f"
START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 5, 1, tzinfo=UTC)
_SIZE = 20
_DAYS = [date(2025, 12, 30) + timedelta(days=day) for day in range(125)]
_ROWS = [
    (day, account, day.day * account)
    for day in _DAYS
    for account in (1, 2)
    if day.month != 3  # nothing happens in March
]


def _answer(seen: Seen) -> Reply:
    if seen.headers.get("x-shop-key") != KEY:
        return refusal(401, "X-Shop-Key")
    query = dict(seen.query)
    if seen.path != "/reports/payouts":
        return Reply(204) if seen.path == "/reports/disputes" else refusal(404, "no such report")
    if wrong := unknown(query, "from", "to", "cursor"):
        return wrong
    low, high = (
        date.fromisoformat(query.get(name, far))
        for name, far in (("from", "2000-01-01"), ("to", "2100-01-01"))
    )
    found = [row for row in _ROWS if low <= row[0] <= high]
    begin = int(query.get("cursor", "r0").removeprefix("r"))
    if not found[begin:]:
        return Reply(204, b"")
    reply = json_reply([_written(row) for row in found[begin : begin + _SIZE]])
    if begin + _SIZE < len(found):
        reply.headers["X-Cursor"] = f"r{begin + _SIZE}"
    return reply


def _written(row: tuple[date, int, int]) -> dict[str, Any]:
    day, account, amount = row
    return {
        "posted_on": day.isoformat(),
        "account": account,
        "amount": amount if account == 1 else f"{amount}.50",
    }


def _tables(base_url: str) -> Tables:
    return {
        "payouts": [
            {"posted_on": day, "account": account, "amount": amount + (0 if account == 1 else 0.5)}
            for day, account, amount in _ROWS
            if START.date() <= day < END.date()
        ],
        "disputes": [],
    }


SHAPE = Shape("date_ranges", _answer, _tables, {"api_key": KEY}, START, END)
