"""A year of one shop: its declaration, its cadence, its machine and its warehouse change, and its tables stay true.

At each step the rows equal the API's records, and the ledger and `status` say what is loaded.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.extract.windows import windows_between
from ecom_assets.load.audit.audit import audit
from ecom_assets.load.ledger.status import status
from ecom_assets.load.relocation.copy import copy
from ecom_assets.load.run import run_load
from ecom_assets.load.sweeps.delete_detection import detect_deletes
from ecom_assets_tests.support.servers.loopback import Reply, serving
from ecom_assets_tests.support.upgrades.former_warehouse import Former, restore
from ecom_assets_tests.support.warehouses.engines import Place

UTC = timezone.utc
LOAD = "from ecom_assets.cli.app import main; main()"


class Year(Former):
    """The shop of the former warehouse, month by month.

    Attributes:
        columns: The columns of orders that the declaration and the records have, beside the cursor.
        until: The end of what is loaded.
    """

    columns: tuple[str, ...] = ("id", "total", "tags")
    until = datetime(2026, 1, 3, tzinfo=UTC)

    def change(self, before: str, after: str) -> None:
        """Change the declaration."""
        assert before in self.text
        self.declare(self.text.replace(before, after, 1))

    def add(self, number: int, at: str, **fields: Any) -> None:
        """Let the API have an order more."""
        lines = [{"id": 1, "sku": f"sku {number}"}]
        self.orders.append(
            {"id": number, "updated_at": f"{at}T08:00:00Z", "total": "5", "lines": lines, **fields}
        )

    def load_until(self, end: datetime, *, fails: bool = False, since: datetime | None = None) -> None:
        """Load the windows from what is loaded, or from an instant, to another one."""
        shop = self.shop
        assert shop.partitions
        windows = windows_between(shop.partitions, since or self.until, end)
        assert windows
        report = run_load(shop, ["orders", "lines"], windows, warehouse=self.place.warehouse())
        assert bool(report.errors) is fails, report.errors
        self.until = max(self.until, end)

    def holds(self, missing: int = 0, rejected: int = 0) -> None:
        """Require that the tables are the API's records, and that ledger and status say so."""
        until = self.until.isoformat()
        loaded = [order for order in self.orders if order["updated_at"] < until]
        listed = ", ".join(self.columns)
        rows = self.place.rows(f"select {listed} from acme.orders where deleted_at is null")
        expected = [order for order in loaded if not order.get("broken")]
        index = {row[0]: row for row in rows}
        assert sorted(index) == sorted(order["id"] for order in expected)
        for order in expected:
            row = dict(zip(self.columns, index[order["id"]], strict=True))
            assert row["total"] == Decimal(order["total"]), order
            for name in set(self.columns) & {"note", "remark", "quantity"}:
                assert row[name] == order.get(name), (name, order)
        lines = self.place.rows("select order_id, id, sku from acme.lines")
        wanted = [(order["id"], line["id"], line["sku"]) for order in expected for line in order["lines"]]
        assert sorted(lines) == sorted(wanted)
        found = {entry.resource: entry for entry in status(self.shop, self.place.warehouse(), self.until)}
        orders = found["orders"]
        assert (orders.missing, orders.failed, orders.rejected) == (missing, 0, rejected)
        assert orders.loaded == orders.windows - missing
        assert self.place.rows("select count(*) from acme.load_ledger where kept + rejected <> fetched") == [
            (0,)
        ]


