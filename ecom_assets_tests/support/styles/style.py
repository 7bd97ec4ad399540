"""One style of API: its declaration from parts, the records in its own words, and the server that answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply
from ecom_assets_tests.support.shapes.records import END, ORDERS, START, Order
from ecom_assets_tests.support.styles.access import OPEN, Access
from ecom_assets_tests.support.styles.answer import Answer, Asked, Page, put
from ecom_assets_tests.support.styles.filters import Between, Expression, SinceHeader
from ecom_assets_tests.support.styles.paging import Lead, Refused, Size, Token

UTC = timezone.utc
FIELDS = {"number": "id", "changed": "updated_at", "total": "total", "note": "note"}
TIMES: Mapping[str, Callable[[datetime], Any]] = {
    "iso": lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "offset": lambda moment: moment.astimezone(timezone(timedelta(hours=2))).isoformat(),
    "naive": lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S"),
    "naive_t": lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S"),
    "unix": lambda moment: int(moment.timestamp()),
    "unix_ms": lambda moment: int(moment.timestamp() * 1000),
    "day": lambda moment: moment.strftime("%Y-%m-%d"),
}


@dataclass(frozen=True)
class Style:
    """One style of API with one list.

    Attributes:
        name: Its name, which is a name for a shop too.
        api: What it does, for the table in `docs/discover.md`.
        becomes: What `discover` writes, for the same table.
        paginator: The paginator that `discover` must write, without the page size.
        begin: Where a page begins.
        leads: What leads on, and what counts the records.
        where: The dotted path of the list in the body; empty for a bare list.
        filter: The time filter, None without one.
        access: Who may read it.
        size: How long a page is.
        fields: The dotted path of each of the order's fields in a record.
        lines: The dotted path of the nested list of an order's lines, empty without one.
        key: How the number of an order is written.
        time: How an instant is written.
        element: Makes an element of the list from a record.
        listed: Makes what is at `where` from the elements.
        fixed: Fields around the list that never change.
        strict: Refuse unknown parameters.
        by_key: Sort by key, not by time.
        newest_first: Sort the other way round until a request says where a page begins.
        endpoint: What the user passes as `--endpoint`.
        resource: The name of the table that `discover` makes.
        posted: The request is a POST, and its parameters are in the body.
        given: The parameters that the user passes as `--parameter`.
        most: How many requests `discover` may send.
        says: What else the file must say.
        mend: Changes a finished reply.
    """

    name: str
    api: str
    becomes: str
    paginator: Mapping[str, Any]
    begin: Any
    leads: Sequence[Lead] = ()
    where: str = "data"
    filter: Between | Expression | SinceHeader | None = None
    access: Access = OPEN
    size: Size = field(default_factory=Size)
    fields: Mapping[str, str] = field(default_factory=dict)
    lines: str = ""
    key: Callable[[int], Any] = lambda number: number
    time: str = "iso"
    element: Callable[[dict[str, Any]], Any] = lambda record: record
    listed: Callable[[list[Any]], Any] = lambda elements: elements
    fixed: Mapping[str, Any] = field(default_factory=dict)
    strict: bool = False
    by_key: bool = False
    newest_first: bool = False
    endpoint: str = "/v2/orders"
    resource: str = "orders"
    posted: bool = False
    given: Collection[str] = ()
    most: int = 12
    says: Sequence[str] = ()
    mend: Callable[[Reply, Asked], Reply] = lambda reply, asked: reply

    @property
    def places(self) -> dict[str, str]:
        """Return the dotted path of each field in a record."""
        return {**FIELDS, **self.fields}

    @property
    def endpoint_params(self) -> set[str]:
        """Return the parameters that the user names in the endpoint."""
        return {part.partition("=")[0] for part in self.endpoint.partition("?")[2].split("&")}

    def record(self, order: Order) -> dict[str, Any]:
        """Return an order as this API writes it."""
        values = {
            "number": self.key(order.number),
            "changed": TIMES[self.time](order.changed),
            "total": f"{order.total:.2f}",
            "note": order.note,
        }
        record: dict[str, Any] = {}
        for name, path in self.places.items():
            put(record, path, values[name])
        if self.lines:
            lines = [
                {"line": line.number, "sku": line.sku, "quantity": line.quantity} for line in order.lines
            ]
            put(record, self.lines, lines)
        return record


class StyleServer:
    """Answers in one style; `orders` may change between two requests."""

    def __init__(self, style: Style) -> None:
        """Begin with the orders of all servers."""
        self.style = style
        self.orders: list[Order] = list(ORDERS)
        self.requests = 0

    def change(self) -> None:
        """Change two orders, one of them to another day, and add one."""
        by_number = {order.number: order for order in self.orders}
        inside = [order for order in self.orders if START <= order.changed < END]
        moved, edited = inside[3], inside[20]
        by_number[moved.number] = replace(
            moved, note="moved", changed=moved.changed + timedelta(days=1 if moved.changed.day < 30 else -1)
        )
        by_number[edited.number] = replace(
            edited, total=edited.total + 1, note="edited", lines=edited.lines[:1]
        )
        by_number[2000] = replace(inside[10], number=2000, note="new")
        self.orders = list(by_number.values())

    def __call__(self, seen: Seen) -> Reply:
        """Answer a request."""
        self.requests += 1
        style = self.style
        granted = style.access.token_reply(seen)
        if granted:
            return granted
        if not style.access.allows(seen):
            return json_reply({"error": "no access"}, 401)
        if seen.path != style.endpoint.removeprefix("POST ").partition(" ")[0].partition("?")[0]:
            return json_reply({"error": "nothing here"}, 404)
        values = {name: value for name, value in seen.query if name not in style.access.params}
        if style.posted:
            if seen.method != "POST":
                return json_reply({"error": "POST only"}, 405)
            values |= dict(_flat(json.loads(seen.body or "{}"), ""))
        asked = Asked(seen, values)
        try:
            if isinstance(style.begin, Token):
                asked = style.begin.restored(asked)
            reply = self._answer(asked)
        except Refused as refusal:
            return json_reply({"error": str(refusal)}, 400)
        return style.mend(reply, asked)

    def _answer(self, asked: Asked) -> Reply:
        style = self.style
        rows = [
            order for order in self.orders if not style.filter or style.filter.holds(order.changed, asked)
        ]
        rows.sort(key=lambda order: order.number if style.by_key else (order.changed, order.number))
        size = style.size.of(asked)
        if style.newest_first and getattr(style.begin, "param", "") not in asked.values:
            rows.reverse()
        begin = style.begin.begin(asked, [str(style.key(order.number)) for order in rows], size)
        if style.strict:
            self._refuse_unknown(asked)
        records = [style.element(style.record(order)) for order in rows[begin : begin + size]]
        page, answer = Page(asked, records, begin, size, len(rows)), Answer()
        for path, value in style.fixed.items():
            answer.put(path, value)
        found = style.listed(records)
        if style.where:
            answer.put(style.where, found)
        for lead in style.leads:
            lead(page, answer)
        body = answer.body if style.where else found
        return Reply(answer.status, "" if answer.status == 204 else json.dumps(body), answer.headers)

    def _refuse_unknown(self, asked: Asked) -> None:
        style = self.style
        known = {style.size.param, getattr(style.begin, "param", ""), *style.endpoint_params}
        known |= {style.filter.start, style.filter.end} if style.filter else set()
        for name in asked.values:
            if name not in known:
                raise Refused(f"unknown parameter: {name}")


def _flat(value: Any, path: str) -> list[tuple[str, str]]:
    """Return the single values of a body by dotted path, as texts."""
    if isinstance(value, dict):
        return [
            entry
            for name, inner in value.items()
            for entry in _flat(inner, f"{path}.{name}" if path else name)
        ]
    return [] if value is None else [(path, str(value))]
