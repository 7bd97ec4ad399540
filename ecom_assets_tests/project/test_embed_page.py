"""The snippets of the page "Embed the shops in your own Dagster project" load as they are pasted into a module."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ecom_assets_tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "embed.md").read_text("utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
WITH_ASSETS = [snippet for snippet in SNIPPETS if "@asset(" in snippet]
WITH_DEFS = [snippet for snippet in SNIPPETS if "build_defs(" in snippet]
SHOP = """\
name: myshop
client: {base_url: "https://api.example.com", auth: {type: bearer, secret: api_key}}
partitions: {every: day, start: 2026-01-01}
resources:
  - name: orders
    primary_key: id
    endpoint: {path: orders, incremental: {cursor_path: updated_at, start_param: since, end_param: before}}
    columns: {id: {data_type: bigint, nullable: false}, updated_at: {data_type: timestamp, nullable: false}}
"""


def validate(folder: Path, module: str, code: str) -> str:
    """Load a module as `dagster dev -m` does; return what Dagster prints, "" if it loads."""
    (folder / "shops").mkdir(exist_ok=True)
    (folder / "shops" / "myshop.yaml").write_text(SHOP, "utf-8")
    (folder / f"{module}.py").write_text(code, "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ECOM_")} | {
        "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT))),
        "DLT_DATA_DIR": str(folder / "dlt"),
        "ECOM_SHOPS_DIR": str(folder / "shops"),
    }
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-m", module]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr if done.returncode else ""


def test_the_page_has_these_snippets() -> None:
    assert (len(WITH_ASSETS), len(WITH_DEFS)) == (2, 4)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(WITH_DEFS)))
def test_a_snippet_loads_below_the_assets_of_the_page(number: int, tmp_path: Path) -> None:
    code = "\n".join([*WITH_ASSETS, WITH_DEFS[number]])
    assert validate(tmp_path, f"snippet_{number}", code) == ""


def test_all_snippets_of_the_page_load_in_one_module(tmp_path: Path) -> None:
    assert validate(tmp_path, "whole_page", "\n".join([*WITH_ASSETS, *WITH_DEFS])) == ""
