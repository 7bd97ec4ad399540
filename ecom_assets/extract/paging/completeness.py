"""Completeness check: are the records of several pages the list as it stood at one moment?

An API hands out a list page by page, and the list may change between two pages. A record may then be missed, come
twice, or come in a state that the records around it never had. `SlicePaginator` therefore holds the pages of a
slice back. After each pass over all pages, a `CompletenessCheck` decides:

- the pass is complete;
- a *second reading* of all pages is needed, which must agree with this one. That is normal, and nothing counts it;
- the list has changed (`ListChanged`). Then the paginator makes a *restart*: it reads the list again from its start.
  `MAX_RESTARTS` limits the restarts of a slice, and the ledger has their number.

What is observed in a pass:

- the records, told apart by their primary keys, how many a key has on one page, and the number of pages;
- the total that the API reports, if the declaration says where;
- the cursor of each record: the instant of its last change, if the resource is windowed;
- when the API answered the first page, on the API's own clock;
- whether each page begins with the last record of the page before. Pages by offset are asked for in this way.

If the API reports a total, the pass must have as many distinct records. Otherwise the list has changed. A pass is then
complete in any of three cases:

1. *One page.* The API answered it at one moment.
2. *By the cursor.* The cursor of every record is earlier than the first page, so each record is as it was at that
   moment. In addition, no record may be missing. Either the total is reached, or the window had closed before the
   first page and all pages overlap. The list of a closed window can only become shorter, because a changed record
   leaves it; a record that leaves shifts the records after it, and the overlap no longer fits.
3. *By a second reading.* Two passes in a row bring the same keys with the same contents. Then this was the list
   between the two passes. For a record that is left out of the slice later, only the key has to be the same.

What is taken for granted:

- A change sets the cursor of a record to the present, on the one clock of the API.
- A record that changes does not change back to what it was.

What is not noticed: a record that appears after its place was read, and disappears before its place is read again.
This is possible only without a total, and only with paginators that follow page cursors or links. Such a page starts
after a record, not at a position, so an insertion behind the reader changes no later page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from requests import Response

from ecom_assets.contract.conversion import cursor_instants
from ecom_assets.contract.nested_values import values_at
from ecom_assets.contract.record_keys import Key, canonical_json, key_text
from ecom_assets.declaration.cursor_meaning import tells_change
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.paging.volatile_fields import different_paths, volatile_paths, without_path

_RESOLUTIONS = {"day": timedelta(hours=25), "hour": timedelta(hours=1), "minute": timedelta(minutes=1)}
"""How far a cursor in whole days, hours or minutes may lie behind the change. A local day has up to 25 hours."""

_SAMPLE = 500
"""How many records of a reading are kept, to tell the fields in which the next one differs."""
_NAMED_FIELDS = 5

Digests = Mapping[Key, bytes]
"""A digest of the contents of each record, by primary key."""


class SliceLimits(NamedTuple):
    """Where a slice ends. Both instants are in UTC, and None where there is no such limit.

    Attributes:
        end: Records of this instant or later are left out of the slice after reading.
        latest_possible: The API returns no record later than this.
        most_records: How many records the slice may have. One that has a limit is cut instead of read again.
    """

    end: datetime | None = None
    latest_possible: datetime | None = None
    most_records: int | None = None


class ListChanged(Exception):
    """The list changed while it was read. A restart may succeed."""


@dataclass
class PagePass:
    """What is observed in one pass over the pages of a slice.

    Attributes:
        previous_digests: The digests of the pass before, if it read all pages.
        previous_sample: Some records of the pass before, to tell the fields that differ.
        digests: The digests of this pass. They exist only if another pass has to bring the same ones.
        started: When the API answered the first page, in UTC.
        pages: How many pages were read.
        total: The total that the API reported first.
        records: The records by primary key. `number_equal_keys` numbers the further ones of a key on one page.
        several: The number of records of each primary key that has several.
        further: The number of records that are not the first one of their primary key.
        confirmed_by: What confirms the end of the list, see `ecom_assets.extract.paging.last_page`.
        pages_overlap: Whether every page began with the last record of the page before.
        is_masked: Whether a page held a secret of the shop.
        has_unmarked_end: Whether a part of a page would look like the whole page, or errors came in place of records.
    """

    previous_digests: Digests | None = None
    previous_sample: Mapping[Key, Any] = field(default_factory=dict)
    digests: Digests | None = None
    started: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    pages: int = 0
    total: int | None = None
    records: dict[Key, Any] = field(default_factory=dict)
    several: dict[Key, int] = field(default_factory=dict)
    further: int = 0
    confirmed_by: str | None = None
    pages_overlap: bool = True
    is_masked: bool = False
    has_unmarked_end: bool = False

    def next_pass(self) -> PagePass:
        """Return the pass over the same pages that comes after this one."""
        sample = dict(islice(self.records.items(), _SAMPLE)) if self.digests is not None else {}
        return PagePass(previous_digests=self.digests, previous_sample=sample)

    def set_start(self, response: Response) -> None:
        """Set the start to the moment of the first page, on the API's clock.

        Without a usable `Date` header, the start stays the one of this machine's clock. The API writes the header
        after it has looked at its records, so the duration of the answer is subtracted.
        """
        try:
            date = parsedate_to_datetime(response.headers["Date"])
        except (LookupError, TypeError, ValueError):
            return
        self.started = date.replace(tzinfo=date.tzinfo or timezone.utc) - response.elapsed

    @property
    def distinct(self) -> int:
        """Return the number of distinct primary keys."""
        return len(self.records) - self.further

    @property
    def has_reached_total(self) -> bool:
        """Tell whether there are as many distinct records as the API reports."""
        return self.total is not None and self.distinct >= self.total


class CompletenessCheck:
    """Decides whether a pass over the pages of one resource's slice is complete."""

    def __init__(
        self, shop: Shop, resource: Resource, compared_part: Callable[[Any], Any] | None = None
    ) -> None:
        """Take the resource's cursor, if it has one, and the fields that are loaded.

        Args:
            shop: The declared shop.
            resource: The resource with the endpoint.
            compared_part: Returns the part of a record in which two readings must agree; by default, the fields that
                are loaded.
        """
        incremental = resource.endpoint.incremental if resource.endpoint else None
        self._cursor = resource.cursor if tells_change(resource) else None
        self._verifies_once = bool(resource.endpoint and resource.endpoint.verify == "once")
        self._volatile = volatile_paths(shop, resource)
        self._zone = incremental.timezone if incremental else "UTC"
        self._key_length = len(resource.key_paths) if resource.primary_key else None
        self._has_personal_key = any(resource.column(name).pii for name in resource.primary_key)
        self._compared_part = compared_part or self._loaded_fields
        self._fields: frozenset[str] | None = None
        if resource.schema_contract.columns == "discard_value":
            fields = [column.path[0] for column in resource.columns]
            for child in shop.children_of(resource.name):
                paths = [child.rows_from.path] if child.rows_from else []
                fields += [path.split(".")[0] for path in (*paths, *child.include_from_parent)]
            self._fields = frozenset(fields)

    @property
    def has_cursor(self) -> bool:
        """Tell whether records say when they last changed."""
        return self._cursor is not None

    def key_for_message(self, key: Key) -> str:
        """Return a record's key for a message, without its value if it is personal data."""
        return "one whose key is personal" if self._has_personal_key else key_text(key[: self._key_length])

    def newer_state(self, old: Any, new: Any) -> Any:
        """Return that state of a record which has the later cursor, `new` if the cursors do not tell."""
        if self._cursor is not None:
            before, after = self._cursor_instants([old, new]).to_pylist()
            if before is not None and after is not None and before > after:
                return old
        return new

    def contradicts(self, total: int, first_total: int, *, by_position: bool) -> bool:
        """Tell whether the total of a later page shows that the records of the first total cannot all come.

        With a cursor, a total may grow: the cursors tell which records are younger than the first page. Next links
        and cursors also pass over records that are gone, so their total may fall. Pages `by_position` do not.
        """
        if not self.has_cursor:
            return total != first_total
        return total < first_total and by_position

    def is_complete(self, page_pass: PagePass, limits: SliceLimits) -> bool:
        """Tell whether a pass that has read all pages is complete. If not, a second reading is needed.

        Args:
            page_pass: The pass. It gets its digests if the second reading has to bring the same ones.
            limits: Where the slice ends.

        Raises:
            ListChanged: Records are missing, or differ from the pass before.
        """
        if page_pass.total is not None and page_pass.distinct != page_pass.total:
            raise ListChanged(
                f"the API says it has {page_pass.total} records, {page_pass.distinct} distinct ones came"
            )
        if self._verifies_once and page_pass.total is not None:
            return True
        if page_pass.pages == 1 or self._is_verified_by_cursor(page_pass, limits.latest_possible):
            return True
        page_pass.digests = self._digests(page_pass.records, limits.end)
        if page_pass.previous_digests is None:
            return False
        differing = dict(page_pass.digests.items() ^ page_pass.previous_digests.items())
        if differing:
            raise ListChanged(
                f"{len(differing)} of {len(page_pass.records)} records differ between two readings in a row, "
                f"such as {self.key_for_message(next(iter(differing)))}: the list changed while it was read"
                f"{self._differing_fields(page_pass, differing)}"
            )
        return True

    def _differing_fields(self, page_pass: PagePass, differing: Iterable[Key]) -> str:
        """Return the fields in which records differ from the pass before, for a message; empty if none is known."""
        found: dict[str, None] = {}
        for key in differing:
            before, after = page_pass.previous_sample.get(key), page_pass.records.get(key)
            if before is not None and after is not None:
                found |= dict.fromkeys(
                    different_paths(self._compared_part(before), self._compared_part(after))
                )
        if not found:
            return ""
        names = ", ".join(list(found)[:_NAMED_FIELDS]) + (", …" if len(found) > _NAMED_FIELDS else "")
        return f", in {names} (a field that is new in each response needs a column with volatile: true)"

    def _is_verified_by_cursor(self, page_pass: PagePass, latest_possible: datetime | None) -> bool:
        """Tell whether no record is missing and every record last changed before the first page."""
        # cut to the second: a record that changes within the second of the first page, but after it, may have a cursor
        # in whole seconds. That cursor is this second at least, so it must not count as earlier than the page
        started = page_pass.started.replace(microsecond=0)
        window_had_closed = latest_possible is not None and latest_possible < started
        # `is_complete` has already compared the number of records with the total
        none_missing = page_pass.total is not None or (page_pass.pages_overlap and window_had_closed)
        if self._cursor is None or not none_missing:
            return False
        instants = self._cursor_instants(list(page_pass.records.values()))
        if instants.null_count:
            return False
        latest = pc.max(instants).as_py()
        # the cheap test first: all cursors are so old that they are earlier even if they are in whole days
        if latest is None or latest + max(_RESOLUTIONS.values()) < started:
            return True
        return bool(latest + _cursor_resolution(instants, self._zone) < started)

    def _digests(self, records: Mapping[Key, Any], end: datetime | None) -> Digests:
        """Return a digest of the loaded fields of each record, and the same one for all beyond the slice."""
        rows = list(records.values())
        beyond_end: Sequence[bool | None] = [False] * len(rows)
        if self._cursor is not None and end is not None:
            instants = self._cursor_instants(rows)
            beyond_end = pc.greater_equal(instants, pa.scalar(end, instants.type)).to_pylist()
        return {
            key: b"" if left_out else self.digest(row)
            for key, row, left_out in zip(records, rows, beyond_end, strict=True)
        }

    def digest(self, row: Any) -> bytes:
        """Return a digest of the part of a record in which two readings must agree."""
        return blake2b(canonical_json(self._compared_part(row)), digest_size=16).digest()

    def _loaded_fields(self, row: Any) -> Any:
        if self._fields is not None and isinstance(row, dict):
            row = {name: value for name, value in row.items() if name in self._fields}
        for path in self._volatile:
            row = without_path(row, path)
        return row

    def _cursor_instants(self, records: list[Any]) -> pa.Array:
        if self._cursor is None:
            return pa.nulls(len(records), pa.timestamp("us", "UTC"))
        return cursor_instants(values_at(records, self._cursor.path)[0], self._cursor, self._zone)


def _cursor_resolution(instants: pa.Array, zone: str) -> timedelta:
    """Return how coarse cursors are beyond a second: what all of them are multiples of on the local clock."""
    local = pc.local_timestamp(instants.cast(pa.timestamp("us", zone)))
    for unit, resolution in _RESOLUTIONS.items():
        if pc.all(pc.equal(pc.floor_temporal(local, unit=unit), local)).as_py():
            return resolution
    return timedelta()
