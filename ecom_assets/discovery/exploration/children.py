"""Endpoints that are asked by a field of another's records: which of those are asked, and what their lists tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ecom_assets.declaration.placeholders import ParentField, parent_field, placeholder_names
from ecom_assets.discovery.exploration.endpoint import explore_paging
from ecom_assets.discovery.exploration.first_page import Listing, listing_in
from ecom_assets.discovery.exploration.requests import Asker, Reply, Spent
from ecom_assets.discovery.exploration.rows import value_at
from ecom_assets.discovery.guess import Found, Habits
from ecom_assets.discovery.named_endpoint import Named
from ecom_assets.discovery.tables.columns import ColumnDraft
from ecom_assets.discovery.tables.naming import singular
from ecom_assets.discovery.tables.tables import TableDraft
from ecom_assets.foundation.errors import ApiError

_FIRST = 4
"""Parents that are asked, at most, for a list of two records before one of a single record is taken."""

_EMPTY = 8
"""Parents that are asked, at most, for a list of any record."""

_NOTHING = (204, 404)
_GOLDEN = 0.618034


def parent_of(named: Named) -> str | None:
    """Return the resource by whose fields an endpoint is asked, None where there is none."""
    return next((field.resource for field in _fields(named.path, named.params, named.body).values()), None)


def _fields(*parts: Any) -> dict[str, ParentField]:
    return {name: field for name in sorted(placeholder_names(*parts)) if (field := parent_field(name))}


def carried(parent: TableDraft) -> tuple[list[str], list[ColumnDraft]]:
    """Return what a child includes from its parent, and the columns of that: the key of the parent.

    The key of the parent's own parent comes down under the name that it has there.
    """
    one, include, columns = singular(parent.name), [], []
    for name in parent.key.value:
        key = next(column for column in parent.columns if column.name == name)
        field = ".".join(key.path)
        from_above = parent.asked_by is not None and field.startswith(f"_{parent.asked_by}_")
        column = ColumnDraft(
            name if from_above or name.startswith(f"{one}_") else f"{one}_{name}",
            (f"_{parent.name}_{field}",),
            key.kind,
            False,
            ["from the parent"],
        )
        if from_above:
            column.references = key.references
        elif len(parent.key.value) == 1:
            column.references = f"{parent.name}.{name}"
        include.append(field)
        columns.append(column)
    return include, columns


def explore_child(
    asker: Asker, name: str, parent: TableDraft, habits: Habits, known: Collection[str]
) -> Found:
    """Return what the lists of several parents tell; each record has the parent's key, as a load gives it.

    Raises ApiError where no parent that was asked has a record.
    """
    lists = _Lists(asker, parent)
    lists.seek(name)
    record, listing = lists.longest()
    asker.values = lists.values(record)
    found = explore_paging(listing, habits, known)
    rows = {id(record): listing.sample()}
    lists.read_others(listing, found.paging.params or _sized(found), rows)
    include, _ = carried(parent)
    found.records = [
        {**row, **{f"_{parent.name}_{field}": value_at(above, tuple(field.split("."))) for field in include}}
        for above in lists.parents
        for row in rows.get(id(above), ())
    ]
    found.whole = False
    if found.paging.paginator["type"] == "single_page" and all(len(entries) < 2 for entries in rows.values()):
        # with a record at most, nothing tells that a page has a size
        found.paging = replace(found.paging, params={}, size_param=None)
    for status, number in lists.nothing.items():
        found.actions_why = f"{number} of {lists.asked} parents asked have none"
        action = {"status_code": status, "action": "ignore"}
        found.actions += [action] if action not in found.actions else []
    found.requests = asker.asked
    return found


def _sized(found: Found) -> Mapping[str, Any]:
    return {found.paging.size_param: found.paging.size} if found.paging.size_param else {}


class _Lists:
    """The lists of some parents, spread over the parent's sample."""

    def __init__(self, asker: Asker, parent: TableDraft) -> None:
        """Take the parents that have a value for each placeholder."""
        self.asker = asker
        self.name = parent.name
        self._fields = _fields(asker.path, asker.params, asker.body)
        records = parent.found.records if parent.found else []
        usable = [record for record in records if self._askable(record)]
        # spread without a fixed step, since ids may tell by their remainder which parents have records
        spread = sorted(range(len(usable)), key=lambda position: position * _GOLDEN % 1)
        self.parents: Sequence[Any] = [usable[position] for position in spread[: asker.most]]
        self.asked = 0
        self.nothing: dict[int, int] = {}
        self._open: list[tuple[Any, Listing]] = []

    def values(self, record: Any) -> dict[str, Any]:
        """Return the values of the placeholders for a parent."""
        return {name: value_at(record, tuple(field.field.split("."))) for name, field in self._fields.items()}

    def _askable(self, record: Any) -> bool:
        return all(
            isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""
            for value in self.values(record).values()
        )

    def _ask(self, record: Any, params: Mapping[str, Any]) -> Reply:
        reply = self.asker.ask(params, self.values(record))
        self.asked += 1
        if reply.status in _NOTHING:
            self.nothing[reply.status] = self.nothing.get(reply.status, 0) + 1
        elif reply.refused:
            raise ApiError(reply.refusal)
        return reply

    def seek(self, name: str) -> None:
        """Ask one parent after the other until there is a list that tells something."""
        for record in self.parents[:_EMPTY]:
            try:
                reply = self._ask(record, {})
            except Spent:
                break
            if reply.refused:
                continue
            listing = listing_in(self.asker, name, reply)
            self._open.append((record, listing))
            if len(listing.rows) > 1 or (self.asked >= _FIRST and self.longest()[1].rows):
                break
        if not self._open or not self.longest()[1].rows:
            raise ApiError(
                f"{self.asker.path}: none of {self.asked} records of {self.name} has a record here"
            )

    def longest(self) -> tuple[Any, Listing]:
        """Return the parent with the most records on its first page."""
        return max(self._open, key=lambda entry: len(entry[1].rows))

    def read_others(self, listing: Listing, params: Mapping[str, Any], rows: dict[int, list[Any]]) -> None:
        """Read a page of as many other parents as requests are left for, by what the parent's object is."""
        for record, opened in self._open:
            rows.setdefault(id(record), opened.rows)
        for record in self.parents:
            if id(record) in rows or not self.asker.left:
                continue
            reply = self._ask(record, params)
            rows[id(record)] = [row for row in listing.rows_of(reply) if isinstance(row, dict)]
