"""Reads an OpenAPI file: the API's address, its auth kinds, and the collections that can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from ecom_assets.declaration.error_text import format_path
from ecom_assets.discovery.description.addresses import (
    AddressVariable,
    filled,
    path_below,
    path_variables,
    read_servers,
    tenant_prefixes,
    values_in_address,
    variables_in,
)
from ecom_assets.discovery.description.collection_guess import CollectionGuess, guess_collection
from ecom_assets.discovery.description.described_endpoint import DescribedEndpoint
from ecom_assets.discovery.description.described_params import query_params, request_headers
from ecom_assets.discovery.description.described_search import is_search, search_body
from ecom_assets.discovery.description.described_tables import described_table_of, example_answer, schema_at
from ecom_assets.discovery.description.openapi_auth import described_auth
from ecom_assets.discovery.description.openapi_document import Node, open_document
from ecom_assets.discovery.description.openapi_schema import data_type, schema_of, schema_of_example
from ecom_assets.discovery.exploration.response_structure import find_record_list, scalar_values
from ecom_assets.discovery.field_path import FieldPath
from ecom_assets.discovery.tables.described_fields import DescribedField
from ecom_assets.discovery.tables.naming import NamingRules, singular
from ecom_assets.foundation.garbage_collection import relaxed_garbage_collection
from ecom_assets.foundation.progress import OnProgress


@dataclass(frozen=True)
class ApiDescription:
    """A described API.

    `base_url` is empty where the file names no complete address. `auth` has the declaration's words. `endpoints` are
    by path; each is unfolded when it is looked up. `collections` says of each endpoint whether it is likely a
    collection. `not_followed` are the references that lead nowhere. `servers` are the described addresses, and
    `tenants` the beginnings of paths that name a tenant; `variables` are the names in braces in both.
    """

    base_url: str
    auth: Sequence[Mapping[str, Any]]
    endpoints: Mapping[str, DescribedEndpoint]
    collections: Sequence[CollectionGuess] = ()
    not_followed: Mapping[str, None] = field(default_factory=dict)
    servers: Sequence[str] = ()
    tenants: Sequence[str] = ()
    variables: Mapping[str, AddressVariable] = field(default_factory=dict)
    at_address: Callable[[str, Mapping[str, str]], ApiDescription] | None = None

    @property
    def names_address(self) -> bool:
        """Tell whether the file names an address, perhaps with variables."""
        return bool(_template(self.servers))

    def located(
        self, url: str, values: Mapping[str, str], ask: Callable[[AddressVariable], str]
    ) -> tuple[ApiDescription, Mapping[str, str]]:
        """Return the description at an address, with a value for each variable, and these values.

        Args:
            url: The address that the user gives, empty if it is the described one.
            values: The values that the user gives.
            ask: Returns the value of a variable that neither the address nor `values` tell.
        """
        known = {**values_in_address(url, self.servers, self.tenants), **values}
        template = "" if url else _template(self.servers)
        needed = [
            *variables_in(template),
            *(name for prefix in self.tenants for name in variables_in(prefix)),
        ]
        for name in dict.fromkeys(needed):
            if name not in known:
                known[name] = ask(self.variables.get(name, AddressVariable(name)))
        used = {name: value for name, value in known.items() if name in needed}
        return (self.at_address(url, known) if self.at_address else self), used


def read_openapi(file: Path, on_progress: OnProgress = lambda text: None) -> ApiDescription:
    """Read a description.

    Args:
        file: An OpenAPI 3 or Swagger 2.0 file.
        on_progress: Takes a line before each step that may take long.

    Raises:
        DeclarationError: The file has another content.
    """
    on_progress(f"reading {format_path(file)}")
    with relaxed_garbage_collection():
        document = open_document(file)
    paths = document.each("paths")
    tenants = tenant_prefixes([path for path, item in paths if item.get("get") or item.get("post")])
    servers, variables = read_servers(document)
    names = {name for prefix in tenants for name in variables_in(prefix)}
    lists: dict[str, _List] = {}
    for number, (path, item) in enumerate(paths, 1):
        on_progress(f"{format_path(file)}: looking for collections, path {number} of {len(paths)}")
        prefix = max((prefix for prefix in tenants if path.startswith(f"{prefix}/")), key=len, default="")
        found = _find_list(path, item) if "{" not in path.removeprefix(prefix) else None
        if found:
            lists[path] = found
            variables |= path_variables(item, names)
    for path in [path for path, entry in lists.items() if entry.search and _has_other_list(path, lists)]:
        del lists[path]
    tenants = [prefix for prefix in tenants if any(path.startswith(f"{prefix}/") for path in lists)]

    def at_address(url: str, values: Mapping[str, str]) -> ApiDescription:
        base_url = _address(url, servers, values)
        given = bool(url) and urlsplit(base_url).path not in [urlsplit(server).path for server in servers]
        placed: dict[str, _List] = {}
        for path, entry in lists.items():
            whole = filled(path, values)
            whole = path_below(whole, base_url) if given else whole
            placed.setdefault(whole, replace(entry, path=whole))
        operations = [entry.operation for entry in lists.values()]
        collections = [
            guess_collection(path, entry.record, list(entry.params), entry.search)
            for path, entry in placed.items()
        ]
        return ApiDescription(
            base_url,
            described_auth(document, operations, base_url, values),
            _DescribedEndpoints(placed, on_progress),
            collections,
            document.document.not_followed,
            servers,
            tenants,
            variables,
            at_address,
        )

    defaults = {name: entry.default for name, entry in variables.items() if entry.default}
    return at_address("", defaults)


def _template(servers: Sequence[str]) -> str:
    """Return the address that a description offers: a complete one before one with variables."""
    complete = [url for url in servers if url.startswith("http")]
    return next((url for url in complete if not variables_in(url)), next(iter(complete), ""))


def _address(url: str, servers: Sequence[str], values: Mapping[str, str]) -> str:
    """Return the address of the API, empty where it is not known."""
    relative = next((server for server in servers[:1] if "://" not in server), "").strip("/")
    if url and relative and not urlsplit(url).path.strip("/"):
        return f"{url.rstrip('/')}/{filled(relative, values)}"
    address = url or filled(_template(servers), values)
    return "" if variables_in(address) else address


@dataclass(frozen=True)
class _List:
    """A described list of records, before its fields are unfolded."""

    path: str
    operation: Node
    answer: Node
    schema: Node
    record: Node
    records_path: FieldPath
    params: Mapping[str, Mapping[str, Any]]
    request_headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    search: str = ""
    missing: tuple[str, ...] = ()
    wrapper: str = ""


class _DescribedEndpoints(Mapping[str, DescribedEndpoint]):
    """The collections by path, each unfolded when it is first looked up."""

    def __init__(self, lists: Mapping[str, _List], on_progress: OnProgress) -> None:
        self._lists = lists
        self._on_progress = on_progress
        self._unfolded: dict[str, DescribedEndpoint] = {}

    def __getitem__(self, path: str) -> DescribedEndpoint:
        if path not in self._unfolded:
            entry = self._lists[path]
            self._on_progress(f"{path}: reading its description")
            self._unfolded[path] = _described_endpoint(entry)
        return self._unfolded[path]

    def __contains__(self, path: object) -> bool:
        return path in self._lists

    def __iter__(self) -> Iterator[str]:
        return iter(self._lists)

    def __len__(self) -> int:
        return len(self._lists)


def _name_of(path: str) -> str:
    """Return what the list at a path is called."""
    return NamingRules().resource(path, ())


def _has_other_list(path: str, lists: Mapping[str, _List]) -> bool:
    """Tell whether the list that a search is about can also be read by GET."""
    above = lists.get(path.rstrip("/").rpartition("/")[0])
    return above is not None and not above.search


def _find_list(path: str, item: Node) -> _List | None:
    """Return a collection that is read by GET, or else by a search, None where no answer holds a list of objects."""
    operation, search = item.get("get"), item.get("post")
    found = _list_of(path, item, operation) if operation else None
    if found or search is None or not is_search(path, search):
        return found
    found = _list_of(path, item, search)
    body = search_body(search, found.record) if found else None
    if found is None or body is None:
        return None
    text = orjson.dumps(body.body).decode()
    return replace(found, params=body.params, search=text, missing=body.missing)


def _list_of(path: str, item: Node, operation: Node) -> _List | None:
    """Return what an operation reads, None where no answer holds a list of objects."""
    answer = _successful_answer(operation)
    schema = _json_schema(answer) if answer else None
    example = example_answer(schema)
    records_path = find_record_list(example, _name_of(path)) if example is not None else None
    record_list = schema_at(schema, records_path) if schema and records_path is not None else None
    record = schema_of(record_list).items if record_list else None
    if answer is None or schema is None or record is None or not schema_of(record).properties:
        return None
    params = query_params(item, operation)
    wrapper, record = _unwrapped(record)
    headers = request_headers(item, operation)
    return _List(
        path, operation, answer, schema, record, records_path or (), params, headers, wrapper=wrapper
    )


def _unwrapped(record: Node) -> tuple[str, Node]:
    """Return the only field of a record that holds the record itself, and its schema; empty without such a field."""
    properties = schema_of(record).properties
    if len(properties) != 1:
        return "", record
    (name, inner), *_ = properties.items()
    return (name, inner) if len(schema_of(inner).properties) > 1 else ("", record)


def _described_endpoint(entry: _List) -> DescribedEndpoint:
    other_fields = {}
    for field_path, _ in scalar_values(example_answer(entry.schema), entry.records_path):
        node = schema_at(entry.schema, field_path)
        if node:
            inner = schema_of(node)
            other_fields[field_path] = DescribedField(data_type(inner, field_path[-1]), inner.type)
    operation = entry.operation
    text = schema_of(entry.record).description or operation.text("summary") or operation.text("description")
    return DescribedEndpoint(
        path=entry.path,
        description=_sentence(text)
        if text
        else f"One row per {singular(_name_of(entry.path)).replace('_', ' ')}.",
        params=entry.params,
        missing=entry.missing,
        wrapper=entry.wrapper,
        records_path=entry.records_path,
        other_fields=other_fields,
        request_headers=entry.request_headers,
        headers=tuple(header for header, _ in entry.answer.each("headers")),
        table=described_table_of(entry.record),
    )


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _successful_answer(operation: Node) -> Node | None:
    """Return the description of the answer with the lowest status 2xx, else of the default answer."""
    answers = dict(operation.each("responses"))
    successful = sorted(status for status in answers if status.startswith("2"))
    return answers[successful[0]] if successful else answers.get("default")


def _json_schema(answer: Node) -> Node | None:
    """Return the schema of an answer in JSON, or of its example where it has no schema."""
    contents = [
        content for name, content in answer.each("content") if "json" in name.lower() or name == "*/*"
    ]
    schemas = [content.get("schema") or schema_of_example(content) for content in contents]
    return next((schema for schema in schemas if schema), None)
