"""dagster-dlt as its documentation shows it: `@dlt_assets` over the plain dlt source, materialized from the shell."""

from __future__ import annotations

import os
import sys
from pathlib import Path

DEFINITIONS = Path(__file__).parent / "dagster_dlt_definitions.py"


def main() -> None:
    """Replace this process by `dagster asset materialize`; the definitions get the arguments from the environment."""
    home = Path("dagster_home").absolute()
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", "utf-8")
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["BENCH_ARGUMENTS"] = "\n".join(sys.argv[1:])
    command = [
        sys.executable,
        "-m",
        "dagster",
        "asset",
        "materialize",
        "-f",
        str(DEFINITIONS),
        "--select",
        "*",
    ]
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
