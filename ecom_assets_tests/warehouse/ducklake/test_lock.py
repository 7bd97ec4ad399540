"""The locks of a lake with its catalog in PostgreSQL: who waits, who can read meanwhile, and lost connections."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import duckdb
import psycopg2
import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.run import run_load
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import Running
from ecom_assets.warehouse.postgres.lock import acquire_lock
from ecom_assets.warehouse.warehouse import Warehouse
from ecom_assets_tests.support.loads.forked_loads import WINDOWED, forks, shop_at
from ecom_assets_tests.support.loads.still_sandbox import WINDOWS
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.warehouses.engines import Place, before_each_load

SECRETS = {"api_key": SANDBOX_KEY}
NewLake = Callable[..., Place]

pytestmark = pytest.mark.slow


@pytest.fixture
def address(new_database: Callable[[], str]) -> str:
    """Return the address of an empty database for a catalog."""
    return new_database()


@pytest.fixture
def lake(new_lake: NewLake, address: str) -> Place:
    """Return an empty lake."""
    return new_lake(CATALOG=address)


def cut(address: str, condition: str) -> int:
    """End the connections to a database that meet a condition, and return how many there were."""
    connection = psycopg2.connect(address)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity as a where datname = current_database() "
            f"and pid <> pg_backend_pid() and {condition}"
        )
        (count,) = cursor.fetchone()
    connection.close()
    return int(count)


def load_and(warehouse: Warehouse, happens: Callable[[], object]) -> None:
    """Write into a lake, and call `happens` right before the commit."""
    with warehouse.transaction("sandbox") as transaction:
        transaction.execute('create table "sandbox"."a" as select * from range(20)')
        transaction.execute('create table "sandbox"."b" as select * from range(2)')
        happens()


LOCKED = "exists (select 1 from pg_locks as l where l.pid = a.pid and l.locktype = 'advisory')"
"""The condition of the connection that holds a load's lock."""


def test_a_waiting_load_reports_the_holder_and_another_dataset_is_free(lake: Place, tmp_path: Path) -> None:
    said: list[str] = []
    with forks(tmp_path) as forked:
        holder = forked.hold(lake.where, 1)
        with lake.warehouse().transaction("sandbox", said.append) as transaction:
            assert transaction.fetch_value("select 1") == 1
        assert forked.end(holder) == (0, "")
        (line,) = said
        assert line.startswith("waiting for the warehouse ducklake:postgresql:///")
        assert f"held by PID {holder} on {socket.gethostname()}"[:50] in line
        assert "s3cr3t-w0rd" not in line
        holder = forked.hold(lake.where, 60)
        said_then = rf"was held by PID {holder} on .*, server process \d+, .* for 0.2 s \(ECOM_LOCK_TIMEOUT\)"
        with pytest.raises(WarehouseError, match=said_then), lake.warehouse(0.2).transaction("sandbox"):
            pass
        with lake.warehouse(0).transaction("another") as transaction:
            assert transaction.fetch_value("select 1") == 1
        forked.end(holder, kill=True)
        with lake.warehouse(10).transaction("sandbox"):
            pass


def test_a_commit_waits_for_the_one_before(lake: Place, address: str) -> None:
    said: list[str] = []
    other = psycopg2.connect(address)
    with lake.warehouse().transaction("sandbox", said.append) as transaction:
        transaction.execute('create schema "sandbox"')
        acquire_lock(other, 'lake "ducklake"', "", 1, said.append)
        began = time.monotonic()
        ends = threading.Timer(1.5, other.rollback)
        ends.start()
    assert time.monotonic() - began > 1.4
    assert [line.startswith("waiting for the warehouse ducklake:") for line in said] == [True]
    ends.join()
    with pytest.raises(WarehouseError, match=r"for 0\.2 s"):
        load_and(lake.warehouse(0.2), lambda: acquire_lock(other, 'lake "ducklake"', "", 1, said.append))
    other.close()
    assert lake.tables() == {}


def test_a_server_that_refuses_the_lock_did_not_lose_the_connection(lake: Place, address: str) -> None:
    other = psycopg2.connect(address)
    warehouse = lake.warehouse()

    def stop_waiting() -> None:
        acquire_lock(other, 'lake "ducklake"', "", 1, lambda _: None)
        with warehouse._lock_connection.cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute("set statement_timeout to 100")

    lake.write('create schema "sandbox"')
    with pytest.raises(WarehouseError) as failed:
        load_and(warehouse, stop_waiting)
    other.close()
    assert str(failed.value) == (
        f"the warehouse {warehouse} was left as it was: canceling statement due to statement timeout"
    )
    assert lake.tables() == {}


def test_readers_see_the_last_commit_and_wait_for_nobody(sandbox: Running, lake: Place) -> None:
    shop = shop_at(sandbox.base_url)
    run_load(shop, ["stores"], secrets=SECRETS, warehouse=lake.warehouse())
    with lake.warehouse().transaction("sandbox") as transaction:
        transaction.execute('delete from "sandbox"."stores"')
        began = time.monotonic()
        assert len(lake.table("stores")) == 5
        assert time.monotonic() - began < 5
    assert lake.table("stores") == []
    with lake.warehouse().read("sandbox") as reader:
        before = reader.fetch_value("select count(*) from stores")
        run_load(shop, ["stores"], secrets=SECRETS, warehouse=lake.warehouse())
        # an error leaves the snapshot usable, because several checks share one
        with pytest.raises(duckdb.Error):
            reader.execute("select cast('a' as integer)")
        assert (before, reader.fetch_value("select count(*) from stores")) == (0, 0)
        with pytest.raises(duckdb.Error, match="read-only"):
            reader.execute('delete from "sandbox"."stores"')
    assert len(lake.table("stores")) == 5


