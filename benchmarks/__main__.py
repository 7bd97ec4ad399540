"""`python -m benchmarks`: run every contestant on every task, in turns, and write the results."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

from benchmarks import data
from benchmarks.environments import python_of, versions
from benchmarks.lineup import CONTESTANTS, OWN, TASKS, Contestant, Task
from benchmarks.report import is_complete, read, write
from benchmarks.runs import ROOT, run, serving

BUILD = ROOT / "build" / "bench"
DEFAULT_RUNS = 5


def compete(
    tasks: Sequence[Task], contestants: Sequence[Contestant], runs: int, timeout: float, file: Path
) -> None:
    """Run each contestant on each task it takes part in; print a line for each run, and write one to `file`."""
    pythons = {entry.letter: python_of(entry.environment, BUILD / "env") for entry in contestants}
    head = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "python": sys.version.split()[0],
        "versions": {entry.letter: versions(pythons[entry.letter], entry.shown) for entry in contestants},
    }
    with file.open("w", encoding="utf-8") as results:
        results.write(json.dumps(head) + "\n")
        for task in tasks:
            entered = [entry for entry in contestants if task.admits(entry)]
            if not entered:
                continue
            records = data.make(BUILD / "data", task.size)
            with serving(records, task.latency) as server:
                for turn in range(runs):
                    # each turn begins with another contestant, so that none always follows the same one
                    first = turn % len(entered)
                    for entry in entered[first:] + entered[:first]:
                        result = run(entry, task, server, pythons[entry.letter], records, timeout)
                        results.write(json.dumps(asdict(result)) + "\n")
                        results.flush()
                        print(f"{task.name:>4} {turn + 1}  {entry.letter}  {result.line()}", flush=True)


def main() -> int:
    """Run the command; returns the exit code, 1 when a run of this project lost rows or failed."""
    letters = ",".join(entry.letter for entry in CONTESTANTS)
    names = ",".join(task.name for task in TASKS)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--work", default=names, help=f"tasks, of {names}")
    parser.add_argument("--only", default=letters, help=f"contestants, of {letters}")
    parser.add_argument(
        "--runs", type=int, default=DEFAULT_RUNS, help=f"runs of each, {DEFAULT_RUNS} by default"
    )
    parser.add_argument("--timeout", type=float, default=1800, help="seconds after which a run is ended")
    parser.add_argument(
        "--report", type=Path, help="write the report of these results again, and run nothing"
    )
    options = parser.parse_args()
    for given, known in ((options.work, names), (options.only, letters)):
        if unknown := set(given.split(",")) - set(known.split(",")):
            parser.error(f"found {', '.join(sorted(unknown))}; allowed: {known}")
    BUILD.mkdir(parents=True, exist_ok=True)
    file: Path = options.report or BUILD / f"results-{datetime.now(timezone.utc):%Y%m%dT%H%M%S}.jsonl"
    if not options.report:
        tasks = [task for task in TASKS if task.name in options.work.split(",")]
        contestants = [entry for entry in CONTESTANTS if entry.letter in options.only.split(",")]
        compete(tasks, contestants, options.runs, options.timeout, file)
    head, results = read(file)
    # the documentation shows complete results only
    place = ROOT / "docs" if is_complete(results) else BUILD
    write(head, results, place)
    print(f"{place / 'benchmarks.md'} is written from {file}")
    own = {entry.letter for entry in CONTESTANTS if entry.environment == OWN}
    return 1 if any(result.problems for result in results if result.contestant in own) else 0


if __name__ == "__main__":
    sys.exit(main())
