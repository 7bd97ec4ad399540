"""Answering one request for records: its parameters, the page it asks for, the records that faults edited."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

from ecom_assets.sandbox.data import EVER, Key, Kind, SandboxData
from ecom_assets.sandbox.faults import REMOVED, Edits, Faults
from ecom_assets.sandbox.instants import read
from ecom_assets.sandbox.settings import SandboxSettings

PATHS: Mapping[str, Kind] = {
    "/v1/customers": "customers",
    "/v1/products": "products",
    "/v1/orders": "orders",
    "/v1/stores": "stores",
}
"""What is served where."""

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
        first, end = -EVER, EVER
        if kind != "stores":
            first = _instant(asked, "updated_at_min", -EVER)
            end = _instant(asked, "updated_at_max", EVER)
        now = self._settings.clock()
        keys = self._data.keys(kind, now, first, end)
        if edits.of_records():
            entries = self._edited(kind, keys, edits, now, first, end)
            total = len(entries)
            page = [row or self._data.row(kind, key) for key, row in entries[offset : offset + limit]]
        else:
            total = len(keys)
            page = [self._data.row(kind, key) for key in keys[offset : offset + limit]]
        told = edits.totals[0] if edits.totals else total
        end_of_body = b"]}" if told is None else b'],"total":%d}' % told
        return b'{"data":[' + b",".join(page) + end_of_body

    def _edited(
        self, kind: Kind, keys: list[Key], edits: Edits, now: int, first: int, end: int
    ) -> list[tuple[Key, bytes | None]]:
        """Return what a window holds after all edits, with the JSON of the edited records."""
        gone = edits.deleted | edits.changed.keys()
        entries: list[tuple[Key, bytes | None]] = [(key, None) for key in keys if key[1] not in gone]
        records: list[tuple[Key, dict[str, Any]]] = [((EVER, 0), record) for record in edits.added]
        for identity in edits.changed.keys() - edits.deleted:
            place = self._data.key(kind, identity, now)
            if place is not None:
                records.append((place, orjson.loads(self._data.row(kind, place)) | edits.changed[identity]))
        for place, record in records:
            key = _place(kind, place, record)
            if first <= key[0] < end or key[0] == EVER:
                present = {name: value for name, value in record.items() if value is not REMOVED}
                entries.append((key, orjson.dumps(present)))
        return sorted(entries, key=lambda entry: entry[0])


def _place(kind: Kind, place: Key, record: Mapping[str, Any]) -> Key:
    """Return the key that an edited record asks for, or its old one as far as it does not say."""
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


def _instant(query: Mapping[str, str], name: str, default: int) -> int:
    """Return an instant from the query in seconds since 1970 UTC. Raises ParameterError."""
    text = query.get(name)
    if text is None:
        return default
    try:
        return read(text)
    except ValueError:
        raise ParameterError(name, text, "an instant as in ISO 8601, such as 2026-01-01T00:00:00Z") from None
