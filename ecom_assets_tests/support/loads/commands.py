"""The commands of `ecom-assets`, run in the test's own process on the shop of `record_api`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ecom_assets.cli.app import main
from ecom_assets_tests.support.servers.record_api import Records

Printed = tuple[int, str, str]
Command = Callable[..., Printed]


def run_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> Printed:
    """Run `ecom-assets` with these words, and return its exit code, its output and its errors."""
    monkeypatch.setattr("sys.argv", ["ecom-assets", *map(str, words)])
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture
def run(
    records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run a command on the declared shop, and return its exit code, its output and its errors."""
    monkeypatch.setenv("ECOM_WAREHOUSE", records.place.where)

    def command(name: str, *arguments: str, typed: str = "") -> Printed:
        monkeypatch.setattr("typer.confirm", lambda *_, **__: typed == "y")
        return run_main(monkeypatch, capsys, name, tmp_path / "myshop.yaml", *arguments)

    return command
