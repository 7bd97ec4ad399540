"""What every stage of a run works with: the API, the warehouse, dlt's pipeline, the clock and the listener."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dlt

from ecom_assets.client.api_connection import ApiConnection
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.warehouse import Warehouse


class PhaseTimer:
    """Adds up the wall seconds of a run's phases in `seconds`."""

    def __init__(self) -> None:
        """Start each phase at zero."""
        self.seconds = dict.fromkeys(("fetch", "stage", "wait", "load"), 0.0)

    @contextmanager
    def measure(self, phase: str) -> Iterator[None]:
        """Add the time of the block to a phase."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[phase] += time.monotonic() - began

    def move(self, seconds: float, source: str, target: str) -> None:
        """Count seconds of one phase as seconds of another one."""
        self.seconds[source] -= seconds
        self.seconds[target] += seconds


@dataclass(frozen=True)
class RunContext:
    """The open API, the warehouse, dlt's pipeline, the phases' timer, and who is told about progress."""

    connection: ApiConnection
    warehouse: Warehouse
    pipeline: dlt.Pipeline
    timer: PhaseTimer
    on_progress: OnProgress
