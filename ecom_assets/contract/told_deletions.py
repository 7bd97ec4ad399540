"""Told deletions: records that say themselves that they are deleted, by a field such as `deleted: true`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from ecom_assets.contract.nested_values import values_at
from ecom_assets.contract.value_conversion import is_zero_date, to_instant_in
from ecom_assets.foundation.local_time import INSTANT

_NO = frozenset({"", "0", "false", "no", "n", "f", "off", "null", "none"})
"""Texts that say that a record is not deleted, in lower case."""
_EARLIEST = datetime(1990, 1, 1, tzinfo=timezone.utc)
"""A number that means an earlier instant is no instant but a flag, such as 1."""


def told_deletions(
    records: Sequence[Any], path: Sequence[str], changed: pa.Array | None, zone: str = "UTC"
) -> pa.Array:
    """Return when each record was deleted, as instants in UTC; null for a record that is not deleted.

    The instant is the one in the field, else that of the record's last change, else the present. So a window that is
    loaded again brings the same instant.

    Args:
        records: The records.
        path: The path of the field.
        changed: The cursors of the records as instants, None if they have none.
        zone: The time zone of instants without an offset.
    """
    to_instant = to_instant_in(ZoneInfo(zone))
    now = datetime.now(timezone.utc)
    cursors = [None] * len(records) if changed is None else changed.to_pylist()
    values = values_at(records, path)[0]
    found = [
        _deleted_at(value, to_instant) or cursor or now if _is_deleted(value) else None
        for value, cursor in zip(values, cursors, strict=True)
    ]
    return pa.array(found, INSTANT)


def _is_deleted(value: Any) -> bool:
    """Tell whether a value says that its record is deleted."""
    if isinstance(value, str):
        return value.strip().lower() not in _NO and not is_zero_date(value)
    return bool(value)


def _deleted_at(value: Any, to_instant: Any) -> datetime | None:
    """Return the instant that a value is, None for a flag."""
    if isinstance(value, (bool, dict, list)):
        return None
    try:
        moment: datetime | None = to_instant(value)
    except (ValueError, OverflowError, ArithmeticError):
        return None
    return moment if moment and moment >= _EARLIEST else None
