"""This project as it is meant to be used: `dagster asset materialize` of a range of partitions, checks included."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from shutil import copy

from own_shop import RESOURCES, write_declaration
from work import work_from_command_line

import ecom_assets


def main() -> None:
    """Replace this process by the command."""
    work = work_from_command_line()
    last = work.end - timedelta(days=work.step)
    keys = f"{work.start:%Y-%m-%d}...{last:%Y-%m-%d}" if work.step == 1 else f"{work.start:%Y-%m-%d}"
    home = Path("dagster_home")
    home.mkdir()
    copy(
        Path(ecom_assets.__file__).with_name("dagster.yaml"), home
    )  # as `make ui` and `make demo` configure it
    os.environ["ECOM_SHOPS_DIR"] = str(write_declaration(work, Path("shops").absolute()))
    os.environ["ECOM_WAREHOUSE"] = str(work.out)
    os.environ["DAGSTER_HOME"] = str(home.absolute())
    os.environ["SOURCES__BENCH__API_KEY"] = work.api_key
    select = ",".join(f"bench/{name}" for name in RESOURCES)
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-m", "ecom_assets.definitions"]
    command += ["--select", select, "--partition-range" if work.step == 1 else "--partition", keys]
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
