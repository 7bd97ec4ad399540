"""The pages of one pass in their order: which records are new, and whether the pages fit together.

See `ecom_assets.extract.paging.completeness` for what is decided once all pages are there.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from dlt.sources.helpers.rest_client.paginators import OffsetPaginator
from requests import Response

from ecom_assets.contract.record_keys import Key, number_equal_keys
from ecom_assets.extract.answers.ignored_answers import is_ignored
from ecom_assets.extract.paging.completeness import CompletenessCheck, ListChanged, PagePass


class PageSequence:
    """Adds the pages of one pass to it, one after the other.

    Attributes:
        last_page: The keys of the last page that had any.
        longest_page: The number of records on the longest page.
        has_short_page: Whether a page with records was followed by a longer one: then a short page is no end.
        is_overlap_only: Whether the last page that was asked for by offset had no record but the overlapping one.
    """

    def __init__(self, page_pass: PagePass, completeness: CompletenessCheck, *, by_position: bool) -> None:
        """Begin a pass; `by_position` says that pages are asked for by offset or number."""
        self._pass = page_pass
        self._completeness = completeness
        self._by_position = by_position
        self.last_page: list[Key] = []
        self.longest_page = 0
        self.is_overlap_only = False
        self.has_short_page = False
        self._pages_repeat_records: bool | None = None
        self._offset = 0
        self._overlap = 0

    def add(self, keys: list[Key], rows: list[Any]) -> int:
        """Add the records of a page that was not asked for by offset, and return how many of them are new.

        A record that comes again has moved ahead in the list; its state with the later cursor stays. Without a
        total, the record may also have been pushed here by a record inserted before it, while another record was
        pushed over the edge of a page and missed. Then a record may come again only at the start of a page, as the
        end of the page before, and only if every page starts so.
        """
        known = self._pass.records
        self.has_short_page = self.has_short_page or 0 < len(self.last_page) < len(keys)
        new = sum(key not in known for key in dict.fromkeys(keys))
        repeated = 0
        if new < len(keys):
            repeated = sum(key in known for key in keys)
            if repeated and self._by_position:
                raise ListChanged("different pages have the same records: the list changed while it was read")
        if self._pass.total is None and self.last_page:
            is_end_of_last_page = not repeated or keys[:repeated] == self.last_page[-repeated:]
            if not is_end_of_last_page or self._pages_repeat_records not in (None, repeated > 0):
                raise ListChanged("different pages have the same records: the list changed while it was read")
            self._pages_repeat_records = repeated > 0
        self._put(keys, rows)
        self.last_page = keys or self.last_page
        return new

    def add_offset_page(
        self, inner: OffsetPaginator, response: Response, rows: list[Any], keys: list[Key]
    ) -> bool:
        """Add a page that was asked for by offset, and return whether there is another page.

        It overlaps the page before by that page's last record, unless that page had only one record, or the page would
        be exactly full: then it does not overlap, and covers the place behind the total.
        """
        page_pass, overlap = self._pass, self._overlap
        if overlap and keys and keys[0] != self.last_page[-1]:
            raise ListChanged(
                f"the page at {inner.param_name or inner.param_body_path} {inner.current_value} does not begin with "
                f"the last record of the page before ({self._completeness.key_for_message(self.last_page[-1])}): "
                "the list changed while it was read, or has no fixed order"
            )
        if overlap and not keys and (page_pass.total is not None or not is_ignored(response)):
            raise ListChanged("the list became shorter while it was read")
        if page_pass.pages > 1 and not (overlap and keys):
            page_pass.pages_overlap = False
        new_keys = keys[overlap:]
        if any(key in page_pass.records for key in new_keys):
            raise ListChanged(
                "different pages have the same records: the list changed while it was read, or has no fixed order"
            )
        self._put(keys, rows)
        self._offset += len(new_keys)
        self.is_overlap_only = not new_keys
        if not new_keys:
            return False
        missing = None if page_pass.total is None else page_pass.total - page_pass.distinct
        fits_exactly = missing is not None and 0 < missing == self.longest_page - 1
        self._overlap = 1 if len(keys) > 1 and not fits_exactly else 0
        offset = inner.initial_value + self._offset
        inner.current_value = offset - self._overlap
        self.last_page = keys
        return inner.maximum_value is None or offset < inner.maximum_value

    def _put(self, keys: list[Key], rows: list[Any]) -> None:
        """Put the records of a page into the pass.

        Several records of one key on one page are several records of the list: the contract decides between them. One
        record that comes again on another page is the same one.
        """
        known, several = self._pass.records, self._pass.several
        count = Counter(keys)
        if len(count) == len(keys) and known.keys().isdisjoint(count):
            known.update(zip(keys, rows, strict=True))
            return
        again: dict[Key, list[Any]] = {}
        new: dict[Key, Any] = {}
        for key, numbered, row in zip(keys, number_equal_keys(keys), rows, strict=True):
            if key in known:
                again.setdefault(key, []).append(row)
            else:
                new[numbered] = row
        known.update(new)
        new_several = {key: number for key, number in count.items() if number > 1 and key not in again}
        several.update(new_several)
        self._pass.further += sum(new_several.values()) - len(new_several)
        for key, states in again.items():
            self._put_again(key, states)

    def _put_again(self, key: Key, states: list[Any]) -> None:
        """Put the records of a key that a page before had too: a single one replaces the older state of the other.

        If one of the pages has several, nothing but their contents tells which records come again, so only equal ones
        are the same.
        """
        known, several = self._pass.records, self._pass.several
        if len(states) == 1 and key not in several:
            known[key] = self._completeness.newer_state(known[key], states[0])
            return
        came_again = Counter(map(self._completeness.digest, states))
        kept = []
        # from the last one on: that is the one with which pages overlap
        for numbered in reversed(number_equal_keys([key] * several.get(key, 1))):
            digest = self._completeness.digest(known[numbered])
            if came_again[digest]:
                came_again[digest] -= 1
            else:
                kept.append(known[numbered])
        kept = [*reversed(kept), *states]
        known.update(zip(number_equal_keys([key] * len(kept)), kept, strict=True))
        self._pass.further += len(kept) - several.get(key, 1)
        several[key] = len(kept)

    def refuse_more_than_total(self, count: int) -> None:
        """Raise ListChanged if more records came than the API says it has. No further page can put that right."""
        total = self._pass.total
        if total is not None and count > total:
            raise ListChanged(
                f"the API says it has {total} records, {count} distinct ones came, and there may be more. "
                "If total_path or total_header is the number of records on a page, or a maximum, declare another one, "
                "or none"
            )
        if total is not None and len(self._pass.records) > total:
            raise ListChanged(
                f"the API says it has {total} records, {len(self._pass.records)} came, with {count} distinct primary "
                "keys. Check the primary_key; if total_path or total_header counts something else, declare another "
                "one, or none"
            )
