"""The limit of what is possible by hand: an asyncio client, orjson, Arrow columns, one merge by key in DuckDB.

It loads the same tables as this project, but promises nothing: it verifies no page, checks no type and retries nothing.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import aiohttp
import duckdb
import orjson
import pyarrow as pa
import uvloop
from work import Work, api_time, work_from_command_line

PAGE = 250
BATCH = 20_000
"""Records in an Arrow table."""
PAGES = 12
"""Pages of a slice of adjacent windows, as in this project."""

TEXT, WHOLE, NUMBER, BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
MONEY, INSTANT = pa.decimal128(18, 4), pa.timestamp("us", "UTC")

Slice = tuple[str, datetime, datetime]
Columns = dict[str, tuple[pa.DataType, Callable[[Any], Any]]]


def field(name: str) -> Callable[[Any], Any]:
    """Return a function that reads a field."""
    return lambda record: record[name]


def inner(outer: str, name: str) -> Callable[[Any], Any]:
    """Return a function that reads a field of an object that may be null."""
    return lambda record: None if record[outer] is None else record[outer][name]


def plain(**types: pa.DataType) -> Columns:
    """Return columns that are fields."""
    return {name: (kind, field(name)) for name, kind in types.items()}


def nested(outer: str, *names: str) -> Columns:
    """Return text columns that are fields of an object."""
    return {f"{outer}__{name}": (TEXT, inner(outer, name)) for name in names}


STAMPS = plain(created_at=INSTANT, updated_at=INSTANT)
TABLES: dict[str, Columns] = {
    "customers": plain(id=WHOLE, email=TEXT, first_name=TEXT, last_name=TEXT, accepts_marketing=BOOL)
    | nested("address", "city", "country_code")
    | plain(orders_count=WHOLE)
    | STAMPS,
    "products": plain(id=WHOLE, sku=TEXT, title=TEXT, price=MONEY, currency=TEXT, status=TEXT)
    | plain(weight_grams=WHOLE)
    | STAMPS,
    "orders": plain(id=WHOLE, number=TEXT, customer_id=WHOLE, email=TEXT, status=TEXT, currency=TEXT)
    | plain(total=MONEY, tax_rate=NUMBER)
    | nested("shipping_address", "name", "street", "city", "postal_code", "country_code")
    | STAMPS,
    "order_items": plain(id=WHOLE, product_id=WHOLE, sku=TEXT, quantity=WHOLE, unit_price=MONEY),
}
KEYS = {"customers": ["id"], "products": ["id"], "orders": ["id"], "order_items": ["order_id", "id"]}


def table(columns: Columns, records: Sequence[Any]) -> pa.Table:
    """Return records as an Arrow table; amounts and instants come as text and are parsed by Arrow."""
    arrays = {}
    for name, (kind, value) in columns.items():
        texts = kind in (MONEY, INSTANT)
        array = pa.array([value(record) for record in records], TEXT if texts else kind)
        arrays[name] = array.cast(kind) if texts else array
    return pa.table(arrays)


class Load:
    """The records read so far, and their Arrow tables."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._records: dict[str, list[Any]] = {name: [] for name in TABLES if name != "order_items"}
        self.tables: dict[str, list[pa.Table]] = {name: [] for name in TABLES}

    def add(self, resource: str, records: list[Any]) -> None:
        """Add the records of a page."""
        waiting = self._records[resource]
        waiting += records
        if len(waiting) >= BATCH:
            self._convert(resource)

    def finish(self) -> None:
        """Convert the remaining records."""
        for resource in self._records:
            self._convert(resource)

    def _convert(self, resource: str) -> None:
        records = self._records[resource]
        self._records[resource] = []
        self.tables[resource].append(table(TABLES[resource], records))
        if resource == "orders":
            lines = [line for record in records for line in record["line_items"]]
            orders = [record["id"] for record in records for _ in record["line_items"]]
            items = table(TABLES["order_items"], lines)
            self.tables["order_items"].append(items.add_column(0, "order_id", pa.array(orders, WHOLE)))


async def read(work: Work, load: Load) -> None:
    """Read all windows of all resources, with one request for each page, and one that counts each resource."""
    connector = aiohttp.TCPConnector(limit=work.in_flight)
    async with aiohttp.ClientSession(work.url, connector=connector) as session:

        async def page(resource: str, start: datetime, end: datetime, offset: int) -> Any:
            query = f"updated_at_min={api_time(start)}&updated_at_max={api_time(end)}&api_key={work.api_key}"
            async with session.get(f"/v1/{resource}?limit={PAGE}&offset={offset}&{query}") as response:
                response.raise_for_status()
                return orjson.loads(await response.read())

        async def slices(resource: str) -> list[Slice]:
            windows = work.windows()
            pages = math.ceil((await page(resource, work.start, work.end, 0))["total"] / PAGE)
            number = work.in_flight * max(1, math.ceil(pages / (PAGES * work.in_flight)))
            number = min(number, len(windows), max(1, pages))
            bounds = [part * len(windows) // number for part in range(number + 1)]
            return [(resource, windows[first][0], windows[last - 1][1]) for first, last in pairwise(bounds)]

        async def worker(parts: Iterable[Slice]) -> None:
            for resource, start, end in parts:
                body = await page(resource, start, end, 0)
                load.add(resource, body["data"])
                for offset in range(PAGE, body["total"], PAGE):
                    load.add(resource, (await page(resource, start, end, offset))["data"])

        names = [name for name in KEYS if name in load._records]
        found = await asyncio.gather(*map(slices, names))
        requests = iter([part for parts in found for part in parts])
        await asyncio.gather(*(worker(requests) for _ in range(work.in_flight)))


def merge(work: Work, load: Load) -> None:
    """Merge the rows into the tables by key, in one transaction."""
    with duckdb.connect(str(work.out)) as connection:
        connection.execute("begin; create schema if not exists bench")
        for name, parts in load.tables.items():
            staged = pa.concat_tables(parts)
            connection.register("staged", staged)
            connection.execute(f"create table if not exists bench.{name} as select * from staged limit 0")
            matched = ["order_id"] if name == "order_items" else KEYS[name]
            same = " and ".join(f"old.{key} = staged.{key}" for key in matched)
            connection.execute(f"delete from bench.{name} as old using staged where {same}")
            keys = ", ".join(KEYS[name])
            order = "updated_at desc" if "updated_at" in staged.column_names else keys
            connection.execute(
                f"insert into bench.{name} select * from staged "
                f"qualify row_number() over (partition by {keys} order by {order}) = 1"
            )
            connection.unregister("staged")
        connection.execute("commit")


def main() -> None:
    """Read, then merge."""
    work, load = work_from_command_line(), Load()
    uvloop.run(read(work, load))
    load.finish()
    merge(work, load)


if __name__ == "__main__":
    main()
