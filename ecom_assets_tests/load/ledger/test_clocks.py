"""Loads are ordered by what the ledger knows, and a clock that is off is reported."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from ecom_assets.client.read_statistics import ReadStatistics
from ecom_assets.load.ledger.clock import report_offset
from ecom_assets.load.ledger.status import status
from ecom_assets.sandbox.server import Running
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets_tests.support.loads.races import NOW, Race
from ecom_assets_tests.support.loads.races import race as race
from ecom_assets_tests.support.loads.races import sandbox as sandbox

NEXT_YEAR = "update sandbox.load_ledger set loaded_at = loaded_at + interval '1 year'"


def newest(race: Race, columns: str) -> list[tuple[Any, ...]]:
    """Return columns of the newest entry of the ledger."""
    return race.rows(f"select {columns} from load_ledger order by loaded_at desc limit 1")


def test_a_load_is_newer_than_one_of_a_machine_whose_clock_was_ahead(race: Race) -> None:
    race.run(["orders"], 1)
    race.place.write(NEXT_YEAR, "update sandbox.load_ledger set fetched = fetched + 1")
    assert status(race.shop, race.place.warehouse(), NOW + timedelta(days=1))[2].failed == 1
    race.run(["orders"], 1)
    assert newest(race, "kept = fetched") == [(True,)]
    assert status(race.shop, race.place.warehouse(), NOW + timedelta(days=1))[2].failed == 0
    race.run(["stores"])
    assert newest(race, "resource") == [("stores",)]


def test_of_two_loads_after_a_clock_was_ahead_the_later_reading_stays(race: Race, sandbox: Running) -> None:
    race.run(["stores"])
    race.place.write(NEXT_YEAR)
    sandbox.faults.change("/v1/stores", 1, name="early")

    def later() -> None:
        sandbox.faults.clear()
        sandbox.faults.change("/v1/stores", 1, name="later")
        race.run(["stores"])

    race.run_late(["stores"], 0, later)
    assert ("later",) in race.rows("select name from stores")
    assert ("early",) not in race.rows("select name from stores")


def test_the_server_of_the_warehouse_has_the_clock(race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's clock is two hours behind."""
    server = datetime.now(timezone.utc) + timedelta(hours=2)
    race.run(["stores"])
    monkeypatch.setattr(
        type(_transaction(race)), "server_time", lambda _: datetime.now(timezone.utc) + timedelta(hours=2)
    )
    race.run(["stores"])
    ((loaded_at,),) = newest(race, "loaded_at")
    assert server < loaded_at < server + timedelta(minutes=5)
    (line,) = [line for line in race.said if "warehouse's clock" in line]
    assert line.startswith("the warehouse's clock is 7200 seconds ahead of this machine's")


def _transaction(race: Race) -> Transaction:
    with race.place.warehouse().read("sandbox") as transaction:
        return transaction


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(50, []), (-50, []), (90, ["ahead of"]), (-7200, ["behind"])],
)
def test_a_clock_of_the_api_that_is_off_is_reported(seconds: int, expected: list[str]) -> None:
    statistics = ReadStatistics()
    date = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    statistics.note_date("no date", None)
    statistics.note_date(format_datetime(date + timedelta(hours=9), usegmt=True), "600")
    statistics.note_date(format_datetime(date, usegmt=True), None)
    lines: list[str] = []
    assert statistics.clock_offset is not None
    report_offset("the API's clock", statistics.clock_offset, lines.append)
    assert [text for text in ("ahead of", "behind") if any(text in line for line in lines)] == expected
