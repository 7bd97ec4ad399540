"""The report of the results: `benchmarks.md` with tables, and the chart `benchmarks.svg`."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.chart import Bar, Panel, draw
from benchmarks.lineup import CONTESTANTS, OWN, TASKS, Contestant, Task

_LIMIT = "f"


@dataclass(frozen=True)
class Result:
    """What one run cost, and each difference between its tables and the expected ones.

    `server_cpu` is the CPU time in seconds that the server used meanwhile.
    """

    task: str
    contestant: str
    seconds: float
    cpu_seconds: float
    peak_mib: float
    exit_code: int
    requests: int
    server_cpu: float
    problems: list[str]

    def line(self) -> str:
        """Return a line for the screen."""
        text = f"{self.seconds:7.2f} s wall {self.cpu_seconds:7.2f} s CPU {self.peak_mib:6.0f} MiB"
        return f"{text} {self.requests:5} requests  {'; '.join(self.problems) or 'all rows are there'}"


@dataclass(frozen=True)
class Row:
    """Medians of a contestant's runs of one task."""

    contestant: Contestant
    runs: int
    seconds: float
    fastest: float
    slowest: float
    cpu_seconds: float
    peak_mib: float
    requests: int
    problems: list[str]


def read(file: Path) -> tuple[Mapping[str, Any], list[Result]]:
    """Return the head of a file of results (date, Python, versions), and the results."""
    head, *lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return head, [Result(**line) for line in lines]


def is_complete(results: Sequence[Result]) -> bool:
    """Return whether every contestant ran each of its tasks."""
    done = {(result.task, result.contestant) for result in results}
    return all(
        (task.name, entry.letter) in done for task in TASKS for entry in CONTESTANTS if task.admits(entry)
    )


def write(head: Mapping[str, Any], results: Sequence[Result], folder: Path) -> None:
    """Write the report and its chart into a folder."""
    tables = {task: table for task in TASKS if (table := rows(results, task))}
    panels = [Panel(task.title, [_bar(row) for row in table]) for task, table in tables.items()]
    (folder / "benchmarks.svg").write_text(draw(panels), "utf-8")
    (folder / "benchmarks.md").write_text(_document(head, results, tables), "utf-8")


def rows(results: Sequence[Result], task: Task) -> list[Row]:
    """Return a row for each contestant that ran a task, in the order of the lineup."""
    found = []
    for entry in CONTESTANTS:
        runs = [result for result in results if (result.task, result.contestant) == (task.name, entry.letter)]
        if runs:
            seconds = [result.seconds for result in runs]
            found.append(
                Row(
                    contestant=entry,
                    runs=len(runs),
                    seconds=median(seconds),
                    fastest=min(seconds),
                    slowest=max(seconds),
                    cpu_seconds=median(result.cpu_seconds for result in runs),
                    peak_mib=median(result.peak_mib for result in runs),
                    requests=round(median(result.requests for result in runs)),
                    problems=list(dict.fromkeys(line for result in runs for line in result.problems)),
                )
            )
    return found


def _bar(row: Row) -> Bar:
    own = row.contestant.environment == OWN
    return Bar(row.contestant.title, row.seconds, own, bool(row.problems))


def _document(
    head: Mapping[str, Any], results: Sequence[Result], tables: Mapping[Task, Sequence[Row]]
) -> str:
    busiest = max((result.server_cpu / result.seconds for result in results), default=0.0)
    parts = [_INTRODUCTION.format(date=head["date"], machine=_machine(), python=head["python"])]
    for task, table in tables.items():
        parts.append(f"## {task.name}: {task.title}\n\n{_table(table)}")
    parts.append(_METHOD.format(busiest=busiest))
    parts.append("## Versions\n\n" + "\n".join(_versions(head["versions"])))
    return "\n\n".join(parts) + "\n"


def _table(table: Sequence[Row]) -> str:
    limit = next((row.seconds for row in table if row.contestant.letter == _LIMIT), None)
    lines = [
        "| | contestant | seconds | fastest to slowest | times the limit | CPU seconds | peak MiB | requests | rows |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in table:
        times = f"{row.seconds / limit:.1f}" if limit else ""
        cells = (
            row.contestant.letter,
            row.contestant.title,
            f"{row.seconds:.2f}",
            f"{row.fastest:.2f} to {row.slowest:.2f}",
            times,
            f"{row.cpu_seconds:.2f}",
            f"{row.peak_mib:.0f}",
            f"{row.requests:,}",
            "**not all**: " + "; ".join(row.problems) if row.problems else "all",
        )
        lines.append(f"| {' | '.join(cells)} |")
    runs = sorted({row.runs for row in table})
    lines += ["", "One run each." if runs == [1] else f"Medians of {' or '.join(map(str, runs))} runs each."]
    return "\n".join(lines)


def _versions(found: Mapping[str, Mapping[str, str]]) -> list[str]:
    titles = {entry.letter: entry.title for entry in CONTESTANTS}
    return [
        f"- {letter}, {titles[letter]}: "
        + ", ".join(f"{name} {version}" for name, version in packages.items())
        for letter, packages in found.items()
    ]


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} processors ({platform.machine()}), {memory:.0f} GiB of memory, {platform.system()}"
    )


_INTRODUCTION = """# Benchmarks

The same work for this project and for other tools, measured side by side on {date}, on a machine with
{machine}, with Python
{python}. Seconds are the wall time of whole processes, from the start of Python to its end.

![Seconds by contestant and task](benchmarks.svg)"""

_METHOD = """## How it was measured

`make bench` does all of it. `BENCH_ARGS` holds options, such as
`make bench BENCH_ARGS="--work S --runs 1 --only a,f,d"`; such a part is written to `build/bench`, not here.

- **Work.** A shop has customers, products and orders: a customer for five orders, a product for twenty, one to three
  lines an order. Amounts are texts. Contestants with windows read the year as 365 windows of a day. a, b and f join
  windows into slices of about 12 pages. c, e and h read the year in one pass. D30 and D1 load the same rows, as 30
  windows and as one.
- **Server.** A separate process answers with slices of files over open connections. It never used more than
  {busiest:.0%} of one processor. A contestant may have eight requests in flight.
- **Turns.** The contestants take turns at a task, and each turn begins with another one. Each run begins with an empty
  folder, an empty home and no warehouse.
- **CPU** is what the kernel counted for a process and its children. **Memory** is the highest sum of the proportional
  set sizes of all of them, sampled ten times a second.
- **Rows.** After each run the tables are compared with the records by count and by a checksum of key columns.
- **Dagster** stores its events in SQLite for b and e: e with Dagster's default storage, b in batches, as `make ui` and
  `make demo` configure it. b writes two or more events for each partition of each asset; e has no partitions.
- **Contestants.** c and e are the REST API source as documented, in pages of 100; the others have pages of 250. d has
  every setting that made dlt faster: windows as a parent resource, so that it reads them in parallel; uncompressed
  parquet files; two workers that normalize. f is written for this one API: aiohttp on uvloop, orjson, Arrow, one
  merge. It verifies nothing and retries nothing. g has slices of a day. g and h store the lines of an order in one
  column of JSON, and amounts as text; the others load the lines into a table, and amounts as decimals."""
