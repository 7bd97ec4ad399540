"""Files opened by engines that stay in memory: what two of them share, and what they do not."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecom_assets.warehouse.duckdb import open_files, transaction
from ecom_assets.warehouse.duckdb.open_files import SMALL, open_file
from ecom_assets.warehouse.duckdb.transaction import DuckDbTransaction


def file_at(path: Path, value: int) -> Path:
    """Write a file with one row."""
    with duckdb.connect(path) as connection:
        connection.execute(f"create or replace table numbers as select {value} as number")
    return path


def numbers(path: Path) -> list[int]:
    """Read the rows of a file."""
    connection, close = open_file(path, read_only=True)
    try:
        return [number for (number,) in connection.execute("from numbers").fetchall()]
    finally:
        close()


@pytest.mark.parametrize("stem", ["warehouse", "memory", "a.b", "it's", "select", "größe"])
def test_each_reading_has_its_own_file(stem: str, tmp_path: Path) -> None:
    """The database has the name that DuckDB gives it, whatever else is open."""
    (tmp_path / "other").mkdir()
    first, second = (
        file_at(tmp_path / f"{stem}.duckdb", 1),
        file_at(tmp_path / "other" / f"{stem}.duckdb", 2),
    )
    one, close_one = open_file(first, read_only=True)
    two, close_two = open_file(second, read_only=True)
    assert one.execute("from numbers").fetchall() == [(1,)]
    assert two.execute("from numbers").fetchall() == [(2,)]
    with duckdb.connect(first, read_only=True) as plain:
        named = plain.execute("select current_database()").fetchall()
    assert one.execute("select current_database()").fetchall() == named
    close_one()
    close_two()
    file_at(first, 3)  # nothing holds the file
    assert numbers(first) == [3]


def test_nothing_stays_of_an_earlier_reading(tmp_path: Path) -> None:
    path = file_at(tmp_path / "w.duckdb", 1)
    connection, close = open_file(path, read_only=True)
    connection.execute("create temporary table kept as select 1 as number")
    connection.execute("set TimeZone = 'Asia/Tokyo'")
    connection.execute("from range(1000000)")  # nobody fetches the rest
    close()
    again, close = open_file(file_at(path, 2), read_only=True)
    assert again.execute("select * from duckdb_tables() where table_name = 'kept'").fetchall() == []
    assert again.execute("select current_setting('TimeZone')").fetchall() != [("Asia/Tokyo",)]
    with pytest.raises(duckdb.InvalidInputException, match="read-only"):
        again.execute("delete from numbers")
    close()


def test_a_file_that_this_process_has_open_is_shared(tmp_path: Path) -> None:
    path = file_at(tmp_path / "w.duckdb", 1)
    with duckdb.connect(path, read_only=True):
        assert numbers(path) == [1]
    with duckdb.connect(path), pytest.raises(duckdb.ConnectionException):
        numbers(path)


def test_what_does_not_fit_into_memory_goes_beside_the_file(tmp_path: Path) -> None:
    path = file_at(tmp_path / "w.duckdb", 1)
    connection, close = open_file(path, read_only=True)
    with duckdb.connect(path, read_only=True) as plain:
        expected = plain.execute("select current_setting('temp_directory')").fetchall()
    assert connection.execute("select current_setting('temp_directory')").fetchall() == expected
    close()


def test_an_engine_that_broke_is_not_used_again(tmp_path: Path) -> None:
    path = file_at(tmp_path / "w.duckdb", 1)
    connection, close = open_file(path, read_only=True)
    connection.execute("begin transaction")
    close()
    (tmp_path / "broken.duckdb").write_bytes(b"x" * 20_000)
    with pytest.raises(duckdb.Error):
        open_file(tmp_path / "broken.duckdb", read_only=True)
    assert numbers(path) == [1]


def _read_in_child(path: Path) -> None:
    os._exit(0 if numbers(path) == [1] else 1)


def test_a_forked_process_reads_too(tmp_path: Path) -> None:
    path = file_at(tmp_path / "w.duckdb", 1)
    assert numbers(path) == [1]
    assert open_files._idle
    child = multiprocessing.get_context("fork").Process(target=_read_in_child, args=(path,))
    child.start()
    child.join(20)
    child.kill()
    assert child.exitcode == 0


@pytest.mark.parametrize("stem", ["warehouse", "memory", "a.b", "it's", "größe"])
def test_what_is_committed_is_in_the_file_itself(stem: str, tmp_path: Path) -> None:
    path = file_at(tmp_path / f"{stem}.duckdb", 1)
    connection, close = open_file(path, read_only=False)
    connection.execute("begin transaction")
    connection.execute("insert into numbers values (2)")
    connection.execute("commit")
    close()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    with duckdb.connect(path, read_only=True) as plain:
        assert plain.execute("from numbers").fetchall() == [(1,), (2,)]


def test_what_is_not_committed_is_rolled_back(tmp_path: Path) -> None:
    path = file_at(tmp_path / "w.duckdb", 1)
    connection, close = open_file(path, read_only=False)
    connection.execute("begin transaction")
    connection.execute("insert into numbers values (2)")
    connection.execute("create table more (number integer)")
    close()
    assert numbers(path) == [1]
    with duckdb.connect(path) as plain:  # nothing holds the file
        assert plain.execute("from duckdb_tables() select table_name").fetchall() == [("numbers",)]


def test_a_write_ahead_log_of_a_killed_process_is_read(tmp_path: Path) -> None:
    path = file_at(tmp_path / "w.duckdb", 1)
    child = multiprocessing.get_context("fork").Process(target=_write_and_die, args=(path,))
    child.start()
    child.join(20)
    assert Path(f"{path}.wal").exists()
    connection, close = open_file(path, read_only=False)
    assert connection.execute("from numbers").fetchall() == [(1,), (2,)]
    close()
    assert not Path(f"{path}.wal").exists()


def _write_and_die(path: Path) -> None:
    connection, _ = open_file(path, read_only=False)
    connection.execute("insert into numbers values (2)")
    os._exit(0)


def test_a_file_that_this_process_has_open_is_written_beside_it(tmp_path: Path) -> None:
    path = file_at(tmp_path / "w.duckdb", 1)
    with duckdb.connect(path) as other:
        connection, close = open_file(path, read_only=False)
        connection.execute("insert into numbers values (2)")
        close()
        assert other.execute("from numbers").fetchall() == [(1,), (2,)]


def test_a_folder_for_what_did_not_fit_into_memory_does_not_stay(tmp_path: Path) -> None:
    path = file_at(tmp_path / "w.duckdb", 1)
    connection, close = open_file(path, read_only=False)
    connection.execute("set memory_limit = '40MB'")
    connection.execute(
        "create temporary table rows as select i, i * 7 as other, random() as more from range(5000000) t(i)"
    )
    assert Path(f"{path}.tmp").exists()
    close()
    assert not Path(f"{path}.tmp").exists()
    connection, close = open_file(path, read_only=True)
    assert connection.execute("select current_setting('memory_limit')").fetchall() != [("38.1 MiB",)]
    close()


def threads(connection: duckdb.DuckDBPyConnection) -> int:
    """Return how many threads the engine of a connection has."""
    ((found,),) = connection.execute("select current_setting('threads')").fetchall()
    return int(found)


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an engine that uses all threads have two of them, on a machine with one core too."""
    monkeypatch.setattr(open_files, "ALL_THREADS", "set threads = 2")
    monkeypatch.setattr(transaction, "ALL_THREADS", "set threads = 2")


