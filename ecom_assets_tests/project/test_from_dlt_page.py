"""The page "From a dlt script to this project" can be followed literally, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ecom_assets.sandbox import SandboxSettings
from ecom_assets.sandbox.server import serving
from ecom_assets_tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "from-dlt.md").read_text("utf-8")
NOW = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
ENDLESS = ("ecom-assets sandbox --port 8000", "dagster dev -m shops")


def blocks(language: str) -> list[str]:
    """Return the blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_the_page_can_be_followed(tmp_path: Path) -> None:
    with serving(SandboxSettings(orders_per_day=20, now=NOW)) as sandbox:
        load, shops, compare = (
            code.replace("http://127.0.0.1:8000", sandbox.base_url) for code in blocks("python")
        )
        for name, code in (("load", load), ("shops", shops), ("compare", compare)):
            (tmp_path / f"{name}.py").write_text(code, "utf-8")
        (tmp_path / ".dlt").mkdir()
        (tmp_path / ".dlt" / "secrets.toml").write_text(blocks("toml")[0], "utf-8")
        bin_folder = str(Path(sys.executable).parent)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ECOM_")} | {
            "PATH": os.pathsep.join((bin_folder, os.environ["PATH"])),
            "PYTHONPATH": str(ROOT),
            "DLT_DATA_DIR": str(tmp_path / "dlt"),
        }

        def run(command: str) -> str:
            done = subprocess.run(
                command.split(), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        commands = [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]
        assert len(commands) == 6
        for command in commands:
            if command not in ENDLESS:
                run(command)
        assert run("python compare.py") == "stores [(0,)]\norders [(0,)]\n"
        count = "select count(*) from shop.orders"
        read = f"import duckdb; print(duckdb.connect('data/warehouse.duckdb').execute('{count}').fetchone()[0] > 100)"
        done = subprocess.run([sys.executable, "-c", read], cwd=tmp_path, capture_output=True, text=True)
        assert done.stdout == "True\n"
