"""`python -m benchmarks.cold`: what a command of this project costs from a cold start, compared with bare Dagster.

Each run is a new process. Runs of this project and of bare Dagster take turns; the first of each does not count.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copy
from statistics import median

import ecom_assets
from benchmarks import data
from benchmarks.measure import Cost, measure
from benchmarks.runs import ROOT, clean_environment, serving
from benchmarks.server import API_KEY

_RUNS = 7
_SIZE = data.Size.of(4_000)
_DAY = "2025-06-01"
_RESOURCES = ("customers", "products", "orders", "order_items")
_OURS, _BARE = "ecom_assets.definitions", "benchmarks.bare_dagster"
_ASSETS = ",".join(f"bench/{name}" for name in _RESOURCES)


@dataclass(frozen=True)
class Case:
    """Two commands to compare, as arguments of Python: one of this project, one of Dagster alone."""

    title: str
    ours: Sequence[str]
    bare: Sequence[str]


CASES = (
    Case(
        "`ecom-assets --help`; bare: `dagster --help`",
        ("-c", "from ecom_assets.cli.app import main; main()", "--help"),
        ("-m", "dagster", "--help"),
    ),
    Case(
        "import the definitions; bare: those of an asset",
        ("-c", f"import {_OURS}"),
        ("-c", f"import {_BARE}"),
    ),
    Case(
        "import the definitions; bare: `dagster`, `dagster_dlt` and dlt's REST API source",
        ("-c", f"import {_OURS}"),
        ("-c", "import dagster, dagster_dlt, dlt.sources.rest_api"),
    ),
    Case(
        "`dagster definitions validate`",
        ("-m", "dagster", "definitions", "validate", "-m", _OURS),
        ("-m", "dagster", "definitions", "validate", "-m", _BARE),
    ),
    Case(
        "`dagster asset materialize` of a day; bare: an asset that does nothing",
        ("-m", "dagster", "asset", "materialize", "-m", _OURS, "--select", _ASSETS, "--partition", _DAY),
        ("-m", "dagster", "asset", "materialize", "-m", _BARE, "--select", "number", "--partition", _DAY),
    ),
)


def compare(case: Case, runs: int, folder: Path) -> tuple[list[Cost], list[Cost]]:
    """Return the costs of this project's runs, and of bare Dagster's.

    Args:
        case: The commands to compare.
        runs: How many runs of each count.
        folder: The folder that `_prepare` filled.

    Raises:
        RuntimeError: A run failed.
    """
    costs: tuple[list[Cost], list[Cost]] = ([], [])
    for turn in range(runs + 1):
        for side, arguments in enumerate((case.ours, case.bare)):
            place = folder / ("bare" if side else "ours")
            log = place / "log.txt"
            cost = measure([sys.executable, *arguments], _environment(place), place, log, timeout=300)
            if cost.exit_code:
                raise RuntimeError(
                    f"{case.title}: exit code {cost.exit_code}\n{log.read_text('utf-8')[-2000:]}"
                )
            if turn:  # the first run writes bytecode, Dagster's files and the tables, which later runs find
                costs[side].append(cost)
    return costs


def table(results: Sequence[tuple[Case, Sequence[Cost], Sequence[Cost]]]) -> str:
    """Return the medians as a Markdown table, seconds of wall and CPU time."""
    lines = [
        "| | ours | bare | ours, CPU | bare, CPU | CPU, ours / bare |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for case, *sides in results:
        wall = [median(cost.seconds for cost in costs) for costs in sides]
        cpu = [median(cost.cpu_seconds for cost in costs) for costs in sides]
        cells = [*(f"{value:.2f}" for value in (*wall, *cpu)), f"{cpu[0] / cpu[1]:.2f}"]
        lines.append(f"| {case.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _prepare(folder: Path, url: str) -> None:
    """Create a folder for each side with its Dagster instance. The bare one has Dagster's default storage."""
    for side in ("ours", "bare"):
        (folder / side / "home").mkdir(parents=True)
    copy(Path(ecom_assets.__file__).with_name("dagster.yaml"), folder / "ours" / "home")
    (folder / "bare" / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n", "utf-8")
    shop = (ROOT / "benchmarks" / "shop.yaml").read_text("utf-8").replace("http://127.0.0.1:1", url)
    (folder / "ours" / "shops").mkdir()
    (folder / "ours" / "shops" / "bench.yaml").write_text(shop, "utf-8")


def _environment(place: Path) -> dict[str, str]:
    """Return an environment with an instance and the secret, and without any setting of the user."""
    own = {"DAGSTER_HOME": str(place / "home"), "SOURCES__BENCH__API_KEY": API_KEY}
    return clean_environment(place) | own


def main() -> None:
    """Run the command: measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold", description=__doc__)
    parser.add_argument("--runs", type=int, default=_RUNS, help=f"runs of each, {_RUNS} by default")
    parser.add_argument("--only", default="", help="a part of the titles of what is to be run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(data.make(folder / "data", _SIZE), 0.0) as server:
            _prepare(folder, server.url)
            cases = [case for case in CASES if options.only in case.title]
            print(table([(case, *compare(case, options.runs, folder)) for case in cases]))


if __name__ == "__main__":
    main()