@pytest.mark.parametrize("whose", [LOCKED, f"not {LOCKED}", "true"], ids=["the lock's", "the lake's", "all"])
def test_a_load_whose_connection_is_cut_leaves_the_lake_as_it_was(
    sandbox: Running, lake: Place, address: str, whose: str
) -> None:
    shop = shop_at(sandbox.base_url)
    run_load(shop, ["customers"], WINDOWS[:1], secrets=SECRETS, warehouse=lake.warehouse())
    before = lake.tables()
    with pytest.raises((WarehouseError, duckdb.Error)) as failed:
        load_and(lake.warehouse(), lambda: cut(address, whose))
    if whose != f"not {LOCKED}":
        assert "was left as it was: the connection that held its lock was lost" in str(failed.value)
    assert lake.tables() == before
    assert run_load(shop, ["customers"], WINDOWS, secrets=SECRETS, warehouse=lake.warehouse()).errors == {}


def test_a_load_that_loses_its_lock_while_it_writes_says_so(
    sandbox: Running, lake: Place, address: str
) -> None:
    shop = shop_at(sandbox.base_url)
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr("ecom_assets.load.commit.record_layout", lambda *given: cut(address, LOCKED))
        with pytest.raises(WarehouseError) as failed:
            run_load(shop, WINDOWED, WINDOWS[:2], secrets=SECRETS, warehouse=lake.warehouse())
    assert str(failed.value).startswith(
        f"the warehouse {lake.warehouse()} was left as it was: the connection"
    )
    assert "\n" not in str(failed.value)
    assert lake.tables() == {}


def test_a_load_that_loses_its_connection_while_it_waits_says_so(
    sandbox: Running, lake: Place, address: str
) -> None:
    shop = shop_at(sandbox.base_url)
    waiting = threading.Timer(0, lambda: None)

    def told(line: str) -> None:
        nonlocal waiting
        if line.startswith("waiting"):
            waiting = threading.Timer(0.3, cut, (address, "wait_event_type = 'Lock'"))
            waiting.start()

    with (
        lake.warehouse().transaction("sandbox"),
        pytest.raises(WarehouseError, match="was left as it was: ") as failed,
    ):
        run_load(shop, ["stores"], secrets=SECRETS, warehouse=lake.warehouse(), progress=told)
    waiting.join()
    assert "\n" not in str(failed.value)


def test_options_in_the_address_stop_a_server_that_ends_idle_transactions(
    lake: Place, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = psycopg2.connect(address)
    connection.autocommit = True
    name = connection.info.dbname
    with connection.cursor() as cursor:
        cursor.execute(f"alter database {name} set idle_in_transaction_session_timeout to 300")
    connection.close()
    lake.write('create schema "sandbox"')
    with pytest.raises(WarehouseError, match="at the moment of the commit"):
        load_and(lake.warehouse(), lambda: time.sleep(1))
    told = f"{address}&options=-c%20idle_in_transaction_session_timeout%3D0"
    monkeypatch.setenv(f"DESTINATION__{lake.where.upper()}__CREDENTIALS__CATALOG", told)
    load_and(lake.warehouse(), lambda: time.sleep(1))
    assert lake.rows("select count(*) from a") == [(20,)]


def test_a_load_that_another_one_overtakes_is_correct(sandbox: Running, lake: Place) -> None:
    shop = shop_at(sandbox.base_url)

    def meanwhile() -> None:
        run_load(shop, WINDOWED, WINDOWS[1:3], secrets=SECRETS, warehouse=lake.warehouse())

    warehouse = before_each_load(lake.warehouse(), meanwhile)
    assert run_load(shop, WINDOWED, WINDOWS[:2], secrets=SECRETS, warehouse=warehouse).errors == {}
    days = lake.rows("select distinct cast(updated_at as date) from orders")
    assert len(days) == 3


@pytest.fixture
def locked(postgres_server: str) -> Iterator[str]:
    """Return a user from whom the server wants a password."""
    connection = psycopg2.connect(postgres_server)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("show hba_file")
        file = Path(cursor.fetchone()[0])
        rules = file.read_text("utf-8")
        cursor.execute("create role locked login superuser password 's3cr3t''w\\0rd @:/'")
        file.write_text(f"local all locked scram-sha-256\n{rules}", "utf-8")
        cursor.execute("select pg_reload_conf()")
        yield "locked"
        file.write_text(rules, "utf-8")
        cursor.execute("select pg_reload_conf()")
    connection.close()


def test_a_password_is_asked_for_and_never_shown(new_lake: NewLake, address: str, locked: str) -> None:
    def lake(password: str) -> Place:
        return new_lake(CATALOG=address.replace("postgres:s3cr3t-w0rd", f"{locked}:{password}"))

    right = lake("s3cr3t%27w%5C0rd%20%40%3A%2F")
    right.write('create schema "sandbox"', 'create table "sandbox"."a" as select 1 as x')
    assert right.rows("select x from a") == [(1,)]
    wrong = lake("s3cr3t-wr0ng").warehouse()
    for attempt in (wrong.exists, lambda: wrong.transaction("sandbox").__enter__()):
        with pytest.raises(WarehouseError, match=r"cannot be opened: .*password authentication failed") as no:
            attempt()
        assert "s3cr3t" not in str(no.value)
        assert "\n" not in str(no.value)
