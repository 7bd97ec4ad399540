"""`python -m benchmarks.many_shops`: what declared shops cost each process that loads the definitions.

That is the code server, and every run. Each shop has a file of its own, with eight tables.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import yaml

from benchmarks.measure import Cost, measure
from benchmarks.runs import clean_environment

_TABLES = 8
_LOAD = "from ecom_assets.definitions import defs; defs.get_repository_def()"


def make_instance(folder: Path, shops: int) -> None:
    """Write the declarations of an instance, `shop_0000.yaml` and so on, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    bench = yaml.safe_load((Path(__file__).parent / "shop.yaml").read_text("utf-8"))
    orders = next(entry for entry in bench["resources"] if entry["name"] == "orders")
    bench["resources"] += [{**orders, "name": f"orders_{number}"} for number in range(_TABLES)]
    bench["resources"] = bench["resources"][:_TABLES]
    for number in range(shops):
        name = f"shop_{number:04d}"
        (folder / f"{name}.yaml").write_text(
            yaml.safe_dump({**bench, "name": name}, sort_keys=False), "utf-8"
        )


def cost_of(shops: int, folder: Path, runs: int) -> Cost:
    """Return the median cost of a process that loads the definitions of so many shops.

    Raises:
        RuntimeError: The process failed.
    """
    place = folder / str(shops)
    make_instance(place / "shops", shops)
    costs = []
    for _ in range(runs + 1):
        cost = measure(
            [sys.executable, "-c", _LOAD], clean_environment(place), place, place / "log.txt", timeout=600
        )
        if cost.exit_code:
            raise RuntimeError(f"{shops} shops: {(place / 'log.txt').read_text('utf-8')[-2000:]}")
        costs.append(cost)
    counted = costs[1:]  # the first run writes bytecode
    return Cost(
        median(cost.seconds for cost in counted),
        median(cost.cpu_seconds for cost in counted),
        median(cost.peak_mib for cost in counted),
        0,
    )


def table(numbers: Sequence[int], costs: Sequence[Cost]) -> str:
    """Return the costs as a Markdown table; the last column compares with the first row."""
    lines = ["| shops | seconds | CPU | MiB | CPU more |", "| ---: | ---: | ---: | ---: | ---: |"]
    for shops, cost in zip(numbers, costs, strict=True):
        more = cost.cpu_seconds - costs[0].cpu_seconds
        lines.append(
            f"| {shops:,} | {cost.seconds:.1f} | {cost.cpu_seconds:.1f} | {cost.peak_mib:.0f} | {more:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the command: measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_shops", description=__doc__)
    parser.add_argument("--shops", default="1,200,1000", help="numbers of shops, 1,200,1000 by default")
    parser.add_argument("--runs", type=int, default=3, help="runs of each, 3 by default")
    options = parser.parse_args()
    numbers = [int(number) for number in options.shops.split(",")]
    with tempfile.TemporaryDirectory() as name:
        print(table(numbers, [cost_of(shops, Path(name), options.runs) for shops in numbers]))


if __name__ == "__main__":
    main()
