"""Every key of the pinned dlt's `RESTAPIConfig` is in our table, and is treated as the table says."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
import yaml
from dlt.common.schema.typing import TSchemaEvolutionMode
from dlt.sources.rest_api import typing as rest_api
from jsonschema import Draft202012Validator
from typing_extensions import is_typeddict

from ecom_assets.declaration.dlt_config.key import DltKey, DltSection
from ecom_assets.declaration.dlt_config.page import dlt_page_text
from ecom_assets.declaration.dlt_config.sections import SECTIONS, find_key
from ecom_assets.declaration.reading import load_shop
from ecom_assets.declaration.reference import keys_page
from ecom_assets.declaration.reference.json_schema import file_schema
from ecom_assets.foundation.errors import DeclarationError

VALUES = {
    "PaginatorType": rest_api.PaginatorType,
    "AuthType": rest_api.AuthType,
    "TSchemaEvolutionMode": TSchemaEvolutionMode,
}
"""dlt's types whose values are entries of the table."""


def typed_dictionaries(annotation: Any, seen: dict[str, Any]) -> None:
    """Collect the typed dictionaries that an annotation leads to, without those behind a key that is refused."""
    if is_typeddict(annotation):
        if annotation.__name__ in seen:
            return
        seen[annotation.__name__] = annotation
        for key, hint in get_type_hints(annotation).items():
            entry = find_key(annotation.__name__, key)
            if entry is None or entry.treatment != "refused":
                typed_dictionaries(hint, seen)
    elif get_origin(annotation) is not None:
        for part in get_args(annotation):
            typed_dictionaries(part, seen)
    elif isinstance(annotation, list):  # the arguments of a function
        for part in annotation:
            typed_dictionaries(part, seen)


def keys_of_dlt() -> set[tuple[str, str]]:
    """Return each typed dictionary of dlt's configuration with each of its keys, and the values of some types."""
    seen: dict[str, Any] = {}
    typed_dictionaries(rest_api.RESTAPIConfig, seen)
    keys = {(name, key) for name, annotation in seen.items() for key in get_type_hints(annotation)}
    return keys | {(name, value) for name, literal in VALUES.items() for value in get_args(literal)}


def test_the_table_has_every_key_of_dlt() -> None:
    missing = sorted(f"{name}.{key}" for name, key in keys_of_dlt() if find_key(name, key) is None)
    assert missing == [], "say in ecom_assets.declaration.dlt_config what happens to these keys of dlt"


def test_the_table_has_no_key_that_dlt_lacks() -> None:
    known = keys_of_dlt()
    for section in SECTIONS:
        for entry in section.keys:
            assert any((name, entry.key) in known for name in section.dictionaries), (
                f"{section.title}: {entry.key}"
            )


def test_a_key_of_a_newer_dlt_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rest_api.Endpoint.__annotations__, "quantum_paging", bool)
    assert ("Endpoint", "quantum_paging") in keys_of_dlt()
    assert find_key("Endpoint", "quantum_paging") is None


def test_every_module_of_the_page_is_current() -> None:
    assert keys_page.DLT_PAGE.read_text("utf-8") == dlt_page_text(), "run `make docs`"


def test_what_is_refused_says_why_and_what_to_use() -> None:
    for section in SECTIONS:
        for entry in section.keys:
            assert entry.text, entry
            if entry.treatment in ("refused", "only in Python") or entry.takes is not None:
                assert entry.instead, f"{section.title}: {entry.key}"


GOOD = """\
name: acme
client:
  base_url: https://api.example.com
  auth: {type: bearer}
partitions: {start: "2026-01-01"}
policy: {lookback: 3600}
resource_defaults:
  primary_key: id
resources:
- name: orders
  endpoint:
    path: /orders
    params: {status: any}
    incremental: {cursor_path: updated_at, start_param: since}
  columns:
    id: {data_type: bigint, nullable: false}
    amount: {data_type: decimal, precision: 20}
    updated_at: {data_type: timestamp, nullable: false}
- name: refunds
  endpoint: {path: "/orders/{resources.orders.id}/refunds"}
  include_from_parent: [id]
  columns:
    id: {data_type: bigint, nullable: false}
    order_id: {data_type: bigint, path: _orders_id}
- name: stores
  endpoint: {path: /stores}
  columns:
    id: {data_type: bigint, nullable: false}
    version: {data_type: bigint}
"""

