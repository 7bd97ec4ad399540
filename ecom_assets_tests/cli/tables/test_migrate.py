"""`ecom-assets migrate`: changes that a load does not make, and what is in the way of others."""

from __future__ import annotations

import hmac
import json
from datetime import datetime, timezone
from hashlib import sha256
from typing import Any

import pytest

from ecom_assets.load.ledger.status import status
from ecom_assets_tests.support.loads.commands import Command
from ecom_assets_tests.support.loads.commands import run as run
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records

KEY = {"data_type": "bigint", "nullable": False}
TEXT: dict[str, Any] = {"data_type": "text"}
INSTANT: dict[str, Any] = {"data_type": "timestamp"}


def hashed(text: str) -> str:
    return hmac.new(b"a-pii-key", text.encode(), sha256).hexdigest()


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__MYSHOP__API_KEY", "a-key")
    monkeypatch.setenv("SOURCES__MYSHOP__PII_KEY", "a-pii-key")


def test_values_that_do_not_fit_are_named_with_their_windows(records: Records, run: Command) -> None:
    columns = {"id": KEY, "updated_at": {**INSTANT, "nullable": False}, "v": TEXT, "w": TEXT}
    rows = [
        {"id": number, "updated_at": f"2026-01-0{number}T05:00:00Z", "v": value, "w": "1"}
        for number, value in enumerate(["1", "x", "y", "4", "z"], 1)
    ]
    records.load(*rows, shop=records.windowed(columns=columns), days=5)
    whole = {"data_type": "bigint"}
    shop = records.windowed(columns={**columns, "v": whole, "w": whole})
    before = records.place.whole_tables("orders", "load_ledger")
    code, out, _ = run("migrate", "--yes")
    assert code == 1
    assert "orders: cannot be changed\n  the column v is text in the warehouse and bigint" in out
    (line,) = [line for line in out.splitlines() if "values that do not fit: " in line]
    assert sorted(line.partition(": ")[2].split(", ")) == ["'x'", "'y'", "'z'"]
    for key in ("2026-01-02...2026-01-03", "2026-01-05"):
        assert f"    ecom-assets load myshop orders --window {key}\n" in out
    assert records.place.whole_tables("orders", "load_ledger") == before
    assert "ecom-assets migrate myshop orders" in str(records.try_load(shop=shop, days=1).errors["orders"])

    assert run("migrate", "--discard", typed="n")[0] == 1
    assert records.place.whole_tables("orders", "load_ledger") == before
    code, out, _ = run("migrate", "orders", "--discard", typed="y")
    assert code == 0, out
    assert "v: text became bigint; 3 different values became null" in out
    assert sorted(records.rows("select id, v, w from orders")) == [
        (1, 1, 1), (2, None, 1), (3, None, 1), (4, 4, 1), (5, None, 1)
    ]  # fmt: skip
    (state,) = status(shop, records.place.warehouse(), datetime(2026, 1, 6, tzinfo=timezone.utc))
    assert (state.loaded, state.missing) == (2, 3)
    assert run("diff")[1] == "orders: agrees with the declaration\n"
    assert run("migrate")[:2] == (0, "Nothing of myshop has to change.\n")
    fixed = [{**row, "v": row["id"]} for row in rows]
    report = records.load(*fixed, shop=shop, days=5)
    assert report.resources["orders"].schema_changes == {}
    assert sorted(records.rows("select id, v from orders")) == [(n, n) for n in range(1, 6)]


def test_what_a_load_would_change_is_changed_without_one(records: Records, run: Command) -> None:
    """The next load finds nothing to do, and knows the columns that had evolved."""
    shop = records.shop(columns={"id": KEY, "v": TEXT, "old": TEXT})
    records.load({"id": 1, "v": "7", "old": "o", "Evolved Field": 2}, shop=shop)
    shop = records.shop(
        columns={"id": KEY, "v": {"data_type": "bigint"}, "new": {**TEXT, "renamed_from": "old"}}
    )
    code, out, err = run("migrate", "--yes", "--json")
    assert code == 0, err
    (found,) = json.loads(out)
    assert found["state"] == "migrated"
    assert found["changes"] == {"v": "text became bigint", "new": "renamed from old"}
    assert records.rows("select id, v, new, evolved_field from orders") == [(1, 7, "o", 2)]
    assert "agrees" in run("diff")[1]
    report = records.load({"id": 1, "v": 8, "new": "n", "Evolved Field": 3}, shop=shop)
    assert report.resources["orders"].schema_changes == {}
    assert records.rows("select id, v, new, evolved_field from orders") == [(1, 8, "n", 3)]


