"""Rows with values at the edges of types, which every way to stage rows brings back as they were."""

from __future__ import annotations

from datetime import date, datetime, time, timezone
from decimal import Decimal

import pyarrow as pa

UTC = timezone.utc
INSTANTS = [
    datetime(2026, 1, 1, 0, 0, 0, 123456, UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
    None,
]
MONEY = Decimal("12345678901234567890123456789.123456789")
ROWS = pa.table(
    {
        "id": pa.array([2**63 - 1, 0, -(2**63)]),
        "text": pa.array(["é'\\n\n\"?", None, ""]),
        "money": pa.array([MONEY, None, Decimal("-0.000000001")], pa.decimal128(38, 9)),
        "number": pa.array([0.1, 1e308, None]),
        "flag": pa.array([True, False, None]),
        "at": pa.array(INSTANTS, pa.timestamp("us", "UTC")),
        "day": pa.array([date(1, 1, 1), date(9999, 12, 31), None], pa.date32()),
        "clock": pa.array([time(23, 59, 59, 999999), time(0), None], pa.time64("us")),
        "json": pa.array(['{"a":[1,null,"x"]}', "null", None]),
        "bytes": pa.array([b"\x00\xff", b"", None], pa.binary()),
    }
)