PLACES: dict[str, tuple[str | int, ...]] = {
    "": (),
    "client": ("client",),
    "paginator": ("client", "paginator"),
    "paginator.type": ("client", "paginator"),
    "auth": ("client", "auth"),
    "auth.type": ("client", "auth"),
    "endpoint": ("resources", 0, "endpoint"),
    "endpoint.params.*": ("resources", 1, "endpoint", "params", "order"),
    "endpoint.incremental": ("resources", 0, "endpoint", "incremental"),
    "endpoint.response_actions[]": ("resources", 0, "endpoint", "response_actions", 0),
    "resources[]": ("resources", 1),
    "resources[].write_disposition": ("resources", 2, "write_disposition"),
    "resources[].processing_steps[]": ("resources", 1, "processing_steps", 0),
    "resources[].references[]": ("resources", 1, "references", 0),
    "columns.*": ("resources", 0, "columns", "amount"),
    "schema_contract": ("resources", 0, "schema_contract"),
}
"""Where in the good file the keys of a section stand, by the section's place."""

AROUND: dict[str, dict[str, Any]] = {
    "endpoint.params.*": {"type": "resolve", "resource": "orders", "field": "id"},
    "endpoint.response_actions[]": {"status_code": 404, "action": "ignore"},
    "resources[].write_disposition": {"disposition": "merge", "strategy": "scd2"},
    "resources[].references[]": {
        "referenced_table": "orders",
        "columns": ["order_id"],
        "referenced_columns": ["id"],
    },
}
"""What the other keys of a mapping are, by the section's place."""

ABSENT = object()
EXAMPLES: dict[tuple[str, str], Any] = {
    ("RESTAPIConfig", "client"): ABSENT,
    ("RESTAPIConfig", "resources"): ABSENT,
    ("RESTAPIConfig", "resource_defaults"): {
        "primary_key": "id",
        "columns": {"id": {"data_type": "bigint", "nullable": False}},
    },
    ("ClientConfig", "base_url"): "https://shop.example.com/v2",
    ("ClientConfig", "headers"): {"Accept": "application/json"},
    ("ClientConfig", "auth"): "bearer",
    ("ClientConfig", "paginator"): "header_link",
    ("PageNumberPaginatorConfig", "type"): "page_number",
    ("PageNumberPaginatorConfig", "total_path"): "meta.total",
    ("OffsetPaginatorConfig", "type"): "offset",
    ("HeaderLinkPaginatorConfig", "type"): "header_link",
    ("BearerTokenAuthConfig", "type"): "bearer",
    ("BearerTokenAuthConfig", "token"): None,
    ("BearerTokenAuthConfig", "api_key"): None,
    ("BearerTokenAuthConfig", "username"): None,
    ("BearerTokenAuthConfig", "password"): None,
    ("BearerTokenAuthConfig", "access_token"): None,
    ("BearerTokenAuthConfig", "client_id"): None,
    ("BearerTokenAuthConfig", "client_secret"): None,
    ("BearerTokenAuthConfig", "name"): "X-Key",
    ("BearerTokenAuthConfig", "location"): "query",
    ("BearerTokenAuthConfig", "access_token_url"): "https://api.example.com/token",
    ("BearerTokenAuthConfig", "access_token_request_data"): {"scope": "read"},
    ("BearerTokenAuthConfig", "default_token_expiration"): 60,
    ("Endpoint", "path"): "orders",
    ("Endpoint", "method"): "POST",
    ("Endpoint", "params"): {"status": "open", "limit": 5},
    ("Endpoint", "json"): {"status": "open"},
    ("Endpoint", "data"): {"status": "open"},
    ("Endpoint", "paginator"): {"type": "cursor", "cursor_path": "next"},
    ("Endpoint", "data_selector"): "data",
    ("Endpoint", "response_actions"): [{"status_code": 404, "action": "ignore"}],
    ("Endpoint", "incremental"): {"cursor_path": "updated_at", "start_param": "from"},
    ("Endpoint", "auth"): {"type": "api_key", "name": "X-Key"},
    ("Endpoint", "headers"): {"X-Since": "{incremental.start_value}"},
    ("ResolveParamConfig", "type"): "resolve",
    ("ResolveParamConfig", "resource"): "orders",
    ("ResolveParamConfig", "field"): "id",
    ("IncrementalConfig", "cursor_path"): "$.updated_at",
    ("IncrementalConfig", "initial_value"): "2026-01-01T00:00:00Z",
    ("IncrementalConfig", "last_value_func"): "max",
    ("IncrementalConfig", "row_order"): "asc",
    ("IncrementalConfig", "allow_external_schedulers"): True,
    ("IncrementalConfig", "lag"): 3600,
    ("IncrementalConfig", "on_cursor_value_missing"): "raise",
    ("IncrementalConfig", "range_start"): "closed",
    ("IncrementalConfig", "range_end"): "open",
    ("IncrementalConfig", "start_param"): "from",
    ("IncrementalConfig", "end_param"): "to",
    ("ResponseActionDict", "status_code"): 410,
    ("ResponseActionDict", "content"): "gone",
    ("ResponseActionDict", "action"): "ignore",
    ("EndpointResource", "name"): "returns",
    ("EndpointResource", "endpoint"): "/orders/{resources.orders.id}/refunds",
    ("EndpointResource", "include_from_parent"): ["id", "number"],
    ("EndpointResource", "max_table_nesting"): 0,
    ("EndpointResource", "selected"): False,
    ("EndpointResource", "parallelized"): True,
    ("EndpointResource", "write_disposition"): "merge",
    ("EndpointResource", "primary_key"): ["id"],
    ("EndpointResource", "columns"): [
        {"name": "id", "data_type": "bigint", "nullable": False},
        {"name": "order_id", "data_type": "bigint", "path": "_orders_id"},
    ],
    ("EndpointResource", "schema_contract"): "freeze",
    ("EndpointResource", "references"): [AROUND["resources[].references[]"]],
    ("TWriteDispositionDict", "disposition"): "merge",
    ("TWriteDispositionDict", "strategy"): "upsert",
    ("TWriteDispositionDict", "validity_column_names"): ["known_from", "known_to"],
    ("TWriteDispositionDict", "active_record_timestamp"): "9999-12-31",
    ("TWriteDispositionDict", "row_version_column_name"): "version",
    ("TColumnSchema", "name"): "amount",
    ("TColumnSchema", "data_type"): "decimal",
    ("TColumnSchema", "nullable"): False,
    ("TColumnSchema", "precision"): 20,
    ("TColumnSchema", "scale"): 2,
    ("TColumnSchema", "timezone"): True,
    ("TColumnSchema", "description"): "What was paid.",
    ("TColumnSchema", "partition"): True,
    ("TColumnSchema", "cluster"): True,
    ("TColumnSchema", "sort"): True,
    ("TColumnSchema", "primary_key"): False,
    ("TColumnSchema", "dedup_sort"): None,
    ("TSchemaContractDict", "tables"): "freeze",
    ("TSchemaContractDict", "columns"): "discard_value",
    ("TSchemaContractDict", "data_type"): "discard_row",
    ("TTableReferenceInline", "label"): "placed by",
    ("TTableReferenceInline", "cardinality"): "many_to_one",
    ("TTableReferenceInline", "columns"): ["order_id"],
    ("TTableReferenceInline", "referenced_table"): "orders",
    ("TTableReferenceInline", "referenced_columns"): ["id"],
    ("TTableReferenceInline", "table"): "refunds",
}
"""A value of each key that is taken in a file, by the first typed dictionary of its section."""

