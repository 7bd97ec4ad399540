"""`ecom-assets check` finds an API that excludes the start of a window, or ignores its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets import rest_api_shop
from ecom_assets.extract.check.api_check import check
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply
from ecom_assets_tests.support.servers.loopback import api as api

TIMES = ["2026-01-01T00:00:00", "2026-01-01T12:30:00.250", "2026-01-02T00:00:00", "2026-01-03T08:00:00"]
Includes = Callable[[str, str], bool]


def window_of(
    api: Loopback,
    includes: Includes,
    bounds: str,
    times: list[str],
    end_param: str = "to",
    form: str = "iso8601_naive",
    params: dict[str, str] | None = None,
    refused: Callable[[dict[str, str]], bool] = lambda query: False,
) -> Any:
    def answer(seen: Seen) -> Reply:
        query = dict(seen.query)
        if refused(query):
            return json_reply({"error": "from, to"}, 400)
        low, high = query.get("from", ""), query.get("to", "9")
        rows = [{"id": number, "at": time} for number, time in enumerate(times)]
        return json_reply(
            {"data": [row for row in rows if includes(str(row["at"]), low) and str(row["at"]) < high]}
        )

    api.answering = answer
    incremental = {"cursor_path": "at", "bounds": bounds, "format": form}
    incremental |= {} if params else {"start_param": "from", "end_param": end_param}
    things = {
        "name": "things",
        "primary_key": "id",
        "columns": {"id": {"data_type": "bigint"}, "at": {"data_type": "timestamp"}},
        "endpoint": {
            "path": "things",
            "data_selector": "data",
            "incremental": incremental,
            "params": params or {},
        },
    }
    config = {"client": {"base_url": api.base_url, "paginator": "single_page"}, "resources": [things]}
    shop = rest_api_shop(
        "acme", config, policy={"max_retries": 0}, partitions={"every": "day", "start": "2026-01-01"}
    )
    return next((found.result, found.detail) for found in check(shop) if found.what == "window")


@pytest.mark.parametrize(
    ("includes", "bounds", "times", "result"),
    [
        (lambda time, low: time > low, "[)", TIMES, "failed"),
        (lambda time, low: time > low, "[]", TIMES[2:], "failed"),
        (lambda time, low: time > low, "()", TIMES, "ok"),
        (lambda time, low: time >= low, "[)", TIMES, "ok"),
        # no request can have the instant of this record
        (lambda time, low: time > low, "[)", TIMES[1:2], "ok"),
        # the API compares days
        (lambda time, low: time[:10] >= low[:10], "[)", TIMES, "ok"),
    ],
)
def test_a_start_that_the_api_excludes(
    api: Loopback, includes: Includes, bounds: str, times: list[str], result: str
) -> None:
    found, detail = window_of(api, includes, bounds, times)
    assert found == result
    if result == "failed":
        assert (
            f"the API excludes the start, so each window may lack records. Declare bounds: '({bounds[1]}'"
            in detail
        )


def test_an_end_that_the_api_ignores(api: Loopback) -> None:
    """Records of the present come for yesterday, and none for the far future."""
    soon = datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(hours=1)
    times = [soon.isoformat(timespec="seconds"), (soon - timedelta(days=1, hours=2)).isoformat()]
    found, detail = window_of(api, lambda time, low: time >= low, "[)", times, end_param="until")
    assert (found, detail.partition(" records lie outside of ")[0]) == ("failed", "1")
    assert window_of(api, lambda time, low: time >= low, "[)", times)[0] == "ok"


def test_an_api_that_refuses_times_in_the_future_does_not_ignore_the_window(api: Loopback) -> None:
    def refused(query: dict[str, str]) -> bool:
        return query.get("to", "") > "2030"

    assert window_of(api, lambda time, low: time >= low, "[)", TIMES, refused=refused)[0] == "ok"
    found, detail = window_of(
        api, lambda time, low: True, "[)", [*TIMES, "2035-01-01T00:00:00"], refused=refused
    )
    assert found == "failed"
    assert "records lie outside" in detail


def test_nothing_is_compared_with_a_list_that_needs_its_filter(api: Loopback) -> None:
    params = {"from": "{incremental.start_value}", "to": "{incremental.end_value}"}
    found, detail = window_of(
        api,
        lambda time, low: time >= low,
        "[)",
        TIMES,
        params=params,
        refused=lambda query: "from" not in query,
    )
    assert found == "skipped"
    assert "nothing is answered without it" in detail


def test_no_half_of_a_filter_is_sent_to_compare_with(api: Loopback) -> None:
    params = {
        "group[0][field]": "at",
        "from[value]": "{incremental.start_value}",
        "to": "{incremental.end_value}",
    }
    sent: list[dict[str, str]] = []

    def keep(query: dict[str, str]) -> bool:
        sent.append(query)
        return False

    window_of(api, lambda time, low: True, "[)", [], params=params, refused=keep)
    assert [query for query in sent if "from[value]" not in query] == []
