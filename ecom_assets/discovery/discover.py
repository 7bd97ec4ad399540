"""A shop discovered: each endpoint explored in turn, its tables drafted, the file's text proved.

What the user wants is a `Wish`; asking for it is the command line's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ecom_assets.client.api_connection import ApiConnection, open_api
from ecom_assets.declaration.error_text import to_declaration_error
from ecom_assets.declaration.reading import Shop
from ecom_assets.discovery.description.endpoint import DescribedEndpoint
from ecom_assets.discovery.description.offline import found_from
from ecom_assets.discovery.exploration.children import carried, explore_child, parent_of
from ecom_assets.discovery.exploration.endpoint import explore
from ecom_assets.discovery.exploration.first_page import open_listing
from ecom_assets.discovery.exploration.placeholder_window import is_placed, open_placed
from ecom_assets.discovery.exploration.requests import MOST_REQUESTS, Asker
from ecom_assets.discovery.guess import Found, Habits
from ecom_assets.discovery.named_endpoint import named
from ecom_assets.discovery.output.document import ShopDraft
from ecom_assets.discovery.secret_names import without_secret_names
from ecom_assets.discovery.tables.naming import Names
from ecom_assets.discovery.tables.tables import TableDraft, add_references, tables_of
from ecom_assets.discovery.verification import proved
from ecom_assets.foundation.errors import ApiError, IngestError
from ecom_assets.foundation.progress import OnProgress

_ANY = {
    "name": "any",
    "primary_key": "id",
    "endpoint": {"path": "any"},
    "columns": {"id": {"data_type": "bigint", "nullable": False}},
}


@dataclass(frozen=True)
class Wish:
    """What is to be discovered: auth kinds in the words of the declaration, endpoints as paths.

    A path may have a query, whose parameters go with every request and into the file. `parameters` are names that
    the API is known to have, so that no others are tried; `taken` are names that resources have already. What a
    description says of the endpoints is in `described`, by path; `offline` takes that for all there is to know.
    """

    name: str
    base_url: str
    auth: Sequence[Mapping[str, Any]] = ()
    endpoints: Sequence[str] = ()
    parameters: Collection[str] = ()
    allow_http: bool = False
    described: Mapping[str, DescribedEndpoint] = field(default_factory=dict)
    offline: bool = False
    most_requests: int = MOST_REQUESTS
    names: Names = field(default_factory=Names)
    taken: Collection[str] = ()


@dataclass(frozen=True)
class Discovery:
    """What came of it: the file's text, the draft behind it, and why endpoints are not in it, by path."""

    text: str
    draft: ShopDraft
    failed: Mapping[str, str]

    @property
    def requests(self) -> int:
        """Return how many requests were made for all endpoints."""
        return sum(table.found.requests for table in self.draft.tables if table.found)


def provisional(wish: Wish) -> Shop:
    """Return the shop as far as it can be declared beforehand: enough to connect to it.

    Raises DeclarationError for an address or an auth kind that cannot be.
    """
    client: dict[str, Any] = {"base_url": wish.base_url, "auth": [dict(entry) for entry in wish.auth]}
    if wish.allow_http:
        client["allow_http"] = True
    document = {
        "name": wish.name,
        "client": client,
        "policy": {"backoff_factor": 0.5},  # a person is waiting
        "resources": [_ANY],
    }
    try:
        return Shop.model_validate(document)
    except ValidationError as error:
        raise to_declaration_error(
            error.errors(include_url=False)[0], document, lambda place: ("discover", place)
        ) from None


def discover(
    wish: Wish, secrets: Mapping[str, str] | None = None, on_progress: OnProgress = lambda text: None
) -> Discovery:
    """Return the declaration of a shop. Raises MissingSecret, ApiError where no endpoint can be read."""
    shop = provisional(wish)
    draft = ShopDraft(wish.name, wish.base_url, wish.auth, wish.allow_http)
    failed: dict[str, str] = {}
    if wish.offline:
        draft.notes.append("Drawn from a description of the API alone; nothing was asked.")
        _each(wish, draft, failed, None, on_progress)
        return _finished(wish, draft, failed)
    with open_api(shop, secrets) as connection:
        _each(wish, draft, failed, connection, on_progress)
    return _finished(wish, draft, failed)


def _each(
    wish: Wish,
    draft: ShopDraft,
    failed: dict[str, str],
    connection: ApiConnection | None,
    on_progress: OnProgress,
) -> None:
    """Explore the endpoints, each behind its parent, and draft the tables of those that can be read."""
    habits = Habits()
    waiting = [named(entry) for entry in dict.fromkeys(wish.endpoints)]
    while waiting:
        drafted = {table.name: table for table in draft.tables if table.found}
        ready = next((entry for entry in waiting if (parent_of(entry) or "") in {"", *drafted}), None)
        if ready is None:
            for entry in waiting:
                failed[entry.path] = _without_parent(entry.path, parent_of(entry) or "", wish, list(drafted))
            return
        waiting.remove(ready)
        described = wish.described.get(ready.path, DescribedEndpoint(ready.path))
        parent = drafted.get(parent_of(ready) or "")
        taken = [*wish.taken, *(table.name for table in draft.tables)]
        name = wish.names.resource(ready.path, taken)
        include, columns = carried(parent) if parent else ([], [])
        try:
            if connection is None:
                found = found_from(described)
            else:
                asker = Asker(
                    connection,
                    ready.path,
                    ready.params,
                    ready.body,
                    most=wish.most_requests,
                    on_progress=on_progress,
                )
                # what one body is called by says nothing of another
                usual = habits if ready.body is None else Habits()
                found = _found(asker, name, parent, usual, [*described.params, *wish.parameters])
                found.records = without_secret_names(found.records, connection.redactor.scrub)
                usual.learn(found)
            tables = tables_of(found, name, wish.names, taken, described.table, None, columns)
        except ApiError as error:
            failed[ready.path] = str(error)
            continue
        tables[0].include, tables[0].asked_by = include, parent.name if parent else None
        if described.description:
            tables[0].description = described.description
        draft.tables += tables


def _without_parent(path: str, parent: str, wish: Wish, read: Sequence[str]) -> str:
    if parent in wish.taken:
        return (
            f"{path}: asked by a field of {parent}, which is declared already; its children are added by hand"
        )
    allowed = ", ".join(read) or "nothing, because no other endpoint was read"
    return f"{path}: asked by a field of {parent}, which was not read; allowed: {allowed}"


def _found(
    asker: Asker, name: str, parent: TableDraft | None, habits: Habits, known: Collection[str]
) -> Found:
    """Explore one endpoint: by its parent's records, with a window in its placeholders, or as it is."""
    if parent:
        return explore_child(asker, name, parent, habits, known)
    if is_placed(asker):
        listing, form = open_placed(asker, name)
        return explore(listing, habits, known, form)
    return explore(open_listing(asker, name), habits, known)


def _finished(wish: Wish, draft: ShopDraft, failed: Mapping[str, str]) -> Discovery:
    if not draft.tables:
        raise IngestError("; ".join(failed.values()) or "found no endpoint; name each with --endpoint PATH")
    add_references(draft.tables, wish.names)
    draft.notes += [f"Left out: {reason}" for reason in failed.values()]
    return Discovery(proved(draft), draft, failed)
