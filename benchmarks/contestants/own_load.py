"""This project without Dagster: one call of `run_load`."""

from __future__ import annotations

import sys
from pathlib import Path

from own_shop import RESOURCES, write_declaration
from work import work_from_command_line

from ecom_assets.declaration.reading import load_shop
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.run import run_load
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse


def main() -> int:
    """Load; returns the exit code, 1 when a resource failed."""
    work = work_from_command_line()
    shop = load_shop(write_declaration(work, Path("shops")) / "bench.yaml")
    assert shop.partitions
    report = run_load(
        shop,
        RESOURCES,
        windows_between(shop.partitions, work.start, work.end),
        secrets={"api_key": work.api_key},
        warehouse=DuckDbWarehouse(work.out),
    )
    for name, error in report.errors.items():
        print(f"{name}: {error}")
    print({phase: round(seconds, 2) for phase, seconds in report.phases.items()})
    return 1 if report.errors else 0


if __name__ == "__main__":
    sys.exit(main())