PAGINATOR_EXAMPLES: dict[str, Any] = {
    "limit": 50,
    "offset": 0,
    "base_page": 1,
    "page": 1,
    "maximum_page": 9,
    "maximum_offset": 900,
    "stop_after_empty_page": True,
}
AUTH_KINDS = {
    "name": "api_key",
    "api_key": "api_key",
    "location": "api_key",
    "username": "http_basic",
    "password": "http_basic",
    **dict.fromkeys(
        (
            "access_token",
            "access_token_url",
            "client_id",
            "client_secret",
            "access_token_request_data",
            "default_token_expiration",
        ),
        "oauth2_client_credentials",
    ),
}
LINK_KINDS = {"links_next_key": "header_link", "next_url_path": "json_link", "cursor_key": "header_cursor"}


def taken_rows() -> Iterator[Any]:
    """Yield each section with each key that is taken in a file."""
    for section in SECTIONS:
        for entry in section.keys:
            if entry.treatment in ("as it is", "in our way"):
                yield pytest.param(section, entry, id=f"{section.dictionaries[0]}.{entry.key}")


def refused_rows() -> Iterator[Any]:
    """Yield each section with each key that is refused in a file, and with each key that takes some values only."""
    for section in SECTIONS:
        for entry in section.keys:
            if entry.treatment in ("refused", "only in Python") or entry.takes is not None:
                yield pytest.param(section, entry, id=f"{section.dictionaries[0]}.{entry.key}")


