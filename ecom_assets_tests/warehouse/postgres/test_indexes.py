"""Loaded tables in PostgreSQL have indexes on the keys by which a load finds rows, and PostgreSQL uses them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.load.row_keys import row_keys
from ecom_assets.load.run import run_load
from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.server import Running, serving
from ecom_assets.warehouse.postgres.indexes import index_name
from ecom_assets.warehouse.warehouse import Warehouse
from ecom_assets_tests.support.loads.sweeps import NOW, ORDERS, Sweeps
from ecom_assets_tests.support.servers.children_api import shop_of as shop_with_children
from ecom_assets_tests.support.warehouses.engines import Place, before_each_load
from ecom_assets_tests.support.warehouses.watched_statements import watched

SECRETS = {"api_key": SANDBOX_KEY}
OURS = {
    ("customers", "(id)"),
    ("orders", "(id)"),
    ("order_items", "(order_id, id)"),
}


@pytest.fixture
def api() -> Iterator[Running]:
    """Serve 20 orders a day, with the clock stopped."""
    with serving(SandboxSettings(orders_per_day=20, now=NOW)) as running:
        yield running


@pytest.fixture
def place(new_database: Callable[[], str]) -> Place:
    """Return an empty database."""
    return Place("postgres", new_database())


@pytest.fixture
def sweeps(api: Running, place: Place, tmp_path: Any) -> Sweeps:
    """Return loads and sweeps of the sandbox into that database."""
    return Sweeps(api, tmp_path, place=place)


def indexes(place: Place) -> set[tuple[str, str]]:
    """Return the indexes of the dataset, as table and columns."""
    found = place.rows("select tablename, indexdef from pg_indexes where schemaname = 'sandbox'")
    # dlt creates the indexes of its own tables
    return {
        (table, text[text.index("(") :].replace(" varchar_pattern_ops", ""))
        for table, text in found
        if not table.startswith("_dlt")
    }


def test_tables_get_their_indexes_with_the_first_load_and_those_of_earlier_ones_with_the_next(
    sweeps: Sweeps, place: Place
) -> None:
    first, second = sweeps.windows[:2]
    assert run_load(sweeps.shop, ["stores"], secrets=SECRETS, warehouse=place.warehouse()).errors == {}
    sweeps.load((first,), "customers", "order_items")
    assert indexes(place) == OURS
    place.write(
        'drop index "sandbox"."ecom.orders.id"', 'drop index "sandbox"."ecom.order_items.order_id.id"'
    )
    # an index that somebody else created is used as well
    place.write("create unique index theirs on sandbox.order_items (id, order_id, sku)")
    sweeps.load((second,), "customers", "order_items")
    assert indexes(place) == OURS - {("order_items", "(order_id, id)")} | {
        ("order_items", "(id, order_id, sku)")
    }


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (["order_id", "refund_id", "no"], [("order_id", "refund_id", "no")]),
        (["no", "order_id"], [("order_id", "no")]),
        (["no"], [("no",), ("order_id",)]),
    ],
)
def test_a_child_is_found_by_its_root_too(key: list[str], expected: list[tuple[str, ...]]) -> None:
    class _Nowhere:
        loopback = type("_At", (), {"base_url": "http://127.0.0.1:1"})

    shop = shop_with_children(_Nowhere())  # type: ignore[arg-type]
    notes = shop.resource("notes").model_copy(update={"key_fields": tuple(key)})
    assert row_keys(shop, notes) == expected
    assert row_keys(shop, shop.resource("orders")) == [("id",)]


WORDS = st.from_regex(r"[a-z][a-z0-9]{0,20}(_[a-z0-9]{1,10}){0,2}", fullmatch=True)
KEYS = st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=4).map(tuple))


@given(KEYS, KEYS)
def test_index_names_are_short_enough_and_unique(one: tuple[str, Any], other: tuple[str, Any]) -> None:
    names = [index_name(*key) for key in (one, other)]
    assert all(len(name) <= 63 and not re.fullmatch(r"\w+", name) for name in names)
    assert (names[0] == names[1]) == (one == other)


def test_changed_tables_are_analysed_and_not_while_the_lock_is_held(sweeps: Sweeps, place: Place) -> None:
    def analysed() -> int:
        ((count,),) = place.rows(
            "select analyze_count from pg_stat_user_tables where schemaname = 'sandbox' and relname = 'orders'"
        )
        return int(count)

    sweeps.load(sweeps.windows[:-1])
    place.write(*["update sandbox.orders set number = number"] * 3)
    before, with_the_lock = analysed(), list[str]()
    sweeps.warehouse = watched(place.warehouse(), lambda _, text: with_the_lock.append(text))
    sweeps.load(sweeps.windows[-1:])
    assert analysed() == before + 1
    assert any("ecom_read_orders" in text for text in with_the_lock)
    assert not [text for text in with_the_lock if "analyze (" in text]


def explained(warehouse: Warehouse, plans: dict[str, str]) -> Warehouse:
    """Have PostgreSQL explain each statement that looks for rows of the orders, right before it is run."""

    def explain(connection: Any, text: str) -> None:
        for statement in text.split(";"):
            head = " ".join(statement.split())
            if not re.match(r"(?i)(delete|update|create temporary table \w+ as) ", head):
                continue
            if head.endswith("with no data") or not re.search(r'"sandbox"\."order(s|_items)"', head):
                continue
            with closing(psycopg2.extensions.cursor(connection)) as cursor:
                # with a savepoint of its own, as this may run before the savepoint that the text begins with
                cursor.execute(f"explain (verbose, costs off) {statement}")
                plans[head] = "\n".join(line for (line,) in cursor.fetchall())

    return watched(warehouse, explain)


@pytest.mark.slow
def test_the_statements_of_loads_and_sweeps_use_them(sweeps: Sweeps, api: Running, place: Place) -> None:
    first, second = sweeps.windows[2:4]
    sweeps.load((first,), "order_items")
    for table, key in (("orders", "id"), ("order_items", "order_id")):
        with place.warehouse().read("sandbox") as transaction:
            columns = transaction.columns_of("sandbox")[table]
        values = [f'"{name}" + 10000 * copy' if name == key else f'"{name}"' for name in columns]
        place.write(
            f'insert into "sandbox"."{table}" select {", ".join(values)} from "sandbox"."{table}", '
            f"generate_series(1, {200_000 // len(place.table(table)) + 1}) as copy"
        )
    number = sweeps.ids(f"updated_at < '{first.end.isoformat()}'")[0]

    def newer() -> None:
        assert first.end is not None
        moment = (first.end - timedelta(minutes=1)).isoformat()
        api.faults.change(ORDERS, number, updated_at=moment, total="1.0000")
        Sweeps(api, sweeps.folder.parent / "newer", place=place).load((first,), "order_items")

    plans: dict[str, str] = {}
    sweeps.warehouse = before_each_load(explained(place.warehouse(), plans), newer)
    sweeps.load((first,), "order_items")
    sweeps.warehouse = explained(place.warehouse(), plans)
    sweeps.load((second,), "order_items")
    place.write(
        "update sandbox.orders set deleted_at = now() where id > 10000",
        "analyze sandbox.orders",
    )
    api.faults.delete(ORDERS, number)
    assert sweeps.sweep().newly_deleted == 1
    for begin in (
        "create temporary table ecom_newer_orders as",
        "create temporary table ecom_kept_orders as",
        "create temporary table ecom_kept_order_items as",
        'delete from "sandbox"."orders" as rows where exists',
        'delete from "sandbox"."order_items" as rows using ecom_parents',
        'delete from "sandbox"."order_items" as rows where exists',
        'update "sandbox"."orders"',
    ):
        assert any(head.startswith(begin) for head in plans), begin
    for head, plan in plans.items():
        assert not re.search(r"Seq Scan on sandbox\.order", plan), f"{head}\n{plan}"
        assert re.search(r'using "ecom\.order(s\.id|_items\.order_id\.id)" on sandbox', plan), (
            f"{head}\n{plan}"
        )
