"""DuckDB files opened by engines that stay in memory: to start one takes longer than most readings and small loads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import duckdb

ALL_THREADS = "reset threads"
"""The statement that gives an engine one thread for each core."""
ONE_THREAD = "set threads = 1"
"""The statement that takes an engine's threads away, but the one that runs statements."""
SMALL = 8 * 2**20
"""Bytes of a file, or of new rows, below which one thread is faster: several mostly wait for each other, busily."""
_MAX_IDLE = 2
_OWN_NAME = "memory"
"""The name of the database of an engine without a file."""

_idle: list[duckdb.DuckDBPyConnection] = []
"""Engines that have no file open. When the process forks, they have no thread running, so that both may take them."""
_lock = threading.Lock()
_names: dict[Path, str] = {}
"""The name of the database of each file that was open, which follows from the file's name."""

OpenFile = tuple[duckdb.DuckDBPyConnection, Callable[[], None]]
"""A connection, and what closes it together with its file."""


def open_file(path: Path, *, read_only: bool) -> OpenFile:
    """Open a file. For writing, a file that does not exist is created. A small file is opened with one thread.

    Args:
        path: The file.
        read_only: Whether to open it for reading, beside others who read it, or for writing.

    Raises:
        duckdb.Error: It cannot be opened.
    """
    engine = _take_engine()
    try:
        engine.execute(ONE_THREAD if _size(path) < SMALL else ALL_THREADS)
        # what does not fit into memory goes where DuckDB puts it for an open file
        engine.execute(f"set temp_directory = {_text(_spill_folder(path))}")
        engine.execute(f"attach {_text(str(path))} ({'read_only' if read_only else 'read_write'})")
        connection = engine.cursor()
        name = _names[path] if path in _names else _names.setdefault(path, _name_of_file(connection))
        connection.execute(f'use "{name}"')
    except duckdb.Error:
        engine.close()
        # this process has the file open and shares it, or DuckDB says what is wrong with it
        connection = duckdb.connect(path, read_only=read_only)
        return connection, connection.close
    return connection, partial(_close, engine, connection, name, path)


def _name_of_file(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the name that DuckDB has given to the database of the file that is open."""
    query = "select database_name from duckdb_databases() where not internal and database_name <> ?"
    ((name,),) = connection.execute(query, [_OWN_NAME]).fetchall()
    return str(name)


def _take_engine() -> duckdb.DuckDBPyConnection:
    """Return an engine that nobody else uses."""
    with _lock:
        engine = _idle.pop() if _idle else None
    return duckdb.connect(":memory:") if engine is None else engine


def _size(path: Path) -> int:
    """Return the bytes of a file and its write-ahead log."""
    found = 0
    for part in (path, Path(f"{path}.wal")):
        with suppress(FileNotFoundError):
            found += part.stat().st_size
    return found


def _stop_threads() -> None:
    """Stop the threads of the engines that nobody uses. A forked process would have none of them, and wait for them."""
    with _lock:
        for engine in _idle:
            engine.execute(ONE_THREAD)


if hasattr(os, "register_at_fork"):  # where a process can fork
    os.register_at_fork(before=_stop_threads)


def _close(
    engine: duckdb.DuckDBPyConnection, connection: duckdb.DuckDBPyConnection, name: str, path: Path
) -> None:
    """Close the file, and keep the engine for the next one unless something is wrong with it.

    A transaction that is not committed is rolled back. DuckDB writes its write-ahead log into the file.
    """
    try:
        connection.close()
        engine.execute(f'detach "{name}"')
    except duckdb.Error:
        engine.close()
        return
    if not Path(_spill_folder(path)).exists():  # an engine that made the folder removes it when it is closed
        with _lock:
            if len(_idle) < _MAX_IDLE:
                _idle.append(engine)
                return
    engine.close()


def _spill_folder(path: Path) -> str:
    """Return the folder into which DuckDB writes what does not fit into memory."""
    return f"{path}.tmp"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
