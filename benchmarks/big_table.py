"""`python -m benchmarks.big_table`: what a day's load costs PostgreSQL as its tables grow, with indexes and without.

A day is loaded, its rows are copied under other keys until the tables are as large as asked for, and then days are
loaded, one by one. What is measured is the time for which the warehouse is held.
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
from benchmarks.running import ROOT, serving
from benchmarks.scaling import places, shop_at
from benchmarks.server import API_KEY
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.run import run_load
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.postgres.transaction import PostgresTransaction
from ecom_assets.warehouse.transaction import Transaction

BUILD = ROOT / "build" / "bench"
RESOURCES = ("orders", "order_items")
KEYS = {"orders": "id", "order_items": "order_id"}
_FAR = 1_000_000_000
"""More than the keys of the API's records: those of copies are greater."""


def held(url: str, day: int) -> float:
    """Load a day of orders and their lines, and return for how long it held the warehouse, in seconds."""
    shop = shop_at(url)
    assert shop.partitions
    start = data.START + timedelta(days=day)
    windows = windows_between(shop.partitions, start, start + timedelta(days=1))
    report = run_load(shop, RESOURCES, windows, secrets={"api_key": API_KEY}, progress=lambda line: None)
    if report.errors:
        raise SystemExit(f"{report.errors}")
    return report.phases["load"]


def grow(orders: int) -> None:
    """Copy the rows until there are so many orders, as a transaction of its own."""
    with warehouse_from_environment().transaction("bench") as session:
        tables = session.columns_of("bench")
        copies = orders // session.fetch_value('select count(*) from "bench"."orders"')
        for table, key in KEYS.items():
            values = [
                f'"{name}" + copy::bigint * {_FAR}' if name == key else f'"{name}"' for name in tables[table]
            ]
            session.execute(
                f'insert into "bench"."{table}" select {", ".join(values)} '
                f'from "bench"."{table}" cross join generate_series(1, {copies}) as copy'
            )


@contextmanager
def without_indexes() -> Iterator[None]:
    """Let PostgreSQL's tables be as they were before they had any."""
    indexing = PostgresTransaction.create_indexes
    PostgresTransaction.create_indexes = Transaction.create_indexes  # type: ignore[method-assign]
    try:
        yield
    finally:
        PostgresTransaction.create_indexes = indexing  # type: ignore[method-assign]


def measure(url: str, place: str, orders: int, days: int, *, indexed: bool) -> list[float]:
    """Return for how long each day's load holds the warehouse, in seconds."""
    os.environ["ECOM_WAREHOUSE"] = place
    with nullcontext() if indexed else without_indexes():
        held(url, 0)
        grow(orders)
        return [held(url, day) for day in range(1, days + 1)]


def main() -> int:
    """Read the command line, measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.big_table", description=__doc__)
    parser.add_argument("--orders", default="10000,100000,1000000", help="in the table, one measurement each")
    parser.add_argument("--days", type=int, default=5, help="loads of which the median is taken")
    options = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    print("| orders in the table | without, s | with, s | without / with |\n| ---: | ---: | ---: | ---: |")
    with (
        tempfile.TemporaryDirectory(dir=BUILD, prefix="big-table-") as folder,
        serving(data.make(BUILD / "data", data.Size.of(100_000)), 0.0) as server,
        places("postgres", Path(folder)) as place,
    ):
        for number, orders in enumerate(map(int, options.orders.split(","))):
            plain, fast = (
                median(
                    measure(server.url, place(2 * number + indexed), orders, options.days, indexed=indexed)
                )
                for indexed in (False, True)
            )
            print(f"| {orders:,} | {plain:.2f} | {fast:.2f} | {plain / fast:.1f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
