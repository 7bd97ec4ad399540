"""What proves that the records of several pages are the list as it stood at one moment.

That they are as many as the API says, and that

- there is one page, which the API answered at one moment, or
- every record last changed before the first page was read, and none is missing: the first page's total is
  reached, or the pages overlap and the list can only have become shorter (a closed window), or
- reading all pages once more brings the same records with the same contents: the list of the moment between.
  Of a record that is left out of its window afterwards only the key has to be the same.

Taken for granted: a change moves a record's cursor to the present of the API's one clock; what has changed does
not become again what it was. Without a total and without an order that tells a shift (cursors and links), a record
that comes after its place was read, and is gone before its place is read again, leaves no trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from requests import Response

from ecom_assets.contract.conversion import cursor_instants
from ecom_assets.contract.nested_values import values_at
from ecom_assets.contract.record_keys import Key, key_bytes, key_text
from ecom_assets.declaration.reading import Resource, Shop

_STEPS = {"day": timedelta(hours=25), "hour": timedelta(hours=1), "minute": timedelta(minutes=1)}
"""How long a cursor written in whole days, hours or minutes may stay behind the change; a day has up to 25 hours."""

Digests = Mapping[Key, bytes]


class SliceLimits(NamedTuple):
    """Where a slice ends: records of `end` and later are left out of it, none of after `high` comes at all.

    None where there is no such limit.
    """

    end: datetime | None = None
    high: datetime | None = None


class ListChanged(Exception):
    """The list changed while it was read; reading it again may succeed."""


@dataclass
class PagePass:
    """One reading of a slice's pages, from the first one on.

    `chained` is whether every page began with the last record of the page before. `earlier` are the digests
    of the pass before, if that was whole; `digests` are those of this one, as soon as the next has to
    repeat it.
    """

    earlier: Digests | None = None
    digests: Digests | None = None
    began: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    pages: int = 0
    total: int | None = None
    records: dict[Key, Any] = field(default_factory=dict)
    chained: bool = True

    def begin(self, response: Response) -> None:
        """Take the first page's moment on the API's clock; without a Date header this machine's clock stands in.

        The header is written after the API has looked at its records, by as long as the answer took at most.
        """
        try:
            date = parsedate_to_datetime(response.headers["Date"])
        except (LookupError, TypeError, ValueError):
            return
        self.began = date.replace(tzinfo=date.tzinfo or timezone.utc) - response.elapsed

    @property
    def is_all(self) -> bool:
        """Tell whether there are as many distinct records as the API says it has."""
        return self.total is not None and len(self.records) >= self.total


class CompletenessCheck:
    """Proves the passes over one resource's slices."""

    def __init__(self, shop: Shop, resource: Resource) -> None:
        """Take the resource's cursor, where it has one, and the fields that are loaded."""
        incremental = resource.endpoint.incremental if resource.endpoint else None
        self._cursor = resource.cursor
        self._zone = incremental.timezone if incremental else "UTC"
        self._private = any(resource.column(name).pii for name in resource.primary_key)
        self._fields: frozenset[str] | None = None
        if resource.schema_contract.columns == "discard_value":
            paths = [column.path[0] for column in resource.columns]
            for child in shop.children_of(resource.name):
                names = [child.rows_from.path] if child.rows_from else []
                paths += [name.split(".")[0] for name in (*names, *child.include_from_parent)]
            self._fields = frozenset(paths)

    @property
    def by_cursor(self) -> bool:
        """Tell whether records say when they last changed."""
        return self._cursor is not None

    def named(self, key: Key) -> str:
        """Return a record's key for a message, unless it is personal data."""
        return "one whose key is personal" if self._private else key_text(key)

    def newer(self, old: Any, new: Any) -> Any:
        """Return that one of two states of a record which has the later cursor, `new` if none has."""
        if self._cursor is not None:
            before, after = self._moments([old, new]).to_pylist()
            if before is not None and after is not None and before > after:
                return old
        return new

    def holds(self, done: PagePass, limits: SliceLimits) -> bool:
        """Tell whether a pass that came to its end is proved; else its digests are what the next has to bring.

        Raises Moved where records are missing, or differ from the pass before.
        """
        if done.total is not None and len(done.records) != done.total:
            raise ListChanged(
                f"the API says it has {done.total} records, {len(done.records)} distinct ones came"
            )
        if done.pages == 1 or self._is_dated(done, limits.high):
            return True
        done.digests = self._digests(done.records, limits.end)
        if done.earlier is None:
            return False
        differing = dict(done.digests.items() ^ done.earlier.items())
        if differing:
            raise ListChanged(
                f"{len(differing)} of {len(done.records)} records differ between two readings in a row, "
                f"such as {self.named(next(iter(differing)))}: the list moved while it was read"
            )
        return True

    def _is_dated(self, done: PagePass, high: datetime | None) -> bool:
        """Tell whether all records, none missing, were what they are before the first page was read."""
        # a cursor in whole seconds may stay behind the change by one
        began = done.began.replace(microsecond=0)
        enough = done.total is not None or (done.chained and high is not None and high < began)
        if self._cursor is None or not enough:
            return False
        moments = self._moments(list(done.records.values()))
        if moments.null_count:
            return False
        latest = pc.max(moments).as_py()
        if latest is None or latest + max(_STEPS.values()) < began:
            return True
        return bool(latest + _step(moments, self._zone) < began)

    def _digests(self, records: Mapping[Key, Any], end: datetime | None) -> Digests:
        """Return a digest of what is loaded of each record, the same one of all that are left out afterwards."""
        rows = list(records.values())
        later: Sequence[bool | None] = [False] * len(rows)
        if self._cursor is not None and end is not None:
            moments = self._moments(rows)
            later = pc.greater_equal(moments, pa.scalar(end, moments.type)).to_pylist()
        return {
            key: b"" if left_out else blake2b(key_bytes(self._loaded(row)), digest_size=16).digest()
            for key, row, left_out in zip(records, rows, later, strict=True)
        }

    def _loaded(self, row: Any) -> Any:
        if self._fields is None or not isinstance(row, dict):
            return row
        return {name: value for name, value in row.items() if name in self._fields}

    def _moments(self, records: list[Any]) -> pa.Array:
        if self._cursor is None:
            return pa.nulls(len(records), pa.timestamp("us", "UTC"))
        return cursor_instants(values_at(records, self._cursor.path)[0], self._cursor, self._zone)


def _step(moments: pa.Array, zone: str) -> timedelta:
    """Return how coarse cursors are, beyond a second, going by whether all of them are round on the local clock."""
    local = pc.local_timestamp(moments.cast(pa.timestamp("us", zone)))
    for unit, step in _STEPS.items():
        if pc.all(pc.equal(pc.floor_temporal(local, unit=unit), local)).as_py():
            return step
    return timedelta()
