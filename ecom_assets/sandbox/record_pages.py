"""The pages of the sandbox's records: checks a request's parameters and returns the JSON of the page.

Faults may add, change and hide records, or report a wrong total.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from math import ceil
from typing import Any

import orjson

from ecom_assets.sandbox.faults import REMOVED, Edits, Faults
from ecom_assets.sandbox.instants import parse_iso
from ecom_assets.sandbox.records import EVER, Kind, RecordKey, SandboxRecords
from ecom_assets.sandbox.settings import SandboxSettings

PATHS: Mapping[str, Kind] = {
    "/v1/customers": "customers",
    "/v1/products": "products",
    "/v1/orders": "orders",
    "/v1/stores": "stores",
}
"""The kind of records at each path."""

_Instant = Fraction | int
"""Seconds since 1970 UTC. Requests and edited records may have instants between whole seconds."""

_SortKey = tuple[_Instant, int]
"""What the records of an answer are sorted by: a RecordKey whose instant may lie between whole seconds."""

_DEFAULT_LIMIT = 50
_WHOLE_NUMBER = re.compile("[0-9]{1,18}")


class ParameterError(ValueError):
    """A query parameter that the API refuses."""

    def __init__(self, name: str, found: str, allowed: str) -> None:
        """Keep the name; the message is `<name>: found <found>; allowed: <allowed>`."""
        super().__init__(f"{name}: found {found!r}; allowed: {allowed}")
        self.name = name


class RecordPages:
    """The pages of all records, as they are at the time of the request."""

    def __init__(self, settings: SandboxSettings, faults: Faults) -> None:
        """Take the settings, which have the clock, and the faults that edit records."""
        self._settings = settings
        self._faults = faults
        self._records = SandboxRecords(settings)

    def page(self, path: str, query: Mapping[str, str]) -> bytes:
        """Return the JSON body for a query. Raises ParameterError."""
        kind = PATHS[path]
        edits = self._faults.edits(path)
        parameters = {name: value for name, value in query.items() if name not in edits.ignored}
        max_limit = self._settings.max_limit
        limit = _number(parameters, "limit", min(_DEFAULT_LIMIT, max_limit), 1, max_limit)
        offset = _number(parameters, "offset", 0, 0, None)
        first: _Instant = -EVER
        end: _Instant = EVER
        if kind != "stores":
            first = _instant(parameters, "updated_at_min", -EVER)
            end = _instant(parameters, "updated_at_max", EVER)
        now = self._settings.clock()
        # the records' own instants are whole seconds, so rounding both bounds up selects the same records
        keys = self._records.keys(kind, now, ceil(first), ceil(end))
        if edits.change_records():
            entries = self._edited_entries(kind, keys, edits, now, first, end)
            total = len(entries)
            rows = [row for _, row in entries[offset : offset + limit]]
            page = [row if isinstance(row, bytes) else self._records.row(kind, row) for row in rows]
        else:
            total = len(keys)
            page = [self._records.row(kind, key) for key in keys[offset : offset + limit]]
        reported_total = edits.totals[0] if edits.totals else total
        end_of_body = b"]}" if reported_total is None else b'],"total":%d}' % reported_total
        return b'{"data":[' + b",".join(page) + end_of_body

    def _edited_entries(
        self, kind: Kind, keys: list[RecordKey], edits: Edits, now: int, first: _Instant, end: _Instant
    ) -> list[tuple[_SortKey, RecordKey | bytes]]:
        """Return the records of a window after all edits, sorted: a record's key, or the JSON of an edited one."""
        replaced = edits.deleted | edits.changed.keys()
        entries: list[tuple[_SortKey, RecordKey | bytes]] = [
            (key, key) for key in keys if key[1] not in replaced
        ]
        records: list[tuple[RecordKey, dict[str, Any]]] = [((EVER, 0), record) for record in edits.added]
        for identity in edits.changed.keys() - edits.deleted:
            key = self._records.key(kind, identity, now)
            if key is not None:
                records.append((key, orjson.loads(self._records.row(kind, key)) | edits.changed[identity]))
        for key, record in records:
            sort_key = _edited_sort_key(kind, key, record)
            if first <= sort_key[0] < end or sort_key[0] == EVER:
                present = {name: value for name, value in record.items() if value is not REMOVED}
                entries.append((sort_key, orjson.dumps(present)))
        return sorted(entries, key=lambda entry: entry[0])


def _edited_sort_key(kind: Kind, key: RecordKey, record: Mapping[str, Any]) -> _SortKey:
    """Return the sort key that an edited record's own fields give; its former key where they give none."""
    updated: _Instant
    updated, identity = key
    if kind == "stores":
        updated = 0
    elif isinstance(record.get("updated_at"), str):
        with suppress(ValueError):
            updated = parse_iso(record["updated_at"])
    if isinstance(record.get("id"), int):
        identity = record["id"]
    return updated, identity


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int | None) -> int:
    """Return a whole number from the query. Raises ParameterError."""
    text = query.get(name)
    if text is None:
        return default
    if _WHOLE_NUMBER.fullmatch(text) and least <= int(text) and (most is None or int(text) <= most):
        return int(text)
    raise ParameterError(
        name, text, f"a whole number, {least} or more" + (f", {most} at most" if most else "")
    )


def _instant(query: Mapping[str, str], name: str, default: int) -> _Instant:
    """Return an instant from the query in seconds since 1970 UTC. Raises ParameterError."""
    text = query.get(name)
    if text is None:
        return default
    try:
        return parse_iso(text)
    except ValueError:
        raise ParameterError(name, text, "an instant as in ISO 8601, such as 2026-01-01T00:00:00Z") from None