def test_a_pii_that_comes_later_is_told_until_migrate_protects_the_values(
    records: Records, run: Command
) -> None:
    plain = dict.fromkeys(("email", "name", "phone", "iban"), TEXT)
    rows = [{"id": n, "email": f"e{n}", "name": f"n{n}", "phone": f"p{n}", "iban": ""} for n in (1, 2)]
    columns = {"id": KEY, **plain, "n": {"data_type": "bigint"}}
    records.load(*rows, {"id": 3, "email": "bad@x", "n": "z"}, shop=records.shop(columns=columns))
    kinds = {"email": "hash", "name": "mask", "phone": "drop", "iban": "hash"}
    columns |= {name: {**TEXT, "pii": kind} for name, kind in kinds.items()}
    shop = records.shop(columns=columns)
    code, out, _ = run("diff")
    assert code == 0
    assert (
        "  email: pii: hash, but 2 stored values are still plain; to change them: ecom-assets migrate" in out
    )
    assert "iban" not in out
    for _ in range(2):  # the second one still tells, although the first one had the declaration
        report = records.load({**rows[1], "id": 4}, shop=shop, pii=True)
        assert set(report.resources["orders"].schema_changes) == {"email", "name", "phone"}
    assert run("migrate", "--yes")[::2] == (0, "")
    hashes = [(1, hashed("e1"), "***", ""), (2, hashed("e2"), "***", ""), (4, hashed("e2"), "***", "")]
    assert sorted(records.rows("select id, email, name, iban from orders")) == hashes
    assert "phone" not in records.types()
    for (record,) in records.rows("select record from rejected_rows"):
        assert "bad@x" not in record
        assert json.loads(record)["email"] == hashed("bad@x")
    assert run("migrate", "--yes")[1] == "Nothing of myshop has to change.\n"
    assert records.load(*rows, shop=shop, pii=True).resources["orders"].schema_changes == {}
    assert sorted(records.rows("select id, email, name, iban from orders")) == hashes


def test_a_hash_on_a_key_waits_for_migrate_also_in_the_children(records: Records, run: Command) -> None:
    lines = {
        "name": "order_lines",
        "rows_from": {"resource": "orders", "path": "items"},
        "primary_key": ["_orders_code", "n"],
        "include_from_parent": ["code"],
        "columns": {"n": KEY},
    }
    code = {**TEXT, "nullable": False}
    row = {"code": "c1", "items": [{"n": 1}]}
    names = ("orders", "order_lines")
    records.load(
        row, shop=records.shop(primary_key="code", columns={"code": code}, more=[lines]), names=names
    )
    shop = records.shop(primary_key="code", columns={"code": {**code, "pii": "hash"}}, more=[lines])
    report = records.try_load(row, shop=shop, names=names, pii=True)
    assert set(report.errors) == set(names)
    assert "the column code of the key: pii: hash, but 1 stored values are still plain" in str(
        report.errors["orders"]
    )
    assert records.rows("select code from orders") == [("c1",)]
    assert run("migrate", "--yes")[0] == 0
    records.load(row, shop=shop, names=names, pii=True)
    assert records.rows("select code from orders") == [(hashed("c1"),)]
    assert records.rows("select _orders_code, n from order_lines") == [(hashed("c1"), 1)]
    records.shop(primary_key="code", columns={"code": code}, more=[lines])
    found, out, _ = run("diff")
    assert found == 1
    assert "no longer pii: hash; stored values stay as they are" in out


def test_another_key_deletes_rows_without_it_only_if_told(records: Records, run: Command) -> None:
    columns = {"id": KEY, "code": TEXT}
    rows = [{"id": 1, "code": "a"}, {"id": 2, "code": "a"}, {"id": 3, "code": "b"}, {"id": 4}]
    records.load(*rows, shop=records.shop(columns=columns))
    shop = records.shop(primary_key="code", columns={**columns, "code": {**TEXT, "nullable": False}})
    code, out, _ = run("migrate", "--yes")
    assert code == 1
    assert "1 rows have no code" in out
    assert "    ecom-assets load myshop orders\n" in out
    assert records.rows("select count(*) from orders") == [(4,)]
    assert run("migrate", "--yes", "--discard")[0] == 0
    assert records.rows("select id, code from orders") == [(3, "b")]
    assert records.rows("select count(*) from load_ledger") == [(0,)]
    records.load({"id": 1, "code": "a"}, {"id": 3, "code": "b"}, shop=shop)
    assert sorted(records.rows("select id, code from orders")) == [(1, "a"), (3, "b")]


def test_another_zone_is_told_once(records: Records, run: Command) -> None:
    def declare(zone: str, **changes: Any) -> Any:
        return records.shop(columns={"id": KEY, "at": {**INSTANT, "timezone": zone}}, **changes)

    records.load({"id": 1, "at": "2026-01-01T00:00:00"}, shop=declare("Europe/Berlin"))
    shop = declare("America/New_York")
    assert (
        "  at: values without an offset are read in America/New_York from now on, and were in"
        in run("diff")[1]
    )
    report = records.load({"id": 2, "at": "2026-01-01T00:00:00"}, shop=shop)
    assert "load all windows again" in report.resources["orders"].schema_changes["at"]
    report = records.load({"id": 2, "at": "2026-01-01T00:00:00"}, shop=shop)
    assert report.resources["orders"].schema_changes == {}
    declare("Europe/Berlin", write_disposition="replace")
    assert "at:" not in run("diff")[1]


def test_wrong_names_and_nothing_loaded_are_one_line(records: Records, run: Command) -> None:
    records.shop(columns={"id": KEY})
    assert run("migrate", "--yes")[:2] == (0, "Nothing of myshop has to change.\n")
    assert run("migrate", "ordrs", "--yes")[::2] == (
        1,
        "error: TABLE: found 'ordrs', which myshop does not declare; allowed: orders\n",
    )
    records.place.write(
        'create schema if not exists "myshop"', 'create table "myshop"."orders" (theirs bigint)'
    )
    code, out, _ = run("migrate", "--yes")
    assert code == 1
    assert "that no load of this shop made" in out
