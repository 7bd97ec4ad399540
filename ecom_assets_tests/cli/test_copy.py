"""`ecom-assets copy`: a shop moves to another warehouse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.cli.app import main
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records
from ecom_assets_tests.support.warehouses.engines import warehouse_at

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run `copy` on the declared shop, and return its exit code, its output and its errors."""
    monkeypatch.setenv("ECOM_WAREHOUSE", records.place.where)

    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["ecom-assets", "copy", str(tmp_path / "myshop.yaml"), *arguments])
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        printed = capsys.readouterr()
        return int(code), printed.out, printed.err

    return command


def test_a_shop_moves(
    records: Records, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.load({"id": 1}, {"id": None})
    other = tmp_path / "other.duckdb"
    monkeypatch.setenv(
        "ECOM_PUBLISH", str(tmp_path / "readers.duckdb") if records.place.engine == "duckdb" else ""
    )
    code, out, err = run("--to", str(other), "--json")
    assert code == 0
    found = {entry["table"]: entry["rows"] for entry in json.loads(out)}
    assert (found["orders"], found["rejected_rows"]) == (1, 1)
    assert "orders: 1 rows copied and compared\n" in err
    assert f"rows to {other}. Loads continue there" in err
    assert not (tmp_path / "readers.duckdb").exists()
    with warehouse_at(str(other)).read("myshop") as transaction:
        assert transaction.fetch_value("select count(*) from orders") == 1
    code, _, err = run("--to", str(other))
    assert code == 1
    assert err.startswith(
        f"error: myshop: the warehouse {other} has load_ledger, orders, rejected_rows already"
    )


def test_wrong_targets_are_one_line(records: Records, run: Command, tmp_path: Path) -> None:
    records.load({"id": 1})
    assert run()[0] == 2
    assert run("--to", " ")[::2] == (
        1,
        "error: --to: found an empty text; allowed: what ECOM_WAREHOUSE may be\n",
    )
    assert run("--to", "mysql://u:p@h/d")[2] == (
        "error: --to: found 'mysql'; allowed: the path of a DuckDB file or an address "
        "postgresql://USER:PASSWORD@HOST:PORT/DATABASE\n"
    )
    assert run("--to", "filesystem")[2].startswith(
        "error: --to: found the destination 'filesystem', which cannot"
    )
    assert "is the warehouse that the tables are in" in run("--to", records.place.where)[2]
    if records.place.engine == "duckdb":
        link = tmp_path / "link.duckdb"
        link.symlink_to(records.place.where)
        assert "is the warehouse that the tables are in" in run("--to", str(link))[2]
