"""Contestants and tasks: who takes part in what, in which environment, and which columns are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from benchmarks.data import DAYS, START, Size

OWN = "own"
"""The environment that `make install` created. See `benchmarks.environments` for the others."""


@dataclass(frozen=True)
class Contestant:
    """A script, its title in the results, and a query for the key columns of each table.

    `shown` are the packages whose versions the results show.
    """

    letter: str
    title: str
    script: str
    environment: str
    shown: tuple[str, ...]
    queries: Mapping[str, str]


@dataclass(frozen=True)
class Task:
    """What to load: records of a size, from a server with a latency in seconds, in windows of `step` days.

    `only` has the letters of the contestants that take part; empty means all.
    """

    name: str
    title: str
    size: Size
    latency: float = 0.0
    start: datetime = START
    days: int = DAYS
    step: int = 1
    only: str = ""

    @property
    def end(self) -> datetime:
        """Return the end of the last day."""
        return self.start + timedelta(days=self.days)

    def admits(self, contestant: Contestant) -> bool:
        """Return whether a contestant takes part."""
        return not self.only or contestant.letter in self.only


_SAME = {
    "customers": "from bench.customers",
    "products": "from bench.products",
    "orders": "select *, shipping_address__city as city from bench.orders",
}
_OWN_TABLES = _SAME | {"order_items": "from bench.order_items"}
_DLT_TABLES = _SAME | {
    "order_items": "select line.*, orders.id as order_id from bench.orders__line_items as line "
    "join bench.orders as orders on orders._dlt_id = line._dlt_parent_id"
}
_LINES = (
    "select orders.id as order_id, unnest(from_json(orders.line_items::json, "
    """'[{"id": "BIGINT", "product_id": "BIGINT", "quantity": "BIGINT", "unit_price": "VARCHAR"}]'), """
    "recursive := true) from bench.orders as orders"
)
_SINGER_TABLES = _SAME | {"order_items": _LINES}
_AIRBYTE_TABLES = _SINGER_TABLES | {
    "orders": "select *, shipping_address::json ->> '$.city' as city from bench.orders"
}

_DLT = ("dlt", "duckdb", "pyarrow")

CONTESTANTS = (
    Contestant("a", "ecom_assets, run_load", "own_load.py", OWN, _DLT, _OWN_TABLES),
    Contestant(
        "b",
        "ecom_assets, dagster asset materialize",
        "own_dagster.py",
        OWN,
        ("dagster", "dagster-dlt", *_DLT),
        _OWN_TABLES,
    ),
    Contestant("c", "dlt, as it comes", "dlt_plain.py", "dlt", _DLT, _DLT_TABLES),
    Contestant("d", "dlt, tuned", "dlt_tuned.py", "dlt", _DLT, _DLT_TABLES),
    Contestant(
        "e",
        "dagster-dlt, as it comes",
        "dagster_dlt_plain.py",
        "dagster-dlt",
        ("dagster", "dagster-dlt", *_DLT),
        _DLT_TABLES,
    ),
    Contestant(
        "f",
        "by hand: the limit",
        "limit.py",
        "limit",
        ("aiohttp", "orjson", "duckdb", "pyarrow"),
        _OWN_TABLES,
    ),
    Contestant(
        "g",
        "Airbyte's CDK, PyAirbyte",
        "airbyte_cdk_source.py",
        "airbyte",
        ("airbyte-cdk", "airbyte", "duckdb"),
        _AIRBYTE_TABLES,
    ),
    Contestant(
        "h",
        "Singer tap, target-duckdb",
        "singer_pipe.py",
        "singer-target",
        ("target-duckdb", "duckdb"),
        _SINGER_TABLES,
    ),
)

TOGETHER = {"singer-target": ("singer-tap",)}
"""Further environments that an environment needs."""

_SMALL, _LARGE = Size.of(20_000), Size.of(100_000)
_JUNE = datetime(2025, 6, 1, tzinfo=START.tzinfo)

TASKS = (
    Task("S", "20,000 orders of a year, no latency", _SMALL),
    Task("S50", "20,000 orders of a year, 50 ms a request", _SMALL, latency=0.05),
    Task("L", "100,000 orders of a year, no latency", _LARGE),
    Task("D30", "a month of 8,000 orders in 30 daily windows", _LARGE, start=_JUNE, days=30, only="ab"),
    Task("D1", "the same month in one window", _LARGE, start=_JUNE, days=30, step=30, only="ab"),
    Task("XL", "1,000,000 orders of a year, no latency", Size.of(1_000_000), only="af"),
)
