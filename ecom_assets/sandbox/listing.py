"""Answering one request for records: its parameters, the page they ask for, and the records that faults edited."""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Callable, Mapping
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


class BadParameter(ValueError):
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
        """Return the JSON body for a query. Raises BadParameter."""
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
        row: Callable[[Key], bytes] = lambda key: self._data.row(kind, key)  # noqa: E731
        if edits.of_records():
            keys, edited = self._edited(kind, keys, edits, now, first, end)
            whole = row
            row = lambda key: edited[key] if key in edited else whole(key)  # noqa: E731
        rows = b",".join([row(key) for key in keys[offset : offset + limit]])
        total = edits.totals[0] if edits.totals else len(keys)
        return b'{"data":[' + rows + b"]" + (b"}" if total is None else f',"total":{total}}}'.encode())

    def _edited(
        self, kind: Kind, keys: list[Key], edits: Edits, now: int, first: int, end: int
    ) -> tuple[list[Key], dict[Key, bytes]]:
        """Return the keys with deletions, changes and additions, and the JSON of the rows that differ."""
        gone = edits.deleted | edits.changed.keys()
        kept = [key for key in keys if key[1] not in gone]
        edited: dict[Key, bytes] = {}
        records: list[tuple[Key, dict[str, Any]]] = [
            ((EVER + number, 0), record) for number, record in enumerate(edits.added)
        ]
        for identity, fields in edits.changed.items():
            key = self._data.key(kind, identity, now)
            if key is not None and identity not in edits.deleted:
                records.append((key, orjson.loads(self._data.row(kind, key)) | fields))
        for place, record in records:
            record = {name: value for name, value in record.items() if value is not REMOVED}
            key = _place(place, record, windowed=kind != "stores")
            if first <= key[0] < end or key[0] >= EVER:
                while key in edited:  # a second record with the same id and instant comes right after the first
                    key = (*key[:2], 1)  # type: ignore[assignment]
                insort(kept, key)
                edited[key] = orjson.dumps(record)
        return kept, edited
