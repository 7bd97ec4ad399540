"""`ecom-assets copy`: a shop moves to another warehouse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ecom_assets_tests.support.loads.commands import Command
from ecom_assets_tests.support.loads.commands import run as run
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records
from ecom_assets_tests.support.warehouses.engines import warehouse_at


def test_a_shop_moves(
    records: Records, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.load({"id": 1}, {"id": None})
    other = tmp_path / "other.duckdb"
    monkeypatch.setenv(
        "ECOM_PUBLISH", str(tmp_path / "readers.duckdb") if records.place.engine == "duckdb" else ""
    )
    code, out, err = run("copy", "--to", str(other), "--json")
    assert code == 0
    found = {entry["table"]: entry["rows"] for entry in json.loads(out)}
    assert (found["orders"], found["rejected_rows"]) == (1, 1)
    assert "orders: 1 rows copied and compared\n" in err
    assert f"rows to {other}. Loads continue there" in err
    assert not (tmp_path / "readers.duckdb").exists()
    with warehouse_at(str(other)).read("myshop") as transaction:
        assert transaction.fetch_value("select count(*) from orders") == 1
    code, _, err = run("copy", "--to", str(other))
    assert code == 1
    assert err.startswith(
        f"error: myshop: the warehouse {other} has load_ledger, orders, rejected_rows already"
    )


def test_wrong_targets_are_one_line(records: Records, run: Command, tmp_path: Path) -> None:
    records.load({"id": 1})
    assert run("copy")[0] == 2
    assert run("copy", "--to", " ")[::2] == (
        1,
        "error: --to: found an empty text; allowed: what ECOM_WAREHOUSE may be\n",
    )
    assert run("copy", "--to", "foo://u:p@h/d")[2] == (
        "error: --to: found 'foo'; allowed: the path of a DuckDB file or an address "
        "postgresql://USER:PASSWORD@HOST:PORT/DATABASE\n"
    )
    assert run("copy", "--to", "filesystem")[2].startswith(
        "error: --to: found the destination 'filesystem', which cannot"
    )
    assert "is the warehouse that the tables are in" in run("copy", "--to", records.place.where)[2]
    if records.place.engine == "duckdb":
        link = tmp_path / "link.duckdb"
        link.symlink_to(records.place.where)
        assert "is the warehouse that the tables are in" in run("copy", "--to", str(link))[2]
