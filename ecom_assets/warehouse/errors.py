"""How a warehouse's errors become a WarehouseError of one clear line.

Every engine lists the exceptions of its driver in its own `errors.py`. The texts that all engines share are here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from dlt.common.destination.exceptions import DestinationException
from dlt.pipeline.exceptions import PipelineStepFailed

from ecom_assets.client.failures import cause_chain, raise_interruption
from ecom_assets.client.redaction import Redactor
from ecom_assets.foundation.disk_errors import disk_problem
from ecom_assets.foundation.errors import IngestError, WarehouseError
from ecom_assets.warehouse.warehouse import Warehouse

_APPENDIX = re.compile(r"Stack Trace:|\n(?:DETAIL|CONTEXT|LINE \d+): ")
"""Begins what an engine appends to its message: a stack trace, or the values of a row, which may be personal data."""


class ValueNotStored(WarehouseError):
    """The engine cannot store a value of a table as it is. `table` is the table, whose resource fails alone."""

    def __init__(self, table: str, problem: str) -> None:
        """Take the table, and what is wrong, in words."""
        super().__init__(f"{table}: {problem}. Nothing of it was loaded")
        self.table = table


@contextmanager
def as_warehouse_error(warehouse: Warehouse, redactor: Redactor) -> Iterator[None]:
    """Turn what goes wrong while a load writes into a WarehouseError of one line.

    The errors are those of dlt, of the engine's driver, and of the operating system, such as a full disk. Nothing has
    been committed when one of them is raised. IngestError passes unchanged, because its message is made for a person.

    Args:
        warehouse: The warehouse that the block writes.
        redactor: Removes the shop's secrets from the message.

    Raises:
        WarehouseError: It names the warehouse and the first cause.
    """
    expected: tuple[type[Exception], ...] = (
        PipelineStepFailed,
        DestinationException,
        OSError,
        *warehouse.driver_errors,
    )
    try:
        yield
    except IngestError:
        raise
    except expected as error:
        causes = cause_chain(error)
        raise_interruption(causes)
        cause = causes[-1]
        failure = unchanged_error(warehouse, redactor.scrub(disk_problem(cause) or one_line(cause)))
    else:
        return
    # outside of the except block, so that the driver's error, which may hold a secret, is not its context
    raise failure


@contextmanager
def redacted_errors(redactor: Redactor) -> Iterator[None]:
    """Remove the warehouse's secrets from what the block raises. Drivers quote parts of addresses and statements."""
    try:
        yield
    except Exception as error:
        for cause in cause_chain(error):
            cause.args = tuple(redactor.scrub(part) if isinstance(part, str) else part for part in cause.args)
            for name in ("msg", "message"):  # where drivers of services keep it
                if isinstance(text := vars(cause).get(name), str):
                    setattr(cause, name, redactor.scrub(text))
        raise


def one_line(error: BaseException) -> str:
    """Return an error's text as one line, without the stack trace or row values that an engine appends."""
    return " ".join(_APPENDIX.split(str(error))[0].split())


def open_error(warehouse: object, reason: str) -> WarehouseError:
    """Return the error for a warehouse that cannot be opened."""
    return WarehouseError(f"the warehouse {warehouse} cannot be opened: {reason}")


def read_error(warehouse: object, reason: str) -> WarehouseError:
    """Return the error for an open warehouse that cannot be read."""
    return WarehouseError(f"the warehouse {warehouse} cannot be read: {reason}")


def unchanged_error(warehouse: object, reason: str) -> WarehouseError:
    """Return the error for a load that failed before its commit, so that the tables are as they were."""
    return WarehouseError(f"the warehouse {warehouse} was left as it was: {reason}")


def unknown_commit_error(problem: str) -> WarehouseError:
    """Return the error for a load that failed during its commit, so that nobody knows whether it is committed."""
    return WarehouseError(
        f"{problem}; its ledger says whether the load was kept, and running it again does no harm"
    )


class Overtaken(WarehouseError):
    """Another load committed first, so that nothing of this one is written. It may be done again."""

    def __init__(self, warehouse: object, holder: str) -> None:
        """Take the warehouse, and a description of the load that committed first."""
        self.reason = f"the warehouse {warehouse} was left as it was: {holder} has committed first"
        super().__init__(f"{self.reason}; start this again")


def failed_commit_error(warehouse: object, reason: str, *, is_refused: bool) -> WarehouseError:
    """Return the error for a commit that failed.

    Args:
        warehouse: The warehouse.
        reason: The driver's text, without a secret.
        is_refused: Whether the server itself refused the commit, so that it had no effect.
    """
    if is_refused:
        return unchanged_error(warehouse, reason)
    return unknown_commit_error(
        f"the connection to the warehouse {warehouse} was lost at the moment of the commit: {reason}"
    )


def lock_timeout_error(warehouse: object, holder: str, timeout: float) -> WarehouseError:
    """Return the error for a lock that `holder` did not release within `timeout` seconds."""
    return WarehouseError(
        f"the warehouse {warehouse} was held by {holder} for {timeout:g} s (ECOM_LOCK_TIMEOUT): "
        "end that process, or wait longer"
    )
