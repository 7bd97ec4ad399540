"""A filter that leaves out everything: `check` finds it, and a first load without a row fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.check.api_check import Finding, check
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.run import run_load
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
NOW = datetime(2026, 1, 11, tzinfo=timezone.utc)


class Api:
    """Things of ten days; a parameter that it does not know is a condition that no thing meets."""

    def __init__(self, loopback: Loopback, file: Path) -> None:
        self.base_url, self.file = loopback.base_url, file
        self.known = {"since", "until"}
        self.records: list[dict[str, Any]] = [{"id": no, "at": _text(no)} for no in range(10)]
        self.refuses_everything = False
        self.asked: list[dict[str, str]] = []
        loopback.answering = self.answer

    def answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        self.asked.append(query)
        if not query and self.refuses_everything:
            return json_reply({"error": "since is required"}, 400)
        rows = self.records if set(query) <= self.known else []
        low, high = query.get("since", "").removeprefix("gte:"), query.get("until", "9").removeprefix("lt:")
        return json_reply({"data": [row for row in rows if low <= row["at"] < high]})

    def shop(self, params: dict[str, str] | None = None, **incremental: Any) -> Shop:
        return Shop.model_validate(
            {
                "name": "testshop",
                "client": {"base_url": self.base_url, "paginator": "single_page"},
                "policy": {"max_retries": 0},
                "partitions": {"every": "day", "start": "2026-01-01"},
                "resources": [
                    {
                        "name": "things",
                        "primary_key": "id",
                        "endpoint": {
                            "path": "things",
                            "data_selector": "data",
                            "params": params or {},
                            "incremental": {"cursor_path": "at", **incremental},
                        },
                        "columns": {"id": {"data_type": "bigint"}, "at": {"data_type": "timestamp"}},
                    }
                ],
            }
        )

    def load(self, shop: Shop, first: int = 0, last: int = 10) -> str:
        """Load some days, and return the error of things."""
        assert shop.partitions
        windows = windows_between(shop.partitions, START + timedelta(first), START + timedelta(last))
        errors = run_load(shop, ["things"], windows, warehouse=DuckDbWarehouse(self.file, 20)).errors
        return str(errors.get("things", ""))


def _text(day: float) -> str:
    return (START + timedelta(days=day)).isoformat().replace("+00:00", "Z")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """Serve ten things."""
    with serving() as loopback:
        yield Api(loopback, tmp_path / "warehouse.duckdb")


def window_finding(shop: Shop) -> Finding:
    return next(finding for finding in check(shop, now=NOW) if finding.what == "window")


WRONG: dict[str, Any] = {"start_param": "updated_at[gte]", "end_param": "updated_at[lt]"}
RIGHT: dict[str, Any] = {"start_param": "since", "end_param": "until"}
PROBLEM = (
    "no record came for updated_at[gte], updated_at[lt], but the list without it has records of that time, such as one "
    "of 2026-01-{:02}T00:00:00+00:00. The API takes a parameter that it does not know as a condition, or reads the "
    "instants in another way. Check the names of the parameters, format and timezone, or declare server_filter: false"
)


def test_check_compares_a_window_with_the_unfiltered_list(api: Api) -> None:
    finding = window_finding(api.shop(**WRONG))
    assert (finding.result, finding.detail) == ("failed", PROBLEM.format(10))
    assert window_finding(api.shop(**RIGHT)).result == "ok"


def test_check_finds_no_fault_in_an_empty_last_window(api: Api) -> None:
    del api.records[-1]
    assert window_finding(api.shop(**RIGHT)).result == "ok"
    assert [query for query in api.asked if query.get("since") == "2026-01-01T00:00:00Z"], "a wide window"
    assert window_finding(api.shop(**WRONG)).result == "failed"


def test_check_drops_parameters_with_placeholders(api: Api) -> None:
    named = {"from": "gte:{incremental.start_value}", "to": "lt:{incremental.end_value}"}
    assert window_finding(api.shop(named)).result == "failed"
    known = {"since": "gte:{incremental.start_value}", "until": "lt:{incremental.end_value}"}
    assert window_finding(api.shop(known)).result == "ok"


def test_a_first_load_without_a_row_fails(api: Api) -> None:
    shop = api.shop(**WRONG)
    assert api.load(shop) == f"things: {PROBLEM.format(1)}"
    assert [query for query in api.asked if not query] == [{}], "one request"


def test_a_format_that_the_api_reads_in_another_way_fails_the_first_load(api: Api) -> None:
    """Seconds compare as less than every text."""
    assert "no record came for since, until" in api.load(api.shop(format="unix", **RIGHT))


def test_a_first_load_of_windows_that_are_empty_succeeds(api: Api) -> None:
    api.records = api.records[5:]
    shop = api.shop(**RIGHT)
    assert api.load(shop, 0, 3) == ""
    assert api.load(shop, 3, 10) == ""
    asked = len(api.asked)
    assert api.load(shop, 0, 3) == ""
    assert len(api.asked) == asked + 3, "later loads compare nothing"


def test_an_api_that_refuses_the_list_without_a_filter_loads(api: Api) -> None:
    api.refuses_everything = True
    api.records = []
    assert api.load(api.shop(**RIGHT), 0, 1) == ""


def test_records_of_another_time_show_nothing(api: Api) -> None:
    api.records = [{"id": 1, "at": "2025-06-01T00:00:00Z"}]
    assert api.load(api.shop(**RIGHT), 0, 1) == ""
