"""Statements in a transaction of PostgreSQL, where an error would be the end of all that was done before it.

A savepoint keeps that, for a statement or for a block of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

import psycopg2

_numbers = count()
_last: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""The savepoint of the last statement, by connections of one transaction each, where it has not been released."""


def run(cursor: Any, sql: Any, parameters: Any = None) -> None:
    """Run SQL in a transaction, with `%s` for parameters; where it raises, it alone is undone.

    That takes one question to the server: a savepoint goes ahead of it, and is released with the next statement.
    What is no SQL at all leaves the transaction of no use, but undoes nothing.
    """
    connection = cursor.connection
    # what the driver refuses raises here, before anything is sent
    text = cursor.mogrify(sql, parameters)
    # of a name of its own: where none of this was done, there is no going back to what was before another statement
    name = f"ecom_statement_{next(_numbers)}"
    ahead = f"{_release(connection)}savepoint {name}; "
    try:
        cursor.execute(ahead.encode() + text)
    except BaseException:
        if not connection.closed:
            with suppress(psycopg2.Error):
                cursor.execute(f"rollback to savepoint {name}; release savepoint {name}")
        raise
    _last[connection] = name


@contextmanager
def savepoint(connection: Any, name: str) -> Iterator[None]:
    """Undo what the block did if it raises, and only that, so that the transaction can go on."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_release(connection)}savepoint {name}")
        try:
            yield
        except BaseException:
            _last.pop(connection, None)  # it goes with the block's
            if not connection.closed:
                # released too, or a block around this one that has its name would only go back to here
                cursor.execute(f"rollback to savepoint {name}; release savepoint {name}")
            raise
        _last.pop(connection, None)
        cursor.execute(f"release savepoint {name}")


def _release(connection: Any) -> str:
    """Return what has to be sent to release the savepoint of the last statement, if it is there."""
    name = _last.pop(connection, None)
    return f"release savepoint {name}; " if name else ""
