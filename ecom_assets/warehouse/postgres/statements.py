"""Statements that may fail without ending the transaction.

In PostgreSQL an error makes the whole transaction unusable. A savepoint before a statement, or before a block of them,
limits the damage to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

import psycopg2

_numbers = count()
_open_savepoints: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""The savepoint of a connection's last statement, until it is released. A connection has one transaction."""


def run_statement(cursor: Any, sql: Any, parameters: Any = None) -> None:
    """Run SQL in a transaction. If it raises, only this statement is undone.

    It takes one round trip: the savepoint is sent ahead of the SQL, and is released together with the next statement.
    After text that is not SQL at all, nothing is undone, but the transaction cannot go on.

    Args:
        cursor: A cursor of psycopg2.
        sql: The statement, with `%s` for parameters.
        parameters: Their values.
    """
    connection = cursor.connection
    # what the driver itself refuses raises here, before anything is sent
    text = cursor.mogrify(sql, parameters)
    # a new name each time: if nothing of this was run, an older savepoint of the same name would undo too much
    name = f"ecom_statement_{next(_numbers)}"
    prefix = f"{_release(connection)}savepoint {name}; "
    try:
        cursor.execute(prefix.encode() + text)
    except BaseException:
        if not connection.closed:
            with suppress(psycopg2.Error):
                cursor.execute(f"rollback to savepoint {name}; release savepoint {name}")
        raise
    _open_savepoints[connection] = name


@contextmanager
def savepoint(connection: Any, name: str) -> Iterator[None]:
    """Undo what the block did, and only that, if the block raises. The transaction can go on."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_release(connection)}savepoint {name}")
        try:
            yield
        except BaseException:
            _open_savepoints.pop(connection, None)  # it ends with the block's savepoint
            if not connection.closed:
                # released as well: otherwise an outer block with the same name would only go back to here
                cursor.execute(f"rollback to savepoint {name}; release savepoint {name}")
            raise
        _open_savepoints.pop(connection, None)
        cursor.execute(f"release savepoint {name}")


def commit(connection: Any) -> None:
    """Commit the transaction, with whatever its last statement did."""
    _open_savepoints.pop(connection, None)
    connection.commit()


def _release(connection: Any) -> str:
    """Return the SQL that releases the savepoint of the last statement, or nothing if there is none."""
    name = _open_savepoints.pop(connection, None)
    return f"release savepoint {name}; " if name else ""
