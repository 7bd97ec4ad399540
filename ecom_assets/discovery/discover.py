"""Discovers a shop: explores each endpoint, drafts its tables, and writes the declaration's verified text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ecom_assets.client.api_connection import ApiConnection, open_api
from ecom_assets.declaration.error_text import to_declaration_error
from ecom_assets.declaration.reading import Shop
from ecom_assets.discovery.description.described_endpoint import DescribedEndpoint
from ecom_assets.discovery.description.offline import offline_draft
from ecom_assets.discovery.endpoint_argument import EndpointArgument, parse_endpoint
from ecom_assets.discovery.endpoint_draft import ApiConventions, EndpointDraft
from ecom_assets.discovery.exploration.children import explore_child, parent_key_columns, parent_resource
from ecom_assets.discovery.exploration.endpoint import explore_endpoint
from ecom_assets.discovery.exploration.endpoint_client import MAX_REQUESTS, EndpointClient
from ecom_assets.discovery.exploration.placeholder_window import has_window_placeholders, request_wide_window
from ecom_assets.discovery.exploration.record_list import request_first_page
from ecom_assets.discovery.output.shop_yaml import ShopDraft, resource_lines
from ecom_assets.discovery.secret_field_names import drop_secret_field_names
from ecom_assets.discovery.tables.naming import NamingRules
from ecom_assets.discovery.tables.table_draft import TableDraft, add_references, allow_nulls, draft_tables
from ecom_assets.discovery.verification import verified_yaml
from ecom_assets.foundation.errors import ApiError, IngestError
from ecom_assets.foundation.progress import OnProgress

_PLACEHOLDER_RESOURCE = {
    "name": "any",
    "primary_key": "id",
    "endpoint": {"path": "any"},
    "columns": {"id": {"data_type": "bigint", "nullable": False}},
}

_MAX_REFERENCES_SHOWN = 3
_MAX_SIZE = 3_500_000
"""Characters of the resources in a file: a declaration has at most 4 MB."""


@dataclass(frozen=True)
class DiscoveryOptions:
    """What to discover, and what is known beforehand.

    Attributes:
        name: The shop's name.
        base_url: The API's address.
        auth: Auth kinds in the words of the declaration.
        endpoints: What the user names; see `ecom_assets.discovery.endpoint_argument`. The parameters in a query go
            with every request and into the file.
        parameters: Parameters that the API is known to have; no others are tried unless it is empty.
        allow_http: Plain http is allowed to hosts other than the local one.
        described: What a description says about the endpoints, by path.
        offline: Use the description alone and send no request.
        max_requests: How many requests one endpoint may get.
        naming: The rules for names.
        taken: Names that other resources have already.
        file: Where the declaration will be written; the shops of the same folder are its neighbours.
        notes: What the file is to say first about its address.
        not_followed: References of the description that lead nowhere; more may come while it is read.
        strict: Declare a column as never null if the sample has no null in it; otherwise only key and cursor.
    """

    name: str
    base_url: str
    auth: Sequence[Mapping[str, Any]] = ()
    endpoints: Sequence[str] = ()
    parameters: Collection[str] = ()
    allow_http: bool = False
    described: Mapping[str, DescribedEndpoint] = field(default_factory=dict)
    offline: bool = False
    max_requests: int = MAX_REQUESTS
    naming: NamingRules = field(default_factory=NamingRules)
    taken: Collection[str] = ()
    file: Path = Path()
    notes: Sequence[str] = ()
    not_followed: Collection[str] = ()
    strict: bool = False


@dataclass(frozen=True)
class Discovery:
    """A discovered shop: the file's text, its draft, and for each endpoint that is left out the reason, by path."""

    text: str
    draft: ShopDraft
    failed: Mapping[str, str]

    @property
    def requests(self) -> int:
        """Return how many requests all endpoints of the draft got."""
        return sum(table.endpoint.requests for table in self.draft.tables if table.endpoint)


def provisional_shop(options: DiscoveryOptions) -> Shop:
    """Return a shop without real resources, which is enough to connect to its API.

    Raises:
        DeclarationError: The address or an auth kind cannot be declared.
    """
    client: dict[str, Any] = {
        "base_url": options.base_url,
        "auth": [dict(entry) for entry in options.auth],
    }
    if options.allow_http:
        client["allow_http"] = True
    document = {
        "name": options.name,
        "client": client,
        "policy": {"backoff_factor": 0.5},  # a person is waiting
        "resources": [_PLACEHOLDER_RESOURCE],
    }
    try:
        return Shop.model_validate({**document, "file": options.file})
    except ValidationError as error:
        raise to_declaration_error(
            error.errors(include_url=False)[0], document, lambda place: ("discover", place)
        ) from None


def discover(
    options: DiscoveryOptions,
    secrets: Mapping[str, str] | None = None,
    on_progress: OnProgress = lambda text: None,
) -> Discovery:
    """Return the declaration of a shop.

    Args:
        options: What to discover.
        secrets: The secrets by name; others are looked up where a load looks them up.
        on_progress: Takes a line before each request.

    Raises:
        MissingSecret: A secret was not found.
        ApiError: No endpoint can be read.
    """
    shop = provisional_shop(options)
    discovery = _ShopDiscovery(options, on_progress)
    if options.offline:
        discovery.draft.notes.append("Drafted from a description of the API alone; no request was sent.")
        discovery.explore_all(None)
    else:
        with open_api(shop, secrets) as connection:
            discovery.explore_all(connection)
    return discovery.finish()


