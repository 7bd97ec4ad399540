"""DuckDB files opened for reading, by engines that stay in memory: to start one takes longer than most readings."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb

_MAX_IDLE = 2
_OWN_NAME = "memory"
"""The name of the database of an engine without a file."""

_idle: list[duckdb.DuckDBPyConnection] = []
"""Engines that have no file open and no thread running, so that a forked process may take them, too."""
_lock = threading.Lock()

OpenFile = tuple[duckdb.DuckDBPyConnection, Callable[[], None]]
"""A connection, and what closes it together with its file."""


def open_for_reading(path: Path) -> OpenFile:
    """Open a file for reading.

    Raises:
        duckdb.Error: It cannot be opened.
    """
    engine = _take_engine()
    try:
        # what does not fit into memory goes where DuckDB puts it for an open file
        engine.execute(f"set temp_directory = {_text(f'{path}.tmp')}")
        engine.execute(f"attach {_text(str(path))} (read_only)")
        connection = engine.cursor()
        ((name,),) = connection.execute(
            "select database_name from duckdb_databases() where not internal and database_name <> ?",
            [_OWN_NAME],
        ).fetchall()
        connection.execute(f'use "{name}"')
    except duckdb.Error:
        engine.close()
        # this process has the file open and shares it, or DuckDB says what is wrong with it
        connection = duckdb.connect(path, read_only=True)
        return connection, connection.close
    return connection, partial(_close, engine, connection, name)


def _take_engine() -> duckdb.DuckDBPyConnection:
    """Return an engine that nobody else uses."""
    with _lock:
        engine = _idle.pop() if _idle else None
    if engine is None:
        return duckdb.connect(":memory:")
    engine.execute("reset threads")
    return engine


def _close(engine: duckdb.DuckDBPyConnection, connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Close the file, and keep the engine for the next one unless something is wrong with it."""
    try:
        connection.close()
        engine.execute(f'detach "{name}"')
        engine.execute("set threads = 1")
    except duckdb.Error:
        engine.close()
        return
    with _lock:
        if len(_idle) < _MAX_IDLE:
            _idle.append(engine)
            return
    engine.close()


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