def month(number: int) -> datetime:
    """Return the start of a month of 2026; month 13 is the January after it."""
    return datetime(2026 + (number - 1) // 12, (number - 1) % 12 + 1, 1, tzinfo=UTC)


@pytest.mark.slow
def test_a_year_of_a_shop(empty_place: Callable[[str], Place], tmp_path: Path) -> None:
    place = replace(empty_place("duckdb"), dataset="acme")
    restore(place)
    with serving() as loopback:
        year = Year(loopback, place, tmp_path)
        year.orders[1] |= {"broken": True}  # its total is no number
        # an upgrade: this version goes on with the warehouse of the one before
        year.holds(rejected=1)
        year.orders[1] |= {"broken": False, "total": "3"}
        year.add(10, "2026-01-20")
        year.load_until(month(2), since=month(1))
        year.holds()
        # another cadence: what is loaded by days is loaded by the month
        year.change("every: day", "every: month")
        year.holds()
        # a column more
        year.change(
            "      tags:", "      note: {data_type: text}\n      quantity: {data_type: bigint}\n      tags:"
        )
        year.columns = (*year.columns, "note", "quantity")
        year.add(20, "2026-02-03", note="first", quantity=3)
        year.load_until(month(3))
        year.holds()
        # a column renamed
        year.change("note: {data_type: text}", "remark: {data_type: text, renamed_from: note}")
        year.columns = tuple("remark" if name == "note" else name for name in year.columns)
        for order in year.orders:
            if "note" in order:
                order["remark"] = order.pop("note")
        year.add(30, "2026-03-03", remark="second", quantity=4)
        year.load_until(month(4))
        year.holds()
        # a wider type
        year.change(
            "quantity: {data_type: bigint}", "quantity: {data_type: decimal, precision: 18, scale: 2}"
        )
        year.add(40, "2026-04-03", quantity=4.5)
        year.load_until(month(5))
        year.holds()
        # a column less: its values stay
        year.change("      tags: {data_type: json}\n", "")
        year.add(50, "2026-05-03")
        year.load_until(month(6))
        year.holds()
        # a column that may no longer be null
        year.change("total: {data_type: decimal,", "total: {nullable: false, data_type: decimal,")
        year.add(60, "2026-06-03")
        year.add(61, "2026-06-04", total=None, lines=[], broken=True)
        year.load_until(month(7))
        year.holds(rejected=1)
        # another disposition of the snapshot
        year.change("  - name: stores\n", "  - name: stores\n    write_disposition: merge\n")
        assert run_load(year.shop, ["stores"], warehouse=place.warehouse()).errors == {}
        assert sorted(place.rows("select id, city from acme.stores")) == [(1, "Graz"), (2, None)]
        # a failed window: the other one loads, and status names one that is missing
        year.add(70, "2026-07-03")
        year.add(80, "2026-08-03")
        answer = loopback.answering
        assert answer
        loopback.answering = lambda seen: (
            Reply(500) if dict(seen.query).get("from", "").startswith("2026-07") else answer(seen)
        )
        year.load_until(month(9), fails=True)
        loopback.answering = answer
        left_out = [order for order in year.orders if order["updated_at"].startswith("2026-07")]
        year.orders = [order for order in year.orders if order not in left_out]
        year.holds(missing=1, rejected=1)
        year.orders += left_out
        year.load_until(month(8), since=month(7))
        year.holds(rejected=1)
        # a clock that was far ahead: later loads still count as later
        place.write("update acme.load_ledger set loaded_at = loaded_at + interval '400 days'")
        year.orders[0]["total"] = "77"
        year.orders[-1]["total"] = "78"
        year.load_until(month(2), since=month(1))
        year.load_until(month(8), since=month(7))
        year.holds(rejected=1)
        # a load that is killed while it reads
        year.add(90, "2026-09-03")
        before = place.whole_tables("orders", "lines", "load_ledger", "rejected_rows")
        killed_load(year, "2026-09-01")
        assert place.whole_tables("orders", "lines", "load_ledger", "rejected_rows") == before
        year.holds(rejected=1)
        year.load_until(month(10))
        year.holds(rejected=1)
        # a deletion, a late record and a change that no cursor tells: the audit finds them
        gone = year.orders.pop(0)
        year.orders[-1]["total"] = "79"
        year.add(91, "2026-09-04")
        assert detect_deletes(year.shop, "orders", warehouse=place.warehouse()).newly_deleted == 1
        place.write(f"delete from acme.lines where order_id = {gone['id']}")
        report = audit(year.shop, ["orders", "lines"], windows=99, repair=True, warehouse=place.warehouse())
        assert report.ok, list(report.lines())
        assert any(entry.repaired for entry in report.windows)
        year.holds(rejected=1)
        # a move to PostgreSQL, where loads go on
        moved = Place("postgres", empty_place("postgres").where, "acme")
        copy(year.shop, place.warehouse(), moved.warehouse(), lambda line: None)
        year.place = moved
        year.holds(rejected=1)
        year.add(100, "2026-10-03")
        year.add(110, "2026-11-03")
        year.add(120, "2026-12-03")
        year.load_until(month(13))
        year.holds(rejected=1)


def killed_load(year: Year, window: str) -> None:
    """Start a load of a window in another process, and kill it while the API answers."""
    answer, asked = year.loopback.answering, list[str]()
    assert answer

    def slow(seen: Any) -> Reply:
        asked.append(seen.path)
        time.sleep(0.5)
        return Reply(drop=True)

    year.loopback.answering = slow
    process = subprocess.Popen(
        [sys.executable, "-c", LOAD, "load", str(year.shop.file), "orders", "lines", "--window", window],
        env={**os.environ, "ECOM_WAREHOUSE": year.place.where},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not asked:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -9
    year.loopback.answering = answer
