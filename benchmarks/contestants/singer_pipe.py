"""A Singer tap piped into target-duckdb, each in an environment of its own, as Singer recommends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from work import api_time, work_from_command_line

TAP = Path(__file__).parent / "singer_tap.py"


def main() -> int:
    """Load; returns the exit code of the process that failed."""
    work = work_from_command_line()
    tap_config, target_config = Path("tap.json").absolute(), Path("target.json").absolute()
    settings = {"url": work.url, "api_key": work.api_key}
    tap_config.write_text(json.dumps(settings | {"start": api_time(work.start), "end": api_time(work.end)}))
    target_config.write_text(
        json.dumps(
            {
                "path": str(work.out),
                "default_target_schema": "bench",
                "data_flattening_max_level": 1,
                "temp_dir": str(Path.cwd()),
            }
        )
    )
    tap_python = Path(sys.prefix).with_name("singer-tap") / "bin" / "python"
    target = Path(sys.prefix) / "bin" / "target-duckdb"
    with (
        subprocess.Popen([tap_python, TAP, "--config", tap_config], stdout=subprocess.PIPE) as source,
        subprocess.Popen([target, "--config", target_config], stdin=source.stdout) as sink,
    ):
        if source.stdout:
            source.stdout.close()
        return source.wait() or sink.wait()


if __name__ == "__main__":
    sys.exit(main())
