"""A load writes all rows even if PostgreSQL cannot create an index, or cannot create it now."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timezone

import psycopg2
import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.load.run import run_load
from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.server import Running, serving
from ecom_assets_tests.support.loads.forked_loads import WINDOWED, shop_at, windows_from
from ecom_assets_tests.support.servers.loopback import json_reply
from ecom_assets_tests.support.servers.loopback import serving as answering
from ecom_assets_tests.support.warehouses.engines import Place

UTC = timezone.utc
NOW = datetime(2026, 1, 4, tzinfo=UTC)
WINDOWS = windows_from(datetime(2026, 1, 1, tzinfo=UTC), NOW)


@pytest.fixture
def place(new_database: Callable[[], str]) -> Place:
    """Return an empty database."""
    return Place("postgres", new_database())


@pytest.fixture
def api() -> Iterator[Running]:
    """Serve 20 orders a day, with the clock stopped."""
    with serving(SandboxSettings(orders_per_day=20, now=NOW)) as running:
        yield running


def load(api: Running, place: Place, window: Window) -> None:
    """Load a window of all windowed resources, with a lock timeout of ten seconds."""
    report = run_load(
        shop_at(api.base_url),
        WINDOWED,
        [window],
        secrets={"api_key": SANDBOX_KEY},
        warehouse=place.warehouse(10),
    )
    assert report.errors == {}


def indexes(place: Place) -> set[str]:
    """Return the names of our indexes."""
    return {
        name for (name,) in place.rows("select indexname from pg_indexes where indexname like ?", ["ecom.%"])
    }


ALL = {"ecom.customers.id", "ecom.orders.id", "ecom.order_items.order_id.id"}
DROPPED = [f'drop index "sandbox"."{name}"' for name in sorted(ALL)]


@pytest.mark.slow
def test_a_table_that_somebody_writes_into_gets_its_index_later(api: Running, place: Place) -> None:
    load(api, place, WINDOWS[0])
    counts = [len(place.table("orders"))]
    place.write(*DROPPED)
    with closing(psycopg2.connect(place.where)) as other, other.cursor() as cursor:
        cursor.execute("update sandbox.orders set status = status where false")
        load(api, place, WINDOWS[1])
        assert indexes(place) == ALL - {"ecom.orders.id"}
    counts.append(len(place.table("orders")))
    load(api, place, WINDOWS[2])
    assert indexes(place) == ALL
    counts.append(len(place.table("orders")))
    assert counts == sorted(set(counts))


def test_a_user_who_does_not_own_the_tables_can_load(api: Running, place: Place) -> None:
    load(api, place, WINDOWS[0])
    loader = f"loader_of_{place.rows('select current_database()')[0][0]}"
    place.write(
        *DROPPED,
        f"create role {loader} login",
        f"grant usage, create on schema sandbox to {loader}",
        f"grant all on all tables in schema sandbox to {loader}",
    )
    before = len(place.table("orders"))
    theirs = Place("postgres", place.where.replace("postgres:s3cr3t-w0rd@", f"{loader}@"))
    assert theirs.rows("select current_user") == [(loader,)]
    load(api, theirs, WINDOWS[1])
    assert len(place.table("orders")) > before
    assert indexes(place) == set()


@pytest.mark.parametrize("length", [3_000, pytest.param(30_000, marks=pytest.mark.slow)])
def test_keys_that_are_too_long_for_an_index_are_loaded(place: Place, length: int) -> None:
    random.seed(7)
    # random letters, so that it stays long when it is compressed
    long = "".join(random.choices(string.ascii_letters, k=length))
    kept: list[list[str]] = []
    with answering() as api:
        shop = Shop.model_validate(
            {
                "name": "sandbox",
                "client": {"base_url": api.base_url},
                "partitions": {"every": "day", "start": "2026-01-01"},
                "resources": [
                    {
                        "name": name,
                        "primary_key": "id",
                        "endpoint": {
                            "path": name,
                            "data_selector": "data",
                            "incremental": {"cursor_path": "at", "start_param": "since"},
                        },
                        "columns": {
                            "id": {"data_type": "text", "nullable": False},
                            "at": {"data_type": "timestamp", "nullable": False},
                            "size": {"data_type": "bigint"},
                        },
                    }
                    for name in ("things", "others")
                ],
            }
        )
        assert shop.partitions
        (window,) = windows_between(
            shop.partitions, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
        )
        for size, key in enumerate(["short", long, long, "short"]):
            records = [{"id": key, "at": "2026-01-01T10:00:00Z", "size": size}]
            api.replies = [json_reply({"data": records}), json_reply({"data": records[:0]})]
            report = run_load(shop, ["things", "others"], [window], warehouse=place.warehouse())
            assert report.errors == {}
            kept.append(
                [
                    f"{name[:5]} {size}"
                    for name, size in place.rows("select id, size from things order by size")
                ]
            )
            names = indexes(place)
            assert names == {"ecom.others.id", "ecom.things.id"} - ({"ecom.things.id"} if size else set())
    assert kept == [
        ["short 0"],
        ["short 0", f"{long[:5]} 1"],
        ["short 0", f"{long[:5]} 2"],
        [f"{long[:5]} 2", "short 3"],
    ]
