"""The lock of a load into PostgreSQL: who waits, who is named, who can read meanwhile, and lost connections."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from ecom_assets.declaration.reading import BUNDLED_SHOPS, load_shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.run import run_load
from ecom_assets.load.staged_rows import staged_name
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import Running
from ecom_assets.warehouse.postgres.warehouse import PostgresWarehouse
from ecom_assets_tests.support.dagster.dagster_runs import declare
from ecom_assets_tests.support.loads.forked_loads import WINDOWED, Forks, shop_at
from ecom_assets_tests.support.loads.still_sandbox import WINDOWS
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.warehouses.engines import Place, before_each_load, warehouse_at


@pytest.fixture
def address(new_database: Callable[[], str]) -> str:
    """Return the address of an empty database."""
    return new_database()


def test_a_transaction_is_committed_as_a_whole_or_not_at_all(address: str) -> None:
    warehouse = PostgresWarehouse(address)
    with warehouse.transaction("shop") as transaction:
        transaction.execute("create schema shop")
        transaction.execute("create table shop.a as select 1 as x")
    with contextlib.suppress(psycopg2.Error), warehouse.transaction("shop") as transaction:
        transaction.execute("insert into shop.a select 2")
        transaction.execute("insert into shop.b select 3")
    with warehouse.read("shop") as transaction:
        assert transaction.execute("select x from a where x < ?", [9]).fetchall() == [(1,)]
        # an error leaves the snapshot usable, because several checks share one
        with pytest.raises(psycopg2.Error):
            transaction.execute("select nothing from a")
        assert transaction.fetch_value("select '100%' = ?", ["100%"])


def test_four_load_at_once_and_lose_nothing(
    sandbox: Running, forked: Forks, new_database: Callable[[], str]
) -> None:
    shared, alone = Place("postgres", new_database()), Place("postgres", new_database())
    loads = [
        forked.load(sandbox.base_url, shared.where, WINDOWS[first : first + 5]) for first in (0, 2, 3, 5)
    ]
    assert [forked.end(load) for load in loads] == [(0, "")] * 4
    assert forked.end(forked.load(sandbox.base_url, alone.where, WINDOWS)) == (0, "")
    assert len(alone.table("orders")) > 200
    assert shared.tables(*WINDOWED) == alone.tables(*WINDOWED)


def test_a_waiting_load_reports_the_holder_and_goes_on(forked: Forks, address: str) -> None:
    said: list[str] = []
    holder = forked.hold(address, 0.5)
    with PostgresWarehouse(address, 20).transaction("sandbox", said.append) as transaction:
        assert transaction.fetch_value("select 1") == 1
    (line,) = said
    assert line.startswith("waiting for the warehouse postgresql:///")
    assert f"held by PID {holder} on {socket.gethostname()}"[:60] in line
    assert line.endswith(", from the same machine")
    assert "s3cr3t-w0rd" not in line
    assert forked.end(holder) == (0, "")


def test_a_load_that_gives_up_names_the_holder_and_another_dataset_is_free(
    forked: Forks, address: str
) -> None:
    forked.end(forked.hold(address, 60), kill=True)
    holder = forked.hold(address, 60)
    said = rf"was held by PID {holder} on .*, server process \d+, from the same machine for 0.2 s \(ECOM_LOCK_TIMEOUT\)"
    with (
        pytest.raises(WarehouseError, match=said),
        PostgresWarehouse(address, 0.2).transaction("sandbox"),
    ):
        pass
    with PostgresWarehouse(address, 0).transaction("another") as transaction:
        assert transaction.fetch_value("select 1") == 1
    forked.end(holder, kill=True)
    with PostgresWarehouse(address, 5).transaction("sandbox"):
        pass


def test_readers_see_the_last_commit_and_wait_for_nobody(sandbox: Running, address: str) -> None:
    place = Place("postgres", address)
    shop, secrets = shop_at(sandbox.base_url), {"api_key": SANDBOX_KEY}
    run_load(shop, ["stores"], secrets=secrets, warehouse=place.warehouse())
    with place.warehouse().transaction("sandbox") as transaction:
        transaction.execute("delete from sandbox.stores")
        assert len(place.table("stores")) == 5
    assert place.table("stores") == []
    # readers too see a snapshot replaced in one step
    seen: list[int] = []
    with place.warehouse().read("sandbox") as reader:
        seen.append(reader.fetch_value("select count(*) from stores"))
        run_load(shop, ["stores"], secrets=secrets, warehouse=place.warehouse(5))
        seen.append(reader.fetch_value("select count(*) from stores"))
    assert (seen, len(place.table("stores"))) == ([0, 0], 5)


def test_a_load_whose_connection_is_cut_leaves_the_tables_as_they_were(
    sandbox: Running, address: str
) -> None:
    place = Place("postgres", address)
    shop, secrets = shop_at(sandbox.base_url), {"api_key": SANDBOX_KEY}
    run_load(shop, WINDOWED, WINDOWS[:1], secrets=secrets, warehouse=place.warehouse())
    before = place.tables()

    def cut() -> None:
        # the connections of the load that is about to begin, by a rule of the database's owner
        place.write(
            "create or replace function cut() returns trigger language plpgsql as "
            "$$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$",
            'create trigger cut after insert on "sandbox"."load_ledger" for each statement execute function cut()',
        )

    warehouse = before_each_load(place.warehouse(), cut)
    with pytest.raises(WarehouseError) as failed:
        run_load(shop, WINDOWED, WINDOWS, secrets=secrets, warehouse=warehouse)
    assert "was left as it was: " in str(failed.value)
    assert "terminat" in str(failed.value) or "closed" in str(failed.value)
    assert place.tables() == before


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("raise exception 'no space is left' using errcode = 'disk_full'", "no space is left"),
        ("raise exception 'too much' using errcode = 'out_of_memory'", "too much"),
        ("raise exception 'both wrote' using errcode = 'serialization_failure'", "both wrote"),
        ("raise exception 'of no kind'", "of no kind"),
    ],
    ids=["disk full", "out of memory", "serialization failure", "other"],
)
def test_a_commit_that_the_server_refuses_is_known_to_have_changed_nothing(
    sandbox: Running, address: str, statement: str, problem: str
) -> None:
    before, message = fail_at_the_commit(sandbox, address, statement)
    assert message == f"the warehouse {warehouse_at(address)} was left as it was: {problem}"
    assert Place("postgres", address).tables() == before


def test_a_connection_that_is_lost_at_the_commit_leaves_its_result_unknown(
    sandbox: Running, address: str
) -> None:
    before, message = fail_at_the_commit(
        sandbox, address, "perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(5)"
    )
    assert message.startswith(
        f"the connection to the warehouse {warehouse_at(address)} was lost at the moment of the commit: "
    )
    assert message.endswith("; its ledger says whether the load was kept, and running it again does no harm")
    assert "\n" not in message
    assert Place("postgres", address).tables() == before


def fail_at_the_commit(sandbox: Running, address: str, statement: str) -> tuple[dict[str, Any], str]:
    """Load after a load, with a statement of PL/pgSQL at the commit. Return the tables before, and the error."""
    place = Place("postgres", address)
    shop, secrets = shop_at(sandbox.base_url), {"api_key": SANDBOX_KEY}
    run_load(shop, ["stores"], secrets=secrets, warehouse=place.warehouse())
    place.write(
        f"create function fail() returns trigger language plpgsql as $$ begin {statement}; return null; end $$",
        'create constraint trigger fail after insert on "sandbox"."load_ledger" '
        "deferrable initially deferred for each row execute function fail()",
    )
    before = place.tables()
    with pytest.raises(WarehouseError) as failed:
        run_load(shop, ["stores"], secrets=secrets, warehouse=place.warehouse())
    return before, str(failed.value)


def test_a_server_that_cannot_be_reached_is_named_without_the_password(address: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        where = f"postgresql://user:s3cr3t-w0rd@127.0.0.1:{port}/shop?connect_timeout=3"
        warehouse = warehouse_at(where)
        assert str(warehouse) == warehouse.uri == f"postgresql://127.0.0.1:{port}/shop"
        with pytest.raises(
            WarehouseError, match=rf"postgresql://127.0.0.1:{port}/shop cannot be opened: "
        ) as no:
            run_load(load_shop(BUNDLED_SHOPS / "sandbox.yaml"), ["stores"], warehouse=warehouse)
    missing = warehouse_at(address.replace("/shop_", "/no_shop_"))
    with (
        pytest.raises(WarehouseError, match=r'database "no_shop_\d+" does not exist') as none,
        missing.read("a"),
    ):
        pass
    for failed in (no, none):
        assert "s3cr3t-w0rd" not in str(failed.value)
        assert "\n" not in str(failed.value)


def test_names_that_postgresql_would_cut_off_are_refused(tmp_path: Path) -> None:
    shop = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
    warehouse = warehouse_at("postgresql://host/shop")
    for name, said in (
        ("pg_shop", "keeps names that begin with pg_"),
        ("s" * 64, "longer than the 63 characters"),
    ):
        with pytest.raises(WarehouseError, match=said):
            run_load(shop.model_copy(update={"name": name}), ["stores"], warehouse=warehouse)
    resources = (shop.resource("stores").model_copy(update={"name": "r" * 53}),)
    with pytest.raises(
        WarehouseError, match=r"r{53} is longer than the 52 characters that PostgreSQL allows"
    ):
        run_load(shop.model_copy(update={"resources": resources}), ["r" * 53], warehouse=warehouse)
    assert len(staged_name("r" * 52)) <= 63
    folder = declare(
        tmp_path, ("      opened_on:", f"      {'c' * 64}: {{data_type: text}}\n      opened_on:")
    )
    with pytest.raises(WarehouseError, match=r"c{64} is longer than the 63 bytes that PostgreSQL allows"):
        run_load(load_shop(folder / "sandbox.yaml"), ["stores"], warehouse=warehouse)


def test_the_lock_timeout_also_applies_to_a_table_that_somebody_else_has_locked(
    sandbox: Running, address: str
) -> None:
    place = Place("postgres", address)
    shop, secrets = shop_at(sandbox.base_url), {"api_key": SANDBOX_KEY}
    run_load(shop, ["stores"], secrets=secrets, warehouse=place.warehouse())
    before = place.tables()
    other = psycopg2.connect(address)
    with other, other.cursor() as cursor:
        cursor.execute('lock table "sandbox"."stores"')
        with pytest.raises(
            WarehouseError, match="was left as it was: canceling statement due to lock timeout"
        ):
            run_load(shop, ["stores"], secrets=secrets, warehouse=place.warehouse(0.3))
    other.close()
    assert place.tables() == before
