"""What somebody does first who installed the wheel alone, in an empty folder: `make test-newest` runs this.

It needs nothing but the wheel and what the wheel asks for, and ends with an error at the first thing that fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

BIN = Path(sys.executable).parent
DAY = "2026-01-05"


def run(*command: str) -> str:
    """Run a program of the environment, and return what it printed."""
    program = [str(BIN / command[0]), *command[1:]]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout + done.stderr


def main() -> None:
    """Import, load, check and read, each in a process of its own."""
    folder = Path(tempfile.mkdtemp(prefix="without_extras_"))
    os.chdir(folder)
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ["ECOM_WAREHOUSE"] = str(folder / "warehouse.duckdb")
    imported = run(
        "python", "-W", "error:::ecom_assets", "-c", "from ecom_assets import *; print(build_defs, run_load)"
    )
    assert "build_defs" in imported, imported
    select = ["--select", "sandbox/orders,sandbox/order_items", "--partition", DAY]
    run("dagster", "asset", "materialize", "-m", "ecom_assets.definitions", *select)
    status = run("ecom-assets", "status", "sandbox")
    assert "order_items" in status, status
    checked = run("ecom-assets", "check", "sandbox")
    assert "failed" not in checked, checked
    count = "import duckdb, sys; print(duckdb.connect(sys.argv[1]).sql('from sandbox.orders').shape[0])"
    rows = int(run("python", "-c", count, os.environ["ECOM_WAREHOUSE"]))
    assert rows > 0, rows
    print(f"the wheel alone loads {rows} orders")


if __name__ == "__main__":
    main()