class _ShopDiscovery:
    """The discovery of one shop, endpoint by endpoint."""

    def __init__(self, options: DiscoveryOptions, on_progress: OnProgress) -> None:
        self.options = options
        self.on_progress = on_progress
        self.draft = ShopDraft(options.name, options.base_url, options.auth, options.allow_http)
        self.failed: dict[str, str] = {}
        self.conventions = ApiConventions()
        self._size = 0

    def explore_all(self, connection: ApiConnection | None) -> None:
        """Explore the endpoints, each child after its parent; without a connection use the description."""
        waiting = [parse_endpoint(text) for text in dict.fromkeys(self.options.endpoints)]
        count = len(waiting)
        while waiting:
            self.on_progress(f"{count - len(waiting) + 1} of {count} endpoints: {waiting[0].path}")
            drafted = {table.name: table for table in self.draft.tables if table.endpoint}
            ready = next(
                (entry for entry in waiting if (parent_resource(entry) or "") in {"", *drafted}), None
            )
            if ready is None:
                for entry in waiting:
                    parent_name = parent_resource(entry) or ""
                    self.failed[entry.path] = self._missing_parent(entry.path, parent_name, list(drafted))
                return
            waiting.remove(ready)
            try:
                self._draft_endpoint(ready, drafted.get(parent_resource(ready) or ""), connection)
            except ApiError as error:
                self.failed[ready.path] = str(error)

    def _missing_parent(self, path: str, parent: str, drafted: Sequence[str]) -> str:
        if parent in self.options.taken:
            return (
                f"{path}: its placeholders take fields of {parent}, which is declared already; "
                "add the children of a declared resource by hand"
            )
        allowed = ", ".join(drafted) or "nothing, because no other endpoint could be read"
        return (
            f"{path}: its placeholders take fields of {parent}, which could not be read; allowed: {allowed}"
        )

    def _draft_endpoint(
        self, argument: EndpointArgument, parent: TableDraft | None, connection: ApiConnection | None
    ) -> None:
        """Explore one endpoint and add its tables to the draft. Raises ApiError where it cannot be read."""
        options = self.options
        described = self._described(argument.path)
        taken = [*options.taken, *(table.name for table in self.draft.tables)]
        name = options.naming.resource(argument.path, taken)
        include, parent_columns = parent_key_columns(parent) if parent else ([], [])
        if connection is None:
            endpoint = offline_draft(described, argument)
        else:
            client = EndpointClient(
                connection,
                argument.path,
                argument.params,
                argument.body,
                max_requests=options.max_requests,
                on_progress=self.on_progress,
                described_headers=described.request_headers,
            )
            # the names in one body say nothing about another body
            conventions = self.conventions if argument.body is None else ApiConventions()
            known = {**described.params, **{name: {} for name in options.parameters}}
            endpoint = _explore(client, name, parent, conventions, known)
            endpoint.records = drop_secret_field_names(endpoint.records, connection.redactor.scrub)
            conventions.learn(endpoint)
        fields = described.table
        if endpoint.wrapper and not described.wrapper:
            fields = fields.within(endpoint.wrapper)
        tables = draft_tables(endpoint, name, options.naming, taken, fields, None, parent_columns)
        if not options.strict:
            for table in tables:
                allow_nulls(table, tables[0].endpoint)
        tables[0].include, tables[0].parent_endpoint = include, parent.name if parent else None
        if described.description:
            tables[0].description = described.description
        self._size += sum(len("\n".join(resource_lines(table, None))) for table in tables)
        if self._size > _MAX_SIZE:
            self._size = _MAX_SIZE
            raise ApiError(
                f"{argument.path}: left out, because the file would be too large; name fewer endpoints"
            )
        self.draft.tables += tables

    def _described(self, path: str) -> DescribedEndpoint:
        """Return what the description says of a path; a slash at its ends makes no difference."""
        described = self.options.described
        names = (name for name in described if name.strip("/") == path.strip("/"))
        found = described.get(path)
        name = next(names, None) if found is None else None
        if name is not None:
            found = replace(described[name], path=path)
        if found is None and self.options.offline:
            raise ApiError(f"{path}: not described as a list of records, and --offline sends no request")
        return found or DescribedEndpoint(path)

    def finish(self) -> Discovery:
        """Return the outcome. Raises IngestError where no endpoint could be read."""
        if not self.draft.tables:
            raise IngestError(
                "; ".join(self.failed.values()) or "found no endpoint; name each with --endpoint PATH"
            )
        add_references(self.draft.tables, self.options.naming)
        self.draft.notes += [*self.options.notes, *(f"Left out: {reason}" for reason in self.failed.values())]
        if self.options.not_followed:
            self.draft.notes.append(not_followed_line(self.options.not_followed))
        return Discovery(verified_yaml(self.draft), self.draft, self.failed)


def not_followed_line(references: Collection[str]) -> str:
    """Return what to say about references of a description that lead nowhere."""
    some = ", ".join(list(references)[:_MAX_REFERENCES_SHOWN])
    more = (
        f" and {len(references) - _MAX_REFERENCES_SHOWN} more"
        if len(references) > _MAX_REFERENCES_SHOWN
        else ""
    )
    return (
        f"References that lead nowhere: {some}{more}. Only files in the folder of the description, and below it, are "
        "read; put the missing files there."
    )


def _explore(
    client: EndpointClient,
    name: str,
    parent: TableDraft | None,
    conventions: ApiConventions,
    known: Collection[str],
) -> EndpointDraft:
    """Explore one endpoint: with its parent's records, with a window in its placeholders, or as it is."""
    if parent:
        return explore_child(client, name, parent, conventions, known)
    if has_window_placeholders(client):
        record_list, window = request_wide_window(client, name)
        return explore_endpoint(record_list, conventions, known, window)
    return explore_endpoint(request_first_page(client, name), conventions, known)
