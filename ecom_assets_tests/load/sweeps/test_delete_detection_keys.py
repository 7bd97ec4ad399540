"""Delete detection of tables whose keys and cursors are not whole numbers and instants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.run import run_load
from ecom_assets.load.sweeps.delete_detection import detect_deletes
from ecom_assets_tests.support.servers.loopback import Loopback, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

AT = {"data_type": "timestamp", "nullable": False}
DAY = "2026-01-01T10:00:00+02:00"


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    """Serve whatever a test answers."""
    with serving() as running:
        yield running


def swept(
    loopback: Loopback, place: Place, shop: Shop, records: list[dict[str, Any]]
) -> list[tuple[Any, ...]]:
    """Load records, sweep without the first one, and return the row that is marked then."""
    assert shop.partitions
    first = shop.partitions.start
    windows = windows_between(shop.partitions, first, first.replace(day=2))
    loopback.replies = [json_reply({"data": records})]
    assert run_load(shop, ["things"], windows, warehouse=place.warehouse()).errors == {}
    loopback.replies = [json_reply({"data": records[1:]})]
    report = detect_deletes(shop, "things", warehouse=place.warehouse())
    assert (report.live_before, report.newly_deleted, report.returned) == (len(records), 1, 0)
    keys = ", ".join(f'"{name}"::varchar' for name in shop.resource("things").primary_key)
    return place.rows(f"select {keys} from testshop.things where deleted_at is not null")


def shop_of(loopback: Loopback, columns: dict[str, Any], **incremental: Any) -> Shop:
    """Return a shop with `things`, whose key are the columns before the last one, its cursor."""
    *keys, cursor = columns
    endpoint = {
        "path": "things",
        "data_selector": "data",
        "incremental": {"cursor_path": cursor, "start_param": "since", **incremental},
    }
    return Shop.model_validate(
        {
            "name": "testshop",
            "client": {"base_url": loopback.base_url},
            "partitions": {"every": "day", "start": "2026-01-01"},
            "resources": [
                {
                    "name": "things",
                    "primary_key": keys,
                    "endpoint": endpoint,
                    "columns": {name: {**column, "nullable": False} for name, column in columns.items()},
                    "deletes": "sweep",
                    "max_deleted": 0.5,
                }
            ],
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "values", "marked"),
    [
        ({"data_type": "bigint"}, ["7", 8, "9"], "7"),
        ({"data_type": "text"}, ["ä", "a'b", "A"], "ä"),
        ({"data_type": "decimal", "precision": 9, "scale": 2}, ["1.10", 1.2, 3], "1.10"),
        ({"data_type": "date"}, ["2026-01-01", "2026-01-02", "2026-01-03"], "2026-01-01"),
        (
            {"data_type": "timestamp"},
            [DAY, "2026-01-01T08:00:00.000001Z", "2026-01-02"],
            "2026-01-01 08:00:00+00",
        ),
        ({"data_type": "bool"}, [True, False], "true"),
        ({"data_type": "double"}, [0.1, 0.2, 3], "0.1"),
        # of which a part is in another order, or written in another way, than in the warehouse
        ({"data_type": "json"}, [["b"], {"b": 1, "a": 1.10}, 12345678901234567890.5, "c"], '["b"]'),
        ({"data_type": "time"}, ["10:00:00", "11:00:00"], "10:00:00"),
    ],
)
def test_keys_of_any_type(
    loopback: Loopback, place: Place, column: dict[str, Any], values: list[Any], marked: str
) -> None:
    shop = shop_of(loopback, {"no": column, "at": AT})
    records = [{"no": value, "at": DAY} for value in values]
    assert swept(loopback, place, shop, records) == [(marked,)]


def test_a_key_of_several_columns(loopback: Loopback, place: Place) -> None:
    shop = shop_of(loopback, {"order": {"data_type": "text"}, "select": {"data_type": "bigint"}, "at": AT})
    records = [{"order": order, "select": no, "at": DAY} for order in "ab" for no in (1, 2)]
    assert swept(loopback, place, shop, records) == [("a", "1")]


def test_a_key_that_is_the_cursor_too(loopback: Loopback, place: Place) -> None:
    shop = shop_of(loopback, {"no": {"data_type": "bigint"}, "at": AT})
    things = shop.resource("things").model_copy(update={"key_fields": ("at",)})
    shop = shop.model_copy(update={"resources": (things,)})
    records = [{"no": 1, "at": f"2026-01-01T0{hour}:00:00Z"} for hour in range(3)]
    assert swept(loopback, place, shop, records) == [("2026-01-01 00:00:00+00",)]


@pytest.mark.parametrize(
    ("cursor", "value", "incremental"),
    [
        ({"data_type": "date"}, "2026-01-01", {"format": "date"}),
        ({"data_type": "bigint"}, 1767261600, {"format": "unix"}),
        ({"data_type": "timestamp"}, "2026-01-01T10:00:00", {"timezone": "Europe/Berlin"}),
    ],
)
def test_cursors_of_any_type(
    loopback: Loopback, place: Place, cursor: dict[str, Any], value: Any, incremental: dict[str, Any]
) -> None:
    shop = shop_of(loopback, {"no": {"data_type": "bigint"}, "at": cursor}, **incremental)
    records = [{"no": no, "at": value} for no in range(3)]
    assert swept(loopback, place, shop, records) == [("0",)]
