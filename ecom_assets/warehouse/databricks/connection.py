"""A connection to a SQL warehouse: a session with at most one transaction, and another one for what that cannot do.

A transaction of Databricks takes SELECT, INSERT, UPDATE, DELETE, MERGE and a few more. It refuses queries of
INFORMATION_SCHEMA, and is aborted by them (the driver's own tests of transactions, class TestMstBlockedSql). So while
a transaction is open, such queries go to a second session.

Conflicts of two transactions come to light at the commit (the driver's TRANSACTIONS.md, and the page of COMMIT in
Databricks' manual). Wherever one comes, the transaction is over, and `Overtaken` is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import time
from itertools import islice
from time import sleep
from typing import Any

from databricks import sql as driver

from ecom_assets.warehouse.databricks.errors import DRIVER_ERRORS, is_conflict, was_made_meanwhile
from ecom_assets.warehouse.errors import Overtaken
from ecom_assets.warehouse.server_address import ServerAddress

_SETTINGS = ("set time zone 'UTC'", "set ansi_mode = true")
"""Instants in UTC, and an error in place of a null for a value that cannot be cast."""
_MOST_TRIES = 4
_PAUSE = 0.2
"""Seconds before the second try."""
_COUNT = "num_affected_rows"
"""The first column of the answer to a statement that writes rows. Drivers before 4.4 have no other count."""


class Cursor:
    """The answer to a statement: a part of a cursor of Python's database API."""

    def __init__(self, cursor: Any) -> None:
        """Take the driver's cursor."""
        self.description: Sequence[Any] | None = cursor.description or None
        self.rowcount = 0
        self._cursor = cursor
        if self.description and self.description[0][0] == _COUNT:
            self.description, counts = None, cursor.fetchall()
            self.rowcount = int(counts[0][0] or 0) if counts else 0

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows that have not been fetched yet."""
        return [tuple(row) for row in self._cursor.fetchall()] if self.description else []

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        """Return at most so many of the rows that have not been fetched yet."""
        return [tuple(row) for row in islice(self._cursor.fetchmany(size), size)]


class Connection:
    """An open session, and what a load has made in it. Opening it raises one of `CONNECT_ERRORS`."""

    def __init__(self, address: ServerAddress, warehouse: object) -> None:
        """Open a session.

        Args:
            address: The SQL warehouse and the catalog.
            warehouse: The name of the warehouse in messages.
        """
        self.made: list[str] = []
        """The names in SQL of the tables for the rows of this load, which `close` drops."""
        self.in_transaction = False
        self.lock = ""
        """The name in SQL of the table of the lock, once the load has it."""
        self._address, self._warehouse = address, warehouse
        self._session = self._opened()
        self._other: Any = None

    def run(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Run a statement in Databricks' words.

        Args:
            statement: The statement, with `?` for parameters.
            parameters: Their values.

        Raises:
            Overtaken: Another load wrote the same rows. The transaction is rolled back.
        """
        try:
            found = _run(self._session, statement, parameters)
        except DRIVER_ERRORS as error:
            if not self.in_transaction or not is_conflict(error):
                raise
            self.roll_back()
            holder = self._last_writer()
        else:
            if statement == "commit":
                self.in_transaction = False
            return found
        # outside of the except block, so that the driver's error, which may hold a secret, is not its context
        raise Overtaken(self._warehouse, holder)

    def change(self, statement: str) -> Cursor:
        """Run a statement that makes something unless it is there, and again if another load makes it meanwhile."""
        for tries in range(1, _MOST_TRIES):
            try:
                return self.run(statement)
            except DRIVER_ERRORS as error:
                if not was_made_meanwhile(error):
                    raise
            sleep(_PAUSE * tries)
        return self.run(statement)

    def run_outside(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Run a query that no transaction allows, and that sees what is committed."""
        if not self.in_transaction:
            return self.run(statement, parameters)
        if self._other is None:
            self._other = self._opened()
        return _run(self._other, statement, parameters)

    def begin(self) -> None:
        """Begin a transaction."""
        self.run("begin transaction")
        self.in_transaction = True

    def roll_back(self) -> None:
        """End the transaction. One that was aborted needs it, too, before another one begins."""
        self.in_transaction = False
        with suppress(*DRIVER_ERRORS):
            _run(self._session, "rollback", ())

    def close(self) -> None:
        """End the transaction without a commit, and drop what was made for this load. Raises nothing."""
        if self.in_transaction:
            self.roll_back()
        while self.made:
            with suppress(*DRIVER_ERRORS):  # the next load drops it, after a day
                _run(self._session, f"drop table if exists {self.made.pop()}", ())
        for session in filter(None, (self._other, self._session)):
            with suppress(*DRIVER_ERRORS):
                session.close()

    def _opened(self) -> Any:
        session = driver.connect(**{"enable_telemetry": False, **self._address.parameters})
        for setting in _SETTINGS:
            _run(session, setting, ())
        return session

    def _last_writer(self) -> str:
        """Return who has committed last, as that load has written it into the lock."""
        with suppress(*DRIVER_ERRORS):
            for (holder,) in _run(self._session, f"select holder from {self.lock}", ()).fetchall():
                if holder:
                    return str(holder)
        return "another load"


def _run(session: Any, statement: str, parameters: Sequence[Any]) -> Cursor:
    cursor = session.cursor()
    cursor.execute(statement, [_parameter(value) for value in parameters] or None)
    return Cursor(cursor)


def _parameter(value: Any) -> Any:
    """Return a value as the driver takes it: it knows no times, which are texts there."""
    return value.isoformat() if isinstance(value, time) else value
