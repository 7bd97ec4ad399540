"""One endpoint's list while it is explored: its first page, and how records are told apart meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from ecom_assets.discovery.exploration.requests import Asker, Reply, Spent
from ecom_assets.discovery.exploration.rows import Path, find_rows, json_path, value_at
from ecom_assets.foundation.errors import ApiError

_SHOWN = 8


@dataclass
class Listing:
    """An endpoint whose list of records was found at `path` in `first`, the answer to the plain request.

    `replies` are all answers that no filter narrowed, `strict` tells that unknown parameters are refused.
    """

    asker: Asker
    path: Path
    first: Reply
    rows: list[Any]
    replies: list[tuple[Reply, list[Any]]] = field(default_factory=list)
    strict: bool = False

    def __post_init__(self) -> None:
        """Begin with the first page."""
        self.replies.append((self.first, self.rows))
        self._names = [name for name in (self.rows[0] if self.rows else {}) if self._tells_apart(name)]

    def _tells_apart(self, name: str) -> bool:
        values = [row.get(name) for row in self.rows]
        return all(type(value) in (int, str) for value in values) and len(set(values)) == len(values)

    def identity(self, row: Any) -> Any:
        """Return what tells a record from the others, which stays the same when the record changes."""
        names = [name for name in self._names if name.lower() == "id"] or self._names[:1]
        return row.get(names[0]) if names else orjson.dumps(row, default=str, option=orjson.OPT_SORT_KEYS)

    def position(self, rows: Sequence[Any]) -> int | None:
        """Return where on the first page the first of these records is."""
        identities = [self.identity(row) for row in self.rows]
        first = self.identity(rows[0]) if rows else None
        return identities.index(first) if rows and first in identities else None

    def others(self, rows: Sequence[Any], before: Sequence[Any]) -> bool:
        """Tell whether there are records, and none of those before."""
        seen = [self.identity(row) for row in before]
        return bool(rows) and not any(self.identity(row) in seen for row in rows)

    def rows_of(self, reply: Reply) -> list[Any]:
        """Return the records of an answer."""
        rows = None if reply.refused else value_at(reply.body, self.path)
        return rows if isinstance(rows, list) else []

    def ask(self, params: Mapping[str, Any]) -> tuple[Reply, list[Any]]:
        """Ask for a page of the whole list."""
        return self._kept(self.asker.ask(params))

    def follow(self, url: str) -> tuple[Reply, list[Any]]:
        """Ask for the page at an address that the API gave."""
        return self._kept(self.asker.follow(url))

    def filtered(
        self, params: Mapping[str, Any], values: Mapping[str, Any] | None = None
    ) -> tuple[Reply, list[Any]]:
        """Ask for a part of the list, which says nothing of the whole."""
        reply = self.asker.ask(params, values)
        return reply, self.rows_of(reply)

    def _kept(self, reply: Reply) -> tuple[Reply, list[Any]]:
        rows = self.rows_of(reply)
        if not reply.refused:
            self.replies.append((reply, rows))
        return reply, rows

    def sample(self) -> list[Any]:
        """Return every record that was seen, each once, in the order of their arrival."""
        found = {self.identity(row): row for _, rows in self.replies for row in rows if isinstance(row, dict)}
        return list(found.values())


def open_listing(asker: Asker, endpoint: str) -> Listing:
    """Ask for the first page of an endpoint; raises ApiError where there is none or it holds no list."""
    try:
        reply = asker.first()
    except Spent:
        raise ApiError(f"{asker.path}: not asked, because no request was left") from None
    return listing_in(asker, endpoint, reply)


def listing_in(asker: Asker, endpoint: str, reply: Reply) -> Listing:
    """Return the list of an answer; raises ApiError where it holds none."""
    path = find_rows(reply.body, endpoint)
    if path is None:
        shape = type(reply.body).__name__
        if isinstance(reply.body, dict):
            shape = f"an object with {', '.join(list(reply.body)[:_SHOWN]) or 'nothing in it'}"
        raise ApiError(f"{asker.path}: no list of records in the answer, which is {shape}")
    return Listing(asker, path, reply, list(value_at(reply.body, path)))


def selector(listing: Listing) -> str:
    """Return the `data_selector` of an endpoint."""
    return json_path(listing.path)