def with_value(section: DltSection, entry: DltKey, value: Any) -> dict[str, Any]:
    """Return the good document with a value of a key."""
    document: dict[str, Any] = yaml.safe_load(GOOD)
    place = PLACES[section.place]
    if section.dictionaries[0] in VALUES:
        given: Any = entry.key
        if section.dictionaries[0] == "PaginatorType" and entry.key in ("offset", "cursor"):
            given = {"type": entry.key, **({"limit": 50} if entry.key == "offset" else {})}
        if entry.key == "oauth2_client_credentials":
            given = {"type": entry.key, "access_token_url": "https://api.example.com/token"}
        return put(document, place, given)
    around = dict(AROUND.get(section.place, {}))
    if section.place == "paginator":
        kinds = {"PageNumberPaginatorConfig": "page_number", "OffsetPaginatorConfig": "offset"}
        kind = kinds.get(section.dictionaries[0]) or LINK_KINDS.get(entry.key, "cursor")
        around = {"type": kind, **({"limit": 50} if kind == "offset" else {})}
    if section.place == "auth":
        kind = AUTH_KINDS.get(entry.key, "bearer")
        around = {"type": kind}
        if kind == "oauth2_client_credentials":
            around["access_token_url"] = "https://api.example.com/token"
    if section.place == "endpoint.params.*":
        put(document, ("resources", 1, "endpoint", "path"), "/orders/{order}/refunds")
    if (section.dictionaries[0], entry.key) == ("IncrementalConfig", "type"):
        put(document, ("resources", 0, "endpoint"), {"path": "/orders"})
        return put(
            document,
            ("resources", 0, "endpoint", "params"),
            {"since": {"type": "incremental", "cursor_path": "updated_at"}},
        )
    if around:
        put(document, place, around)
    return put(document, (*place, entry.key), value)


def put(document: dict[str, Any], place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """Put a value at a place of a document; what is missing on the way becomes mappings and lists."""
    node: Any = document
    for step, following in zip(place, (*place[1:], None), strict=True):
        if isinstance(node, list) and len(node) <= int(step):
            node.append({})
        if following is None:
            if value is not ABSENT:
                node[step] = value
            continue
        if isinstance(node, dict) and not isinstance(node.get(step), (dict, list)):
            node[step] = [] if isinstance(following, int) else {}
        node = node[step]
    return document


def load(folder: Path, document: dict[str, Any]) -> Any:
    file = folder / "acme.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    return load_shop(file)


@cache
def an_editor() -> Draft202012Validator:
    """Return what marks a key in an editor."""
    return Draft202012Validator(file_schema())


def example_of(section: DltSection, entry: DltKey) -> Any:
    if section.dictionaries[0] in VALUES or (entry.key == "type" and section.place == "endpoint.incremental"):
        return ABSENT
    if section.place == "paginator" and (section.dictionaries[0], entry.key) not in EXAMPLES:
        return PAGINATOR_EXAMPLES.get(entry.key, "next")
    return EXAMPLES[section.dictionaries[0], entry.key]


@pytest.mark.parametrize(("section", "entry"), list(taken_rows()))
def test_a_key_that_is_taken_loads_and_an_editor_takes_it(
    tmp_path: Path, section: DltSection, entry: DltKey
) -> None:
    document = with_value(section, entry, example_of(section, entry))
    assert load(tmp_path, document).name == "acme"
    if example_of(section, entry) is None:
        return  # an editor shows no secret fields, and null stands for nothing
    errors = [error.message for error in an_editor().iter_errors(document)]
    if (section.dictionaries[0], entry.key) != (
        "TColumnSchema",
        "name",
    ):  # a schema cannot compare it with the key
        assert errors == []


@pytest.mark.parametrize(("section", "entry"), list(refused_rows()))
def test_a_key_that_is_refused_gives_the_reason(tmp_path: Path, section: DltSection, entry: DltKey) -> None:
    value: Any = "something else"
    if entry.takes is not None and all(isinstance(taken, int) for taken in entry.takes):
        value = 3
    document = with_value(section, entry, value)
    if section.place == "resources[].processing_steps[]":
        document["resources"][1]["processing_steps"] = [{entry.key: value}]
    with pytest.raises(DeclarationError) as caught:
        load(tmp_path, document)
    instead = "a resource without it" if entry.instead == "nothing" else entry.instead
    assert instead in caught.value.allowed or section.place == "resources[].processing_steps[]"
    if entry.treatment == "refused":
        assert entry.text in caught.value.found
    if entry.treatment == "only in Python":
        assert "only a function of Python" in caught.value.found
    assert Path(caught.value.file).name == "acme.yaml"
    errors = list(an_editor().iter_errors(document))
    assert errors, "an editor takes what the file may not hold"


def test_no_key_is_named_twice() -> None:
    for section in SECTIONS:
        names = [entry.key for entry in section.keys]
        assert len(names) == len(set(names)), section.title