@pytest.mark.usefixtures("two_cores")
def test_a_small_file_takes_one_thread_and_a_large_one_all(tmp_path: Path) -> None:
    """Whichever of the two an engine that stays in memory has opened before."""
    small, large = file_at(tmp_path / "small.duckdb", 1), file_at(tmp_path / "large.duckdb", 1)
    with duckdb.connect(large) as filling:
        filling.execute(f"create table filled as select random() as number from range({SMALL} // 4)")
    for path, expected in ((small, 1), (large, 2), (small, 1)):
        connection, close = open_file(path, read_only=False)
        assert threads(connection) == expected
        close()


@pytest.mark.usefixtures("two_cores")
def test_many_rows_for_a_small_file_take_all_threads(tmp_path: Path) -> None:
    rows = pa.table({"number": pa.array(range(SMALL // 8), pa.int64())})
    pq.write_table(rows, tmp_path / "rows.parquet", compression="none", use_dictionary=False)
    connection, close = open_file(file_at(tmp_path / "w.duckdb", 1), read_only=False)
    with DuckDbTransaction(connection).temporary_table("few", rows.slice(1)):
        assert threads(connection) == 1
    with DuckDbTransaction(connection).temporary_table("many", rows):
        assert threads(connection) == 2
    connection.execute("set threads = 1")
    DuckDbTransaction(connection).stage_files("staged", {"number": "bigint"}, [tmp_path / "rows.parquet"])
    assert threads(connection) == 2
    close()
