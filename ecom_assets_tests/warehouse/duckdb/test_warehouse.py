"""A DuckDB file as the warehouse: one writer at a time, all or nothing, and clear errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ecom_assets.declaration.reading import BUNDLED_SHOPS, load_shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.run import run_load
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDbWarehouse:
    """Return a warehouse whose file does not exist yet."""
    return DuckDbWarehouse(tmp_path / "deep" / "one.duckdb", 0.3)


def test_a_file_with_the_name_of_a_shop_is_refused(tmp_path: Path) -> None:
    shop = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
    with pytest.raises(
        WarehouseError, match=r"has the same name as the shop sandbox, .* another file in ECOM_WAREHOUSE"
    ):
        run_load(shop, ["stores"], warehouse=DuckDbWarehouse(tmp_path / "Sandbox.duckdb"))
    assert list(tmp_path.iterdir()) == []


def test_a_transaction_is_committed_as_a_whole_or_not_at_all(warehouse: DuckDbWarehouse) -> None:
    with warehouse.transaction("sandbox") as transaction:
        transaction.execute("create schema shop; create table shop.a as select 1 as x")
    with pytest.raises(duckdb.CatalogException), warehouse.transaction("sandbox") as transaction:
        transaction.execute("insert into shop.a values (2); insert into shop.nothing values (2)")
    with warehouse.read("shop") as transaction:
        assert transaction.execute("select * from a").fetchall() == [(1,)]
    with warehouse.read("nothing") as transaction:
        assert transaction.execute("select current_setting('TimeZone')").fetchall() == [("UTC",)]


def test_reading_a_missing_file_says_what_to_do(warehouse: DuckDbWarehouse) -> None:
    with (
        pytest.raises(WarehouseError, match="does not exist: materialise an asset first"),
        warehouse.read("shop"),
    ):
        pass


def test_a_file_that_is_not_a_duckdb_file_cannot_be_opened(warehouse: DuckDbWarehouse) -> None:
    warehouse.path.parent.mkdir()
    warehouse.path.write_text("x" * 5000)
    with pytest.raises(WarehouseError, match="cannot be opened"), warehouse.transaction("sandbox"):
        pass


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blocked = DuckDbWarehouse(tmp_path / "file" / "one.duckdb")
    with pytest.raises(WarehouseError, match="cannot be locked"), blocked.transaction("sandbox"):
        pass


def test_the_lock_timeout_names_the_other_load(warehouse: DuckDbWarehouse) -> None:
    other = DuckDbWarehouse(warehouse.path, 0.1)
    said: list[str] = []
    with (
        warehouse.transaction("sandbox"),
        pytest.raises(
            WarehouseError, match=rf"was held by PID {os.getpid()} on .* for 0.1 s \(ECOM_LOCK_TIMEOUT\)"
        ),
        other.transaction("sandbox", said.append),
    ):
        pass
    (line,) = said
    assert line.startswith(f"waiting for the warehouse {warehouse.path}: held by PID {os.getpid()} on ")


def test_the_lock_timeout_names_a_program_that_ignores_the_lock_file(warehouse: DuckDbWarehouse) -> None:
    warehouse.path.parent.mkdir()
    script = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    said: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", script, str(warehouse.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=dict(os.environ),
    ) as holder:
        assert holder.stdout
        assert holder.stdin
        holder.stdout.readline()
        with (
            pytest.raises(WarehouseError, match=rf"was held by .*{holder.pid}.* for 0.3 s"),
            warehouse.transaction("sandbox", said.append),
        ):
            pass
        holder.stdin.close()
    assert len(said) == 1
    with warehouse.transaction("sandbox") as transaction:
        assert transaction.fetch_value("select 1") == 1


def test_a_link_to_a_missing_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "one.duckdb"
    link.symlink_to(tmp_path / "disk" / "two.duckdb")
    with DuckDbWarehouse(link).transaction("sandbox") as transaction:
        transaction.execute("create table a as select 1 as x")
    assert link.is_symlink()
    with duckdb.connect(str(tmp_path / "disk" / "two.duckdb")) as connection:
        assert connection.execute("select * from a").fetchall() == [(1,)]
