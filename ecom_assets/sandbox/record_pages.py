"""Answering one request for records: its parameters, the page it asks for, the records that faults edited."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from math import ceil
from typing import Any

import orjson

from ecom_assets.sandbox.faults import REMOVED, Edits, Faults
from ecom_assets.sandbox.instants import read
from ecom_assets.sandbox.records import EVER, Key, Kind, SandboxData
from ecom_assets.sandbox.settings import SandboxSettings

PATHS: Mapping[str, Kind] = {
    "/v1/customers": "customers",
    "/v1/products": "products",
    "/v1/orders": "orders",
    "/v1/stores": "stores",
}
"""What is served where."""

_Instant = Fraction | int
"""Seconds since 1970 UTC; what is asked for and what faults edit may lie between whole ones."""

_Place = tuple[_Instant, int]
"""A record's place in the answer, as its `Key` is; that of an edited one may lie between whole seconds."""

_DEFAULT_LIMIT = 50
_WHOLE = re.compile("[0-9]{1,18}")


class ParameterError(ValueError):
    """A query parameter that the API refuses."""

    def __init__(self, name: str, found: str, allowed: str) -> None:
        """Take what its message names."""
        super().__init__(f"{name}: found {found!r}; allowed: {allowed}")
        self.name = name


class Listing:
    """The pages of all records, as they are when they are asked for."""

    def __init__(self, settings: SandboxSettings, faults: Faults) -> None:
        """Take the settings, clock included, and the faults that edit records."""
        self._settings = settings
        self._faults = faults
        self._data = SandboxData(settings)

    def page(self, path: str, query: Mapping[str, str]) -> bytes:
        """Return the JSON body for a query. Raises ParameterError."""
        kind = PATHS[path]
        edits = self._faults.edits(path)
        asked = {name: value for name, value in query.items() if name not in edits.ignored}
        most = self._settings.max_limit
        limit = _number(asked, "limit", min(_DEFAULT_LIMIT, most), 1, most)
        offset = _number(asked, "offset", 0, 0, None)
        first: _Instant = -EVER
        end: _Instant = EVER
        if kind != "stores":
            first = _instant(asked, "updated_at_min", -EVER)
            end = _instant(asked, "updated_at_max", EVER)
        now = self._settings.clock()
        # the records' own instants are whole seconds: rounded up, both bounds let the same ones through
        keys = self._data.keys(kind, now, ceil(first), ceil(end))
        if edits.of_records():
            entries = self._edited(kind, keys, edits, now, first, end)
            total = len(entries)
            rows = [row for _, row in entries[offset : offset + limit]]
            page = [row if isinstance(row, bytes) else self._data.row(kind, row) for row in rows]
        else:
            total = len(keys)
            page = [self._data.row(kind, key) for key in keys[offset : offset + limit]]
        told = edits.totals[0] if edits.totals else total
        end_of_body = b"]}" if told is None else b'],"total":%d}' % told
        return b'{"data":[' + b",".join(page) + end_of_body

    def _edited(
        self, kind: Kind, keys: list[Key], edits: Edits, now: int, first: _Instant, end: _Instant
    ) -> list[tuple[_Place, Key | bytes]]:
        """Return what a window holds after all edits, each record by its key, an edited one as its JSON."""
        gone = edits.deleted | edits.changed.keys()
        entries: list[tuple[_Place, Key | bytes]] = [(key, key) for key in keys if key[1] not in gone]
        records: list[tuple[Key, dict[str, Any]]] = [((EVER, 0), record) for record in edits.added]
        for identity in edits.changed.keys() - edits.deleted:
            place = self._data.key(kind, identity, now)
            if place is not None:
                records.append((place, orjson.loads(self._data.row(kind, place)) | edits.changed[identity]))
        for place, record in records:
            new = _place(kind, place, record)
            if first <= new[0] < end or new[0] == EVER:
                present = {name: value for name, value in record.items() if value is not REMOVED}
                entries.append((new, orjson.dumps(present)))
        return sorted(entries, key=lambda entry: entry[0])


def _place(kind: Kind, place: Key, record: Mapping[str, Any]) -> _Place:
    """Return the place that an edited record asks for, or its old one as far as it does not say."""
    updated: _Instant
    updated, identity = place
    if kind == "stores":
        updated = 0
    elif isinstance(record.get("updated_at"), str):
        with suppress(ValueError):
            updated = read(record["updated_at"])
    if isinstance(record.get("id"), int):
        identity = record["id"]
    return updated, identity


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int | None) -> int:
    """Return a whole number from the query. Raises ParameterError."""
    text = query.get(name)
    if text is None:
        return default
    if _WHOLE.fullmatch(text) and least <= int(text) and (most is None or int(text) <= most):
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
        return read(text)
    except ValueError:
        raise ParameterError(name, text, "an instant as in ISO 8601, such as 2026-01-01T00:00:00Z") from None
