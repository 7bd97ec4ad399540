"""The command `pin`, and the first minute of the tutorial, as a person types them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecom_assets.cli.app import main
from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets_tests.support.paths import ROOT
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.servers.record_api import DECLARATION, Records
from ecom_assets_tests.support.servers.record_api import records as records

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
ORDERS = [
    {
        "id": number,
        "orderNo": f"N{number}",
        "total": 2.75,
        "paid": True,
        "updated_at": "2026-01-01T10:00:00Z",
        "on": "2026-01-01",
        "buyer": {"name": "x"},
        "lines": [{"sku": "a", "n": 1}],
    }
    for number in range(3)
]
TYPES = {
    "id": "bigint",
    "buyer__name": "text",
    "lines": "json",
    "on": "date",
    "order_no": "text",
    "paid": "bool",
    "total": "double",
    "updated_at": "timestamp",
}


def pin(
    records: Records, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> str:
    """Run the command and return what it prints."""
    monkeypatch.setenv("ECOM_WAREHOUSE", records.place.where)
    monkeypatch.setattr("sys.argv", ["ecom-assets", "pin", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code, capsys.readouterr().err
    return capsys.readouterr().out


def commented(shop: Shop, *more: str) -> str:
    """Replace a shop's file by one with comments."""
    text = f"""\
# my first shop
name: myshop
client:
  base_url: {shop.client.base_url}   # on this machine
  auth: {{type: api_key, name: api_key, location: query}}
resource_defaults: {{primary_key: id, write_disposition: merge}}
resources:
  - name: orders   # all of them
    endpoint:
      path: /orders
      data_selector: data
      paginator: {{type: offset, limit: 100}}  # no total
{"".join(f"    {line}{chr(10)}" for line in more)}# the end
"""
    shop.file.write_text(text, "utf-8")
    return text


def test_pinned_columns_are_a_contract_and_change_no_table(
    records: Records, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = records.shop()
    before = commented(shop)
    records.load(*ORDERS, shop=load_shop(shop.file))
    printed = pin(records, monkeypatch, capsys, shop.file)
    after = shop.file.read_text("utf-8")
    assert "+      total: {data_type: double}" in printed
    assert "Pinned 8 columns" in printed
    # nothing but lines were added
    lines = after.splitlines()
    assert [line for line in lines if line in before.splitlines()] == before.splitlines()
    columns = yaml.safe_load(after)["resources"][0]["columns"]
    assert {name: body["data_type"] for name, body in columns.items()} == TYPES
    assert [name for name, body in columns.items() if body.get("nullable") is False] == ["id"]
    tables = records.place.table("orders", "_dlt_load_id")
    pinned = load_shop(shop.file)
    records.load(*ORDERS, shop=pinned)
    assert records.types() == TYPES
    assert records.place.table("orders", "_dlt_load_id") == tables
    assert records.rows("select count(*) from rejected_rows") == [(0,)]
    assert pinned.resource("orders").widens is False
    # a second pin changes nothing
    assert "Nothing changed" in pin(records, monkeypatch, capsys, shop.file)
    assert shop.file.read_text("utf-8") == after


def test_declared_columns_stay_and_a_key_keeps_its_path(
    records: Records, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = records.shop(
        primary_key="orderNo", columns={"total": {"data_type": "decimal", "precision": 9, "scale": 2}}
    )
    records.load(*ORDERS, shop=shop)
    found = json.loads(pin(records, monkeypatch, capsys, shop.file, "--json"))
    assert "orders.order_no: text" in found["changes"]
    columns = yaml.safe_load(shop.file.read_text("utf-8"))["resources"][0]["columns"]
    assert columns["total"] == {"data_type": "decimal", "precision": 9, "scale": 2}
    assert columns["order_no"] == {"data_type": "text", "nullable": False, "path": "orderNo"}
    records.load(*ORDERS, shop=load_shop(shop.file))
    assert records.rows("select count(*), count(distinct order_no) from orders") == [(3, 3)]


def test_columns_in_one_line_and_tables_that_are_not_there(
    records: Records, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = records.shop(more=[{"name": "stores", "endpoint": {"path": "/orders", "data_selector": "data"}}])
    document = yaml.safe_load(shop.file.read_text("utf-8"))
    shop.file.write_text(yaml.safe_dump(document, default_flow_style=True, width=10_000), "utf-8")
    records.load({"id": 1, "v": 1.5}, shop=load_shop(shop.file))
    assert "stores has no table yet: load it first" in pin(records, monkeypatch, capsys, shop.file)
    columns = load_shop(shop.file).resource("orders").declared_columns
    assert [(column.name, column.data_type) for column in columns] == [("id", "bigint"), ("v", "double")]


@pytest.fixture
def first_api() -> Any:
    def answer(seen: Seen) -> Reply:
        query = dict(seen.query)
        if seen.path != "/v1/orders" or query.get("api_key") != "your-key":
            return json_reply({}, 401)
        offset = int(query["offset"])
        rows = [{"id": number, "buyer": {"name": "x"}} for number in range(250)]
        return json_reply({"data": rows[offset : offset + int(query["limit"])]})

    with serving() as loopback:
        loopback.answering = answer
        yield loopback


def test_the_first_minute_of_the_tutorial(first_api: Loopback, tmp_path: Path) -> None:
    section = TUTORIAL.partition("## The first minute")[2].partition("\n## ")[0]
    (declaration,) = re.findall(r"^```yaml\n(.*?)^```", section, re.M | re.S)
    assert declaration == DECLARATION
    commands = re.findall(r"^\$ (.*)$", section, re.M)
    (tmp_path / "shops").mkdir()
    file = tmp_path / "shops" / "myshop.yaml"
    file.write_text(declaration.replace("https://api.example.com", first_api.base_url), "utf-8")
    folder = str(Path(sys.executable).parent)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("ECOM_", "DAGSTER_HOME"))},
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(commands)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    import duckdb

    with duckdb.connect(tmp_path / "data" / "warehouse.duckdb", read_only=True) as connection:
        assert connection.execute("select count(*), count(buyer__name) from myshop.orders").fetchall() == [
            (250, 250)
        ]
        assert connection.execute("select kept from myshop.load_ledger").fetchall() == [(250,)]
    pinned = yaml.safe_load(file.read_text("utf-8"))["resources"][0]["columns"]
    assert pinned == {"id": {"data_type": "bigint", "nullable": False}, "buyer__name": {"data_type": "text"}}
