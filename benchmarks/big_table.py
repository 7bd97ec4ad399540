"""`python -m benchmarks.big_table`: what a day's load costs PostgreSQL as its tables grow, with indexes and without.

It loads a day, copies its rows under other keys until the tables have the requested size, and then loads days one by
one. It measures how long each load holds the warehouse's lock.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from statistics import median

from benchmarks import data
from benchmarks.runs import ROOT, serving
from benchmarks.scaling import empty_warehouses, shop_at
from benchmarks.server import API_KEY
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.run import run_load
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.postgres.transaction import PostgresTransaction
from ecom_assets.warehouse.transaction import Transaction

BUILD = ROOT / "build" / "bench"
RESOURCES = ("orders", "order_items")
KEYS = {"orders": "id", "order_items": "order_id"}
_KEY_OFFSET = 1_000_000_000
"""Added to the keys of copies. It is greater than each key of the API's records."""


def load_day(url: str, day: int) -> float:
    """Load a day of orders and their lines, and return the seconds for which it held the warehouse's lock."""
    shop = shop_at(url)
    assert shop.partitions
    start = data.START + timedelta(days=day)
    windows = windows_between(shop.partitions, start, start + timedelta(days=1))
    report = run_load(shop, RESOURCES, windows, secrets={"api_key": API_KEY}, progress=lambda line: None)
    if report.errors:
        raise SystemExit(f"{report.errors}")
    return report.phases["load"]


def grow(orders: int) -> None:
    """Copy the rows in one transaction, until the table has about this many orders."""
    with warehouse_from_environment().transaction("bench") as transaction:
        tables = transaction.columns_of("bench")
        copies = orders // transaction.fetch_value('select count(*) from "bench"."orders"')
        for table, key in KEYS.items():
            values = [
                f'"{name}" + copy::bigint * {_KEY_OFFSET}' if name == key else f'"{name}"'
                for name in tables[table]
            ]
            transaction.execute(
                f'insert into "bench"."{table}" select {", ".join(values)} '
                f'from "bench"."{table}" cross join generate_series(1, {copies}) as copy'
            )


@contextmanager
def without_indexes() -> Iterator[None]:
    """Create no index in PostgreSQL's tables until the end of the block."""
    index_method = PostgresTransaction.create_indexes
    PostgresTransaction.create_indexes = Transaction.create_indexes  # type: ignore[method-assign]
    try:
        yield
    finally:
        PostgresTransaction.create_indexes = index_method  # type: ignore[method-assign]


def measure(url: str, place: str, orders: int, days: int, *, indexed: bool) -> list[float]:
    """Return the seconds for which each day's load holds the warehouse's lock."""
    os.environ["ECOM_WAREHOUSE"] = place
    with nullcontext() if indexed else without_indexes():
        load_day(url, 0)
        grow(orders)
        return [load_day(url, day) for day in range(1, days + 1)]


def main() -> int:
    """Run the command: measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.big_table", description=__doc__)
    parser.add_argument("--orders", default="10000,100000,1000000", help="in the table, one measurement each")
    parser.add_argument("--days", type=int, default=5, help="loads of which the median is taken")
    options = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    print("| orders in the table | without, s | with, s | without / with |\n| ---: | ---: | ---: | ---: |")
    with (
        tempfile.TemporaryDirectory(dir=BUILD, prefix="big-table-") as folder,
        serving(data.make(BUILD / "data", data.Size.of(100_000)), 0.0) as server,
        empty_warehouses("postgres", Path(folder)) as place,
    ):
        for number, orders in enumerate(map(int, options.orders.split(","))):
            without, with_indexes = (
                median(
                    measure(server.url, place(2 * number + indexed), orders, options.days, indexed=indexed)
                )
                for indexed in (False, True)
            )
            print(
                f"| {orders:,} | {without:.2f} | {with_indexes:.2f} | {without / with_indexes:.1f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
