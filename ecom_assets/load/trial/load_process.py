"""A load of a trial in a process of its own.

Where the system can, the process is forked from one that has imported all that a load takes, which is most of the time
that a small load would take.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from ecom_assets.foundation.errors import IngestError
from ecom_assets.load.trial.loads import KILL, killed_before, load_days
from ecom_assets.warehouse.choice import warehouse_from_environment


class LoadProcess:
    """A process that loads some days into the warehouse that ECOM_WAREHOUSE names now."""

    def __init__(self, first_day: int, days: int, kill_before: int | None = None) -> None:
        """Start the load.

        Args:
            first_day: The first day, counted from the one that the shop begins with.
            days: How many days to load.
            kill_before: The number of the statement in the load's transaction before which the process kills itself.
        """
        self._answers, answer = multiprocessing.Pipe(duplex=False)
        # the process that forks has the environment of its own start
        given = (dict(os.environ), Path.cwd(), answer, first_day, days, kill_before)
        if "forkserver" in multiprocessing.get_all_start_methods():
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload([__name__])
            self._process: BaseProcess = context.Process(target=_run, args=given, daemon=True)
        else:
            self._process = multiprocessing.get_context("spawn").Process(target=_run, args=given, daemon=True)
        self._process.start()
        answer.close()

    def wait(self, seconds: float) -> bool:
        """Wait for the end at most so long, and return whether it has ended."""
        self._process.join(seconds)
        return self._process.exitcode is not None

    def is_complete(self) -> bool:
        """Return whether the load has ended without an error."""
        return self._process.exitcode == 0

    def was_killed(self) -> bool:
        """Return whether the process has killed itself, and did not end in another way."""
        return self._process.exitcode in (-KILL, KILL)

    def problem(self) -> str:
        """Return the error that ended the load, or how its process ended without telling one."""
        try:
            return str(self._answers.recv())
        except EOFError:
            return f"its process ended with {self._process.exitcode}"


def _run(
    environment: Mapping[str, str],
    folder: Path,
    answer: Connection,
    first_day: int,
    days: int,
    kill_before: int | None,
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    # what a library prints is no part of the report
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        warehouse = warehouse_from_environment()
        if kill_before is not None:
            killed_before(warehouse, kill_before)
        load_days(warehouse, first_day, days)
    except Exception as error:
        answer.send(str(error) if isinstance(error, IngestError) else f"{type(error).__name__}: {error}")
        raise SystemExit(1) from None
