"""`python -m benchmarks.plan`: how long a backfill of many shops takes on many workers, and what limits it, on paper.

Runs are handed out in order to the next free worker. Each one starts, asks its API, waits for the lock of its dataset,
writes, and reports its windows to Dagster. The coefficients are measured ones, see `docs/scaling.md`; change them to
those of your machines.
"""

from __future__ import annotations

import argparse
import heapq
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Plan:
    """What is loaded, and what it costs. Times are seconds."""

    shops: int = 200
    orders: int = 100_000_000
    days: int = 1_095
    tables: int = 4
    workers: int = 20
    windows_per_run: int = 90
    page: int = 250
    requests_per_second: float = 4.0
    latency: float = 0.2
    concurrency: int = 8
    start: float = 11.0
    per_order: float = 30e-6
    per_load: float = 0.5
    lock_per_order: float = 22e-6
    writers: int = 8
    per_event_window: float = 0.015

    @property
    def runs_of_a_shop(self) -> int:
        """Return into how many runs the windows of a shop are cut."""
        return math.ceil(self.days / self.windows_per_run)

    @property
    def orders_of_a_run(self) -> float:
        """Return how many orders a run loads. Each brings its lines, and its share of customers and products."""
        return self.orders / self.shops / self.runs_of_a_shop

    @property
    def requests_of_a_run(self) -> float:
        """Return how many requests a run sends: a tenth more than the pages of orders, customers and products fill."""
        return 1.1 * 1.3 * self.orders_of_a_run / self.page + self.tables


@dataclass
class Outcome:
    """The seconds of a whole backfill, and how many seconds all workers spent with each part of their runs."""

    seconds: float
    parts: dict[str, float]

    def shares(self, workers: int) -> Iterator[tuple[str, float]]:
        """Yield each part with its share of the time of all workers."""
        for name, spent in self.parts.items():
            yield name, max(0.0, spent) / (self.seconds * workers)  # sums of floats may be just below zero


def simulate(plan: Plan) -> Outcome:
    """Return how long a backfill takes.

    A shop's API answers its runs at one rate. A dataset has one writer at a time, and the database so many in all.
    """
    workers = [0.0] * plan.workers
    writers = [0.0] * plan.writers
    api_free: dict[int, float] = defaultdict(float)
    lock_free: dict[int, float] = defaultdict(float)
    parts = dict.fromkeys(("starting", "asking the API", "waiting", "writing", "reporting"), 0.0)
    asking = plan.requests_of_a_run / min(plan.requests_per_second, plan.concurrency / plan.latency)
    converting = plan.orders_of_a_run * plan.per_order
    writing = plan.per_load + plan.orders_of_a_run * plan.lock_per_order
    reporting = plan.windows_per_run * plan.tables * plan.per_event_window
    end = 0.0
    for number in range(plan.runs_of_a_shop * plan.shops):
        shop = number % plan.shops  # the shops take turns, so that workers do not meet at one API
        began = heapq.heappop(workers)
        asked = max(began + plan.start, api_free[shop])
        read = asked + max(asking, converting)
        api_free[shop] = read
        writer = heapq.heappop(writers)
        locked = max(read, lock_free[shop], writer)
        written = locked + writing
        lock_free[shop] = written
        heapq.heappush(writers, written)
        done = written + reporting
        heapq.heappush(workers, done)
        end = max(end, done)
        parts["starting"] += plan.start
        parts["asking the API"] += read - asked
        parts["waiting"] += (asked - began - plan.start) + (locked - read)
        parts["writing"] += writing
        parts["reporting"] += reporting
    return Outcome(end, parts)


def table(plan: Plan, workers: list[int]) -> str:
    """Return the outcome for several numbers of workers as a Markdown table."""
    names = list(simulate(plan).parts)
    lines = [
        "| workers | hours | " + " | ".join(names) + " |",
        "| ---: | ---: |" + " ---: |" * len(names),
    ]
    for number in workers:
        outcome = simulate(replace(plan, workers=number))
        shares = " | ".join(f"{share:.0%}" for _, share in outcome.shares(number))
        lines.append(f"| {number} | {outcome.seconds / 3600:.1f} | {shares} |")
    return "\n".join(lines)


def main() -> None:
    """Run the command: simulate, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plan", description=__doc__)
    for field in fields(Plan):
        if field.name != "workers":
            parser.add_argument(
                f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default
            )
    parser.add_argument("--workers", default="1,5,20,50", help="numbers of workers, 1,5,20,50 by default")
    options = vars(parser.parse_args())
    workers = [int(number) for number in options.pop("workers").split(",")]
    print(table(Plan(**options), workers))


if __name__ == "__main__":
    main()
