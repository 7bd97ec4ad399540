"""The lists of one slice: that of the cursor, then one for each of its fallbacks.

A list by a fallback also has records whose cursor is not null. They belong to the window of their cursor, so they are
left out. In the others, the value of the fallback becomes the cursor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from requests import Request

from ecom_assets.contract.record_keys import Key, number_equal_keys, value_at
from ecom_assets.declaration.reading import Incremental


class FallbackLists:
    """Where the reading of one slice is, and what its earlier lists brought."""

    def __init__(self, incremental: Incremental | None) -> None:
        """Begin with the list of the cursor."""
        self._incremental = incremental
        fallbacks = incremental.fallbacks if incremental else ()
        self._paths: list[Sequence[str]] = [tuple(entry.cursor_path.split(".")) for entry in fallbacks]
        # without a filter, the one list has all records
        self._lists = fallbacks if incremental and incremental.server_filter else ()
        self._position = 0
        self._records: dict[Key, Any] = {}
        self._total: int | None = None

    @property
    def has_next_list(self) -> bool:
        """Tell whether there is a list to read after the present one."""
        return self._position < len(self._lists)

    def add(self, records: Mapping[Key, Any], total: int | None, several: Mapping[Key, int]) -> None:
        """Add the records of a list that is complete, its total, and how many records a key has that has several."""
        if not self._paths or self._incremental is None:
            self._records, self._total = dict(records), total
            return
        path = tuple(self._incremental.cursor_path.split("."))
        # the fields of the lists before this one
        earlier = [path, *self._paths][: self._position]
        # a list before this one has decided about all records of its keys
        decided = set(self._records)
        for key in decided & several.keys():
            decided.update(number_equal_keys([key] * several[key]))
        for key, record in records.items():
            if any(value_at(record, entry) is not None for entry in earlier):
                continue
            if key not in decided:
                has_cursor = value_at(record, path) is not None
                self._records[key] = record if has_cursor else self._with_fallback(record, path)
        self._total = None if total is None else len(self._records)

    def to_next_list(self, request: Request) -> None:
        """Rename the parameters of the window in a first request, for the next list."""
        before = self._lists[self._position - 1] if self._position else self._incremental
        after = self._lists[self._position]
        self._position += 1
        params = dict(request.params or {})
        for old, new in (
            (before and before.start_param, after.start_param),
            (before and before.end_param, after.end_param),
        ):
            if old and new:
                params[new] = params.pop(old)
        request.params = params

    @property
    def records(self) -> list[Any]:
        """Return the records of all lists."""
        return list(self._records.values())

    @property
    def total(self) -> int | None:
        """Return the number of records that the API reported for all lists, as far as they belong to the slice."""
        return self._total

    def _with_fallback(self, record: Any, path: Sequence[str]) -> Any:
        """Return a record with the first fallback that has a value as its cursor."""
        value = next((found for entry in self._paths if (found := value_at(record, entry)) is not None), None)
        return record if value is None else _with_value(record, path, value)


def _with_value(record: Any, path: Sequence[str], value: Any) -> Any:
    """Return a copy of a record with a value at a path; a record with something else in the way stays as it is."""
    name, *inner = path
    if not isinstance(record, dict):
        return record
    if not inner:
        return {**record, name: value}
    return {**record, name: _with_value(record.get(name) or {}, inner, value)}
