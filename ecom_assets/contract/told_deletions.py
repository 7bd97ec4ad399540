"""Told deletions: records that say themselves that they are deleted, by a field such as `deleted: true`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from ecom_assets.contract.nested_values import values_at
from ecom_assets.contract.value_conversion import is_zero_date, to_instant_in
from ecom_assets.foundation.errors import ContractBroken
from ecom_assets.foundation.local_time import INSTANT

_NO = frozenset({"", "0", "false", "no", "n", "f", "off", "null", "none"})
"""Texts that say that a record is not deleted, in lower case."""
_YES = frozenset({"true", "yes", "y", "t", "on", "x", "deleted", "removed", "trashed", "trash", "archived"})
"""Words that say that a record is deleted in any field, in lower case."""
_NAMED_FOR_DELETION = re.compile(r"delet|remov|trash|archiv|destroy|purge|eras|gone|tombstone", re.IGNORECASE)
"""Names of fields that living records leave empty, so that any text in one of them means yes."""
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


def refuse_unknown_words(resource: str, records: Sequence[Any], path: Sequence[str]) -> None:
    """Raise ContractBroken for a word that may be one of a living record, such as `active` in a field `status`.

    Args:
        resource: The name of the resource.
        records: The records.
        path: The path of the field that says whether a record is deleted.
    """
    name = ".".join(path)
    if _NAMED_FOR_DELETION.search(name):
        return
    for value in values_at(records, path)[0]:
        if isinstance(value, str) and (word := value.strip().lower()).isalpha() and word not in _YES | _NO:
            failure = ContractBroken(
                f"{resource}: deletes.field {name} found {value!r}, and it is unknown whether this means deleted. "
                "Declare a field that only deleted records have, or one that is false, null or empty in all others"
            )
            failure.resource = resource
            raise failure


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
