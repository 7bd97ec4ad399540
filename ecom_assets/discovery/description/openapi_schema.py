"""Schemas of an OpenAPI file as fields by path: types in our words, nullability, descriptions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ecom_assets.declaration.column_types import COLUMN_TYPES, DataType
from ecom_assets.discovery.description.endpoint import DescribedField, DescribedTable
from ecom_assets.discovery.description.openapi_document import Node
from ecom_assets.discovery.tables.fields import Path

_DEEPEST = 5
_LINKS = ("_links", "links", "_embedded")
_TYPES = {pair: name for name, column_type in COLUMN_TYPES.items() for pair in column_type.openapi}
_GEO = re.compile(r"latitude|longitude|^(lat|lng|lon)$")


@dataclass
class Schema:
    """One schema with what it takes from others: type, format, properties, elements of a list."""

    type: str = ""
    format: str = ""
    nullable: bool = False
    description: str = ""
    properties: dict[str, Node] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    items: Node | None = None


def schema_of(node: Node, depth: int = 0) -> Schema:
    """Return a schema; parts of allOf add up, of oneOf and anyOf what is not null does."""
    content = node.content
    kinds = content.get("type")
    found = Schema(format=str(content.get("format", "")), description=node.text("description"))
    named = [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else []
    found.nullable = bool(content.get("nullable")) or "null" in named
    found.type = next((str(kind) for kind in named if kind != "null"), "")
    found.properties = dict(node.each("properties"))
    required = content.get("required")
    found.required = set(required) if isinstance(required, list) else set()
    found.items = node.get("items")
    if depth > _DEEPEST:
        return found
    for key in ("allOf", "oneOf", "anyOf"):
        parts = [schema_of(part, depth + 1) for _, part in node.each(key)]
        found.nullable = found.nullable or (key != "allOf" and any(map(_is_null, parts)))
        parts = [part for part in parts if not _is_null(part)]
        for part in parts:
            found.type = found.type or part.type
            found.format = found.format or part.format
            found.description = found.description or part.description
            found.properties = {**part.properties, **found.properties}
            found.items = found.items or part.items
            found.nullable = found.nullable or part.nullable
        if key == "allOf" or len(parts) == 1:
            found.required |= {name for part in parts for name in part.required}
        elif parts and len({part.type for part in parts}) > 1:
            found.type = "several"
    if found.properties and not found.type:
        found.type = "object"
    return found


def _is_null(schema: Schema) -> bool:
    return not schema.type and schema.nullable and not schema.properties and not schema.items


def data_type(schema: Schema, name: str) -> DataType | None:
    """Return the type of a single value in our words, None where the file says nothing of use."""
    if schema.type == "number" and _GEO.search(name.lower()):
        return "double"
    return _TYPES.get((schema.type, schema.format)) or _TYPES.get((schema.type, ""))


def example(node: Node | None, depth: int = 0) -> Any:
    """Return the shape of an answer: a list of objects has one, a list of values none, a value is null."""
    schema = schema_of(node) if node and depth <= _DEEPEST else Schema()
    if schema.type == "array":
        element = schema_of(schema.items) if schema.items else Schema()
        return [{}] if element.properties or element.type == "object" else [None]
    return (
        {name: example(entry, depth + 1) for name, entry in schema.properties.items()}
        if schema.properties
        else None
    )


def at(node: Node, path: Path) -> Node | None:
    """Return the schema that a path of properties leads to."""
    found: Node | None = node
    for name in path:
        found = schema_of(found).properties.get(name) if found else None
    return found


def table_of(node: Node) -> DescribedTable:
    """Return the fields of records, and those of their nested lists of objects."""
    fields: dict[Path, DescribedField] = {}
    lists: dict[Path, dict[Path, DescribedField]] = {}
    told: dict[Path, str] = {}
    for path, schema, certain in _leaves(node, (), True):
        element = schema_of(schema.items) if schema.items else Schema()
        if schema.type == "array" and element.properties and schema.items:
            lists[path] = {
                inner: _field(inner, part, sure) for inner, part, sure in _leaves(schema.items, (), True)
            }
            told[path] = schema.description or element.description
        else:
            fields[path] = _field(path, schema, certain)
    return DescribedTable(fields, lists, {path: text for path, text in told.items() if text})


def _leaves(node: Node, path: Path, certain: bool) -> Iterator[tuple[Path, Schema, bool]]:
    """Yield what is no object with properties of its own, and whether it is there in every record."""
    whole = schema_of(node)
    for name, entry in whole.properties.items():
        schema = schema_of(entry)
        sure = certain and name in whole.required and not schema.nullable
        if schema.properties and name not in _LINKS and len(path) < _DEEPEST - 1:
            yield from _leaves(entry, (*path, name), sure)
        else:
            yield (*path, name), schema, sure


def _field(path: Path, schema: Schema, certain: bool) -> DescribedField:
    nullable = True if schema.nullable else False if certain else None
    said = " ".join(part for part in (schema.type or "nothing", schema.format) if part)
    return DescribedField(data_type(schema, path[-1]), said, nullable, schema.description)
