"""The demo: what it runs and prints, and how it reports a failed run."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
from rich.console import Console

from ecom_assets.declaration.reading import BUNDLED_SHOPS, load_shop
from ecom_assets.orchestration import demo
from ecom_assets.warehouse.choice import warehouse_from_environment

SHOP = load_shop(BUNDLED_SHOPS / "sandbox.yaml")


def test_the_windows_are_the_last_seven_closed_ones() -> None:
    now = datetime(2026, 3, 10, 0, 30, tzinfo=timezone.utc)
    keys = [window.partition_key for window in demo.demo_windows(SHOP, now)]
    assert keys == [f"2026-03-{day:02}" for day in range(3, 10)]


def test_a_shop_without_partitions_has_no_windows() -> None:
    now = datetime(2026, 3, 10, tzinfo=timezone.utc)
    assert demo.demo_windows(SHOP.model_copy(update={"partitions": None}), now) == ()


@pytest.mark.slow
def test_the_demo_loads_a_week_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("ECOM_SANDBOX_ORDERS_PER_DAY", "20")
    monkeypatch.setenv("ECOM_SHOPS_DIR", str(tmp_path))  # empty: it must not matter
    assert demo.main() == 0

    said = capsys.readouterr().out
    with warehouse_from_environment().read("sandbox") as connection:
        for resource in SHOP.resources:
            counted = connection.fetch_value(f"select count(*) from {resource.name}")
            row = re.search(rf"sandbox\.{resource.name} +([\d,]+) +(\d)/(\d) +(.*?)  +[\d.]+ *$", said, re.M)
            assert row is not None, said
            assert int(row[1].replace(",", "")) == counted > 0
            assert row[2] == row[3]
            assert (row[4] != "all") == resource.windowed
    assert "load_sandbox_windows: done" in said
    assert "RUN_SUCCESS" in (home / "demo.log").read_text()
    assert max(map(len, said.splitlines()[:6])) <= 110

    query = re.search(r"Query it: +\.venv/bin/python (.*)$", said, re.M)
    assert query is not None
    shown = subprocess.run(
        [sys.executable, *shlex.split(query[1])], capture_output=True, text=True, check=True
    )
    assert "total" in shown.stdout


def test_a_failed_run_ends_the_demo_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("ECOM_WAREHOUSE", "s3://bucket/file")
    assert demo.main() == 1
    said = capsys.readouterr().out
    assert "ECOM_WAREHOUSE: found an address of filesystem (s3:)" in said
    assert str(tmp_path / "demo.log") in said
    assert "Traceback" not in said


def test_a_command_that_starts_no_run_ends_with_its_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setattr(demo, "MODULE", "ecom_assets.nothing_of_that_name")
    assert demo.main() == 1
    assert "No module named 'ecom_assets.nothing_of_that_name'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("where", "command"),
    [
        ("postgresql://ada@host/shop", f'psql "$ECOM_WAREHOUSE" -c "{demo.QUERY}"'),
        ("md:shop?token=s3cr3t", demo.QUERY),
    ],
)
def test_the_next_steps_query_the_warehouse_that_was_loaded(where: str, command: str) -> None:
    screen = io.StringIO()
    warehouse = warehouse_from_environment({"ECOM_WAREHOUSE": where})
    demo.print_next_steps(warehouse, Console(file=screen, width=200))
    assert f"  Query it:    {command}\n" in screen.getvalue()


def test_a_check_that_did_not_pass_is_in_the_table() -> None:
    screen = io.StringIO()
    summary = demo.Summary("sandbox.orders", 1000, 4, 5, "2026-03-03 to 2026-03-09", 1.26)
    demo.print_summaries([summary], Console(file=screen, width=80))
    assert re.search(r"sandbox\.orders +1,000 +4/5 +2026-03-03 to 2026-03-09 +1\.3", screen.getvalue())
