"""Local times: single values and whole columns give the same instants, in order, and never too early ones."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.contract.conversion import convert, cursor_instants
from ecom_assets.declaration.instant_format import resolution_of
from ecom_assets.declaration.reading import Column
from ecom_assets.foundation.local_time import instant_of, instants_of, local_time_of, offset_change_near

UTC = timezone.utc
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Atlantic/Azores",
    "Asia/Kolkata",
)


@pytest.mark.parametrize(
    ("local", "zone", "expected"),
    [
        ("2026-10-25T01:59:59", "Europe/Berlin", "2026-10-24T23:59:59"),
        ("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T01:30:00"),  # the second one
        ("2026-10-25T03:00:00", "Europe/Berlin", "2026-10-25T02:00:00"),
        ("2026-03-29T01:59:59", "Europe/Berlin", "2026-03-29T00:59:59"),
        ("2026-03-29T02:00:00", "Europe/Berlin", "2026-03-29T01:00:00"),
        ("2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29T01:00:00"),  # skipped
        ("2026-03-29T03:00:00", "Europe/Berlin", "2026-03-29T01:00:00"),
        ("2026-10-04T02:15:00", "Australia/Lord_Howe", "2026-10-03T15:30:00"),  # skipped, by half an hour
        ("2026-09-06T00:00:00", "America/Santiago", "2026-09-06T04:00:00"),  # a day without a midnight
        ("2011-12-30T12:00:00", "Pacific/Apia", "2011-12-30T10:00:00"),  # a day that was left out
        ("2040-10-28T02:30:00", "Europe/Berlin", "2040-10-28T01:30:00"),  # later than Arrow knows
    ],
)
def test_a_local_time_has_one_instant(local: str, zone: str, expected: str) -> None:
    instant = datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert instant_of(datetime.fromisoformat(local), ZoneInfo(zone)) == instant
    column = Column.model_validate({"name": "value", "data_type": "timestamp"})
    for values in ([local], [local, None], [local, "2026-01-01T00:00:00Z"]):
        assert convert(values, column, zone).array.to_pylist()[0] == instant


@given(
    st.sampled_from(ZONES),
    st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), min_size=1, max_size=4),
    st.data(),
)
def test_a_column_is_read_as_its_values_are_and_keeps_their_order(
    zone: str, moments: list[datetime], data: st.DataObject
) -> None:
    info = ZoneInfo(zone)
    # close to a change of the clock it matters
    near = [
        moment + timedelta(minutes=data.draw(st.integers(-90, 90)))
        for moment in (datetime(2026, 3, 29, 2), datetime(2026, 10, 25, 2), datetime(2026, 4, 5, 2))
    ]
    moments = sorted([*moments, *near])
    read = [instant_of(moment, info) for moment in moments]
    assert read == sorted(read)
    whole = instants_of(pa.array(moments, pa.timestamp("us")), zone)
    assert (whole is None) == (zone != "UTC" and moments[-1] >= datetime(2037, 1, 1))
    if whole is not None:
        assert whole.to_pylist() == read
    for moment, instant in zip(moments, read, strict=True):
        assert local_time_of(instant, info) >= moment  # later only where the clock skips
        assert abs(instant - moment.replace(tzinfo=info).astimezone(UTC)) <= offset_change_near(
            [instant], info
        )


@pytest.mark.parametrize(
    ("data_type", "value", "zone", "expected"),
    [
        ("bigint", 1_767_225_600, "UTC", datetime(2026, 1, 1, tzinfo=UTC)),
        ("bigint", "1767225600", "UTC", datetime(2026, 1, 1, tzinfo=UTC)),
        ("bigint", 1_767_225_600_123, "UTC", datetime(2026, 1, 1, 0, 0, 0, 123_000, UTC)),
        ("bigint", -1, "UTC", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("bigint", 2**63 - 1, "UTC", datetime(9999, 12, 30, tzinfo=UTC)),
        ("bigint", -(2**63), "UTC", datetime(1, 1, 2, tzinfo=UTC)),
        ("bigint", "2026-01-01", "UTC", None),
        ("date", "2026-01-01", "UTC", datetime(2026, 1, 1, tzinfo=UTC)),
        ("date", "2026-01-01", "Europe/Berlin", datetime(2025, 12, 31, 23, tzinfo=UTC)),
        ("date", "2026-07-01T00:00:00Z", "Europe/Berlin", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("date", "9999-12-31", "America/New_York", datetime(9999, 12, 30, 5, tzinfo=UTC)),
        ("date", "0001-01-01", "Europe/Berlin", datetime(1, 1, 1, 23, 6, 32, tzinfo=UTC)),
        ("date", "2026-02-30", "UTC", None),
        ("timestamp", 1_767_225_600, "UTC", datetime(2026, 1, 1, tzinfo=UTC)),
        ("timestamp", 1_767_225_600.123456, "UTC", datetime(2026, 1, 1, 0, 0, 0, 123_456, UTC)),
        ("timestamp", -0.0000005, "UTC", datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)),
        ("timestamp", "", "UTC", None),
    ],
)
def test_cursors_of_every_type_are_instants(data_type: str, value: Any, zone: str, expected: Any) -> None:
    cursor = Column.model_validate({"name": "at", "data_type": data_type, "nullable": False})
    assert cursor_instants([value], cursor, zone).to_pylist() == [expected]
    assert cursor_instants([None, value, None], cursor, zone).to_pylist() == [None, expected, None]


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-10-25T02:30:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("2026-03-29T02:30:00", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("2040-10-28T02:30:00", datetime(2040, 10, 28, 1, 30, tzinfo=UTC)),
        ("2026-07-01T12:00:00+00:00", datetime(2026, 7, 1, 12, tzinfo=UTC)),
    ],
)
def test_the_zone_of_a_column_goes_before_that_of_the_endpoint(local: str, expected: datetime) -> None:
    column = Column.model_validate({"name": "at", "data_type": "timestamp", "timezone": "Europe/Berlin"})
    for values in ([local], [local, "2026-07-01T12:00:00+00:00"], [local, local]):
        assert convert(values, column, "America/New_York").array.to_pylist()[0] == expected


def test_the_least_and_greatest_day_have_a_midnight_in_every_zone() -> None:
    cursor = Column.model_validate({"name": "at", "data_type": "date", "nullable": False})
    for zone in ZONES:
        for days in ([date.min, date.max], [date.min], [date(2026, 1, 1), date.min]):
            assert None not in cursor_instants([day.isoformat() for day in days], cursor, zone).to_pylist()


@pytest.mark.parametrize(
    ("form", "grain"),
    [
        ("iso8601", timedelta(seconds=1)),
        ("unix_ms", timedelta(seconds=1)),
        ("date", timedelta(days=1)),
        ("%s", timedelta(seconds=1)),
        ("%Y-%m-%dT%H:%M:%S.%f", timedelta(seconds=1)),
        ("%d/%m/%y %H:%M", timedelta(minutes=1)),
        ("%Y%m%d %I %p", timedelta(hours=1)),
        ("%Y-%m-%d", timedelta(days=1)),
        ("%Y-%j", timedelta(days=1)),
    ],
)
def test_how_fine_a_format_is(form: str, grain: timedelta) -> None:
    assert resolution_of(form) == grain


@pytest.mark.parametrize(
    "form", ["%Y-%m", "%H:%M", "%d.%m.", "%Y-%m-%d %I:%M", "%Y-%m-%d :%M", "%a", "%%s", "x", ""]
)
def test_a_format_that_does_not_tell_every_day_is_none(form: str) -> None:
    with pytest.raises(ValueError, match="does not tell every day"):
        resolution_of(form)
