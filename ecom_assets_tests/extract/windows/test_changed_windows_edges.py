"""An inclusive or coarse parameter brings records beyond a window; they are no change of that window."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.changed_windows import changed_windows
from ecom_assets.extract.window_request import WindowRequest
from ecom_assets_tests.extract.windows.test_windows_properties import shop_of
from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply, serving
from ecom_assets_tests.support.servers.window_filter import Answering, written

UTC = timezone.utc
DAY = datetime(2026, 10, 25, tzinfo=UTC)


def changed(shop: Shop, since: datetime, moments: list[datetime], *, total: bool = True) -> list[str]:
    """Return the windows that changed at an API with these records, of which it gives one a page."""
    stored = [
        written(moment, "naive", ZoneInfo(shop.incremental_of("things").timezone), 0) for moment in moments
    ]
    answering = Answering(shop.incremental_of("things"), by_wall=False, fold=0, truncating=False)

    def answer(seen: Seen) -> Reply:
        query = dict(seen.query)
        records = answering.answer(stored, WindowRequest(query["from"], query["to"], None, None))
        return json_reply(
            {"data": records[: int(query["limit"])], **({"total": len(records)} if total else {})}
        )

    with serving() as loopback:
        loopback.answering = answer
        paginator: dict[str, Any] = {
            "type": "offset",
            "limit": 2,
            **({"total_path": "total"} if total else {}),
        }
        client = shop.client.model_copy(update={"base_url": loopback.base_url, "paginator": paginator})
        things = shop.resource("things")
        assert things.endpoint
        endpoint = things.endpoint.model_copy(update={"data_selector": "data"})
        resources = (things.model_copy(update={"endpoint": endpoint}),)
        at_server = shop.model_copy(update={"client": client, "resources": resources})
        return [window.partition_key for window in changed_windows(at_server, since, DAY + timedelta(days=2))]


@pytest.mark.parametrize(
    ("declared", "moments", "expected"),
    [
        ({"bounds": "[]"}, [DAY + timedelta(days=1)], ["2026-10-26"]),
        ({"bounds": "(]"}, [DAY - timedelta(seconds=0.5), DAY + timedelta(days=1)], ["2026-10-26"]),
        ({"format": "date"}, [DAY + timedelta(hours=5)], []),
        ({"timezone": "Europe/Berlin"}, [DAY + timedelta(hours=5)], []),
        ({"timezone": "Europe/Berlin"}, [DAY + timedelta(hours=5), DAY + timedelta(hours=7)], ["2026-10-25"]),
        (
            {"timezone": "Europe/Berlin"},
            [DAY + timedelta(hours=hour) for hour in (4.5, 5, 7)],
            ["2026-10-25"],
        ),
    ],
)
def test_only_what_lies_in_a_window_changed_it(
    declared: dict[str, Any], moments: list[datetime], expected: list[str]
) -> None:
    since = DAY + timedelta(hours=6)
    assert changed(shop_of(**declared), since, moments) == expected


def test_without_a_total_a_record_beyond_may_be_a_change() -> None:
    shop = shop_of(timezone="Europe/Berlin")
    assert changed(shop, DAY + timedelta(hours=6), [DAY + timedelta(hours=5)], total=False) == ["2026-10-25"]
