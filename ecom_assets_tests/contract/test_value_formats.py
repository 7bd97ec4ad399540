"""Times and numbers as real APIs write them: each becomes the same instant or number, or rejects its record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

from ecom_assets.contract.conversion import convert
from ecom_assets.contract.inference import infer
from ecom_assets.declaration.reading import Column, Shop
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.run import RunReport, run_load
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

TEN = datetime(2026, 1, 1, 10, tzinfo=timezone.utc)


def values(kind: str, *given: Any, zone: str = "UTC", **keys: Any) -> list[Any]:
    """Return what becomes of values, with the reason in place of a wrong one."""
    column = Column.model_validate({"name": "a", "data_type": kind, **keys})
    converted = convert(given, column, zone)
    return [converted.wrong.get(row, value) for row, value in enumerate(converted.array.to_pylist())]


@pytest.mark.parametrize(
    "text",
    [
        "Thu, 01 Jan 2026 10:00:00 GMT",
        "Thu, 01 Jan 2026 12:00:00 +0200",
        "Thu, 1 Jan 2026 10:00:00 -0000",
        "1 Jan 2026 10:00:00 UTC",
        "Thu, 01 Jan 2026 05:00:00 EST",
        "Thursday, 01 Jan 2026 10:00 +0000",
        "/Date(1767261600000)/",
        "/Date(1767261600000+0100)/",
        "2026-01-01 10:00:00 UTC",
        "2026-01-01T10:00:00 GMT",
        "2026-01-01 10:00:00UTC",
        "1767261600",
        "1767261600.0",
        "1767261600000",
    ],
)
def test_an_instant_in_any_usual_form(text: str) -> None:
    assert values("timestamp", text, zone="Asia/Tokyo") == [TEN]


def test_a_time_zone_of_the_column_itself() -> None:
    texts = ["2026-01-01 11:00:00", "2026-01-01T11:00:00"]
    assert values("timestamp", *texts, zone="Asia/Tokyo", timezone="Europe/Berlin") == [TEN, TEN]
    # one by one
    assert values("timestamp", texts[0], "1767261600", zone="Asia/Tokyo", timezone="Europe/Berlin") == [
        TEN,
        TEN,
    ]


@pytest.mark.parametrize(
    "text",
    ["Thu, 32 Jan 2026 10:00:00 GMT", "/Date(x)/", "/Date(99999999999999999)/", "2026-02-30", "0000-00-01"],
)
def test_what_is_no_instant_breaks_the_contract(text: str) -> None:
    assert values("timestamp", text) == [f"{text!r} is not an instant"]


@pytest.mark.parametrize(
    "text", ["0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00Z", "0000-00-00 00:00:00.000 UTC"]
)
def test_a_date_of_zeros_is_null_where_it_is_declared(text: str) -> None:
    assert values("timestamp", text, "2026-01-01T10:00:00Z") == [None, TEN]
    assert values("date", text, "2026-01-01") == [None, date(2026, 1, 1)]
    assert infer("a", [text, "2026-01-01"]).data_type == "text", "nobody said that it is a date"


@pytest.mark.parametrize(
    ("pattern", "value", "instant"),
    [
        ("%d.%m.%Y %H:%M", "01.02.2026 10:00", datetime(2026, 2, 1, 9, tzinfo=timezone.utc)),
        ("%m/%d/%Y", "02/01/2026", datetime(2026, 1, 31, 23, tzinfo=timezone.utc)),
        ("%d/%m/%Y %H:%M %z", "01/02/2026 10:00 -0500", datetime(2026, 2, 1, 15, tzinfo=timezone.utc)),
        ("%Y%m%d", 20260201, datetime(2026, 1, 31, 23, tzinfo=timezone.utc)),
        ("unix_ms", 1000, datetime(1970, 1, 1, 0, 0, 1, tzinfo=timezone.utc)),
        ("unix", "1767261600", TEN),
    ],
)
def test_a_declared_format(pattern: str, value: Any, instant: datetime) -> None:
    assert values("timestamp", value, None, "", "0000-00-00", format=pattern, zone="Europe/Berlin") == [
        instant,
        None,
        None,
        None,
    ]
    other = "2026-01-01T10:00:00Z"
    assert values("timestamp", other, format=pattern) == [
        f"{other!r} is not an instant in the format {pattern}"
    ]


def test_a_declared_format_of_a_date() -> None:
    assert values("date", "01.02.2026", "31.02.2026", format="%d.%m.%Y") == [
        date(2026, 2, 1),
        "'31.02.2026' is not a date in the format %d.%m.%Y",
    ]


def test_rounding_to_the_scale() -> None:
    long = Decimal("75.650000000000006")
    given = (
        75.650000000000006,
        "0.125",
        "0.135",
        3,
        "1e-50",
        -0.005,
        Decimal("12345678.999"),
        99999999.995,
        "x",
    )
    found = values("decimal", *given, precision=10, scale=2, rounding="scale")
    rounded = ["75.65", "0.12", "0.14", "3", "0", "0", "12345679.00"]
    assert found == [
        *map(Decimal, rounded),
        "99999999.995 is not a decimal(10,2)",
        "'x' is not a decimal(10,2)",
    ]
    assert values("decimal", long, precision=10, scale=2) == [f"{long} is not a decimal(10,2)"]


class Api:
    """A server of things, and a warehouse."""

    def __init__(self, loopback: Loopback, place: Place) -> None:
        self.loopback, self.place = loopback, place

    def load(self, body: str, days: int = 1, **resource: Any) -> RunReport:
        self.loopback.replies = [Reply(body=body, headers={"Content-Type": "application/json"})]
        endpoint = {"path": "things", "data_selector": "data"}
        shop = Shop.model_validate(
            {
                "name": "testshop",
                "client": {"base_url": self.loopback.base_url, "paginator": "single_page"},
                "policy": {"max_retries": 0},
                "partitions": {"every": "day", "start": "2026-01-01"},
                "resources": [{"name": "things", "primary_key": "id", "endpoint": endpoint, **resource}],
            }
        )
        assert shop.partitions
        windows = windows_between(shop.partitions, TEN.replace(hour=0), TEN.replace(hour=0, day=1 + days))
        windowed = shop.resource("things").windowed
        return run_load(shop, ["things"], windows if windowed else (), warehouse=self.place.warehouse())


@pytest.fixture
def api(place: Place) -> Iterator[Api]:
    with serving() as loopback:
        yield Api(loopback, place)


@pytest.mark.parametrize("kind", ["decimal", "double", "bigint"])
def test_a_number_beyond_all_columns_rejects_its_record(api: Api, kind: str) -> None:
    numbers = ["1e400", "-1e400", "9" * 5000, "1.5" if kind == "bigint" else "7"]
    records = ", ".join(f'{{"id": {no}, "n": {number}}}' for no, number in enumerate([*numbers, "8"]))
    report = api.load(
        f'{{"data": [{records}]}}', columns={"id": {"data_type": "bigint"}, "n": {"data_type": kind}}
    )
    assert report.errors == {}
    assert {id_ for (id_,) in api.place.rows("select id from testshop.things")} == (
        {4} if kind == "bigint" else {3, 4}
    )
    rejected = api.place.rows("select primary_key, reasons from testshop.rejected_rows order by 1")
    assert [key for key, _ in rejected][:3] == ["0", "1", "2"]
    assert rejected[0][1].startswith("n: 1E+400 is not a")


WINDOWED: dict[str, Any] = {
    "endpoint": {
        "path": "things",
        "data_selector": "data",
        "incremental": {"cursor_path": "at", "start_param": "since", "end_param": "until"},
    }
}


def test_a_window_whose_records_were_all_rejected_is_not_loaded(api: Api) -> None:
    columns: dict[str, Any] = {"id": {"data_type": "bigint"}, "at": {"data_type": "timestamp"}}
    body = json.dumps({"data": [{"id": no, "at": "01.01.2026 10:00"} for no in range(3)]})
    report = api.load(body, columns=columns, **WINDOWED)
    assert str(report.errors["things"]) == (
        "things: all 3 records of 2026-01-01 were rejected, the first one because of: at: '01.01.2026 10:00' is not an "
        "instant. Correct the columns, for example with format, or declare max_rejected: 1 to load such a window"
    )
    columns["at"] |= {"format": "%d.%m.%Y %H:%M"}
    assert api.load(body, columns=columns, **WINDOWED).errors == {}
    assert api.place.rows("select count(*) from testshop.things") == [(3,)]


def test_a_snapshot_whose_records_were_all_rejected_replaces_nothing(api: Api) -> None:
    columns: dict[str, Any] = {"id": {"data_type": "bigint"}, "n": {"data_type": "bigint"}}
    assert api.load('{"data": [{"id": 1, "n": 1}, {"id": 2, "n": 2}]}', columns=columns).errors == {}
    wrong = '{"data": [{"id": 1, "n": "one"}, {"id": 2, "n": "two"}]}'
    report = api.load(wrong, columns=columns)
    assert "things: all 2 records of the list were rejected" in str(report.errors["things"])
    assert api.place.rows("select count(*) from testshop.things") == [(2,)]
    assert api.load(wrong, columns=columns, max_rejected=1).errors == {}
    assert api.place.rows("select count(*) from testshop.things") == [(0,)]


@pytest.mark.parametrize(
    ("record", "fails"), [({"at": "x"}, True), ({"at": "2026-01-01", "name": None}, False)]
)
def test_a_single_record_fails_a_window_only_by_its_cursor(
    api: Api, record: dict[str, Any], fails: bool
) -> None:
    columns: dict[str, Any] = {
        "id": {"data_type": "bigint"},
        "at": {"data_type": "timestamp"},
        "name": {"data_type": "text", "nullable": False},
    }
    body = json.dumps({"data": [{"id": 1, "name": "x", **record}]})
    assert bool(api.load(body, columns=columns, **WINDOWED).errors) == fails


def test_max_rejected_allows_a_window_whose_records_were_all_rejected(api: Api) -> None:
    columns: dict[str, Any] = {"id": {"data_type": "bigint"}, "at": {"data_type": "timestamp"}}
    body = json.dumps({"data": [{"id": 1, "at": "x"}]})
    assert api.load(body, columns=columns, max_rejected=1, **WINDOWED).errors == {}
    assert api.place.rows("select count(*) from testshop.rejected_rows") == [(1,)]


@pytest.mark.parametrize("body", ['{"data": [{"id": 1}], "data": []}', '{"data": [{"id": 1, "id": 2}]}'])
def test_a_name_twice_in_one_object_fails_the_resource(api: Api, body: str) -> None:
    """Parsers take the last value, so rows would be lost without a word."""
    report = api.load(body, columns={"id": {"data_type": "bigint"}})
    name = "id" if '"id": 2' in body else "data"
    assert str(report.errors["things"]) == (
        f"things: an object in the response has the name '{name}' twice, with different values, and it is unknown "
        "which one counts. Only the API can correct this"
    )
