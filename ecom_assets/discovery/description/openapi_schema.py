"""Turns the schemas of an OpenAPI file into fields by path: data types, nullability, descriptions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ecom_assets.declaration.column_types import COLUMN_TYPES, DataType
from ecom_assets.discovery.description.openapi_document import Node
from ecom_assets.discovery.field_path import FieldPath
from ecom_assets.discovery.tables.described_fields import DescribedField, DescribedTable

_MAX_DEPTH = 5
_LINKS = ("_links", "links", "_embedded")
_TYPES = {pair: name for name, column_type in COLUMN_TYPES.items() for pair in column_type.openapi}
_GEO = re.compile(r"latitude|longitude|^(lat|lng|lon)$")


@dataclass
class Schema:
    """One schema, combined with the schemas that it refers to; `items` is the schema of a list's elements."""

    type: str = ""
    format: str = ""
    nullable: bool = False
    description: str = ""
    properties: dict[str, Node] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    items: Node | None = None


def schema_of(node: Node, depth: int = 0) -> Schema:
    """Return the schema of a node, combined with the parts of allOf, and with those of oneOf and anyOf except null."""
    content = node.content
    declared_type = content.get("type")
    schema = Schema(format=str(content.get("format", "")), description=node.text("description"))
    type_names = (
        [declared_type]
        if isinstance(declared_type, str)
        else declared_type
        if isinstance(declared_type, list)
        else []
    )
    schema.nullable = bool(content.get("nullable")) or "null" in type_names
    schema.type = next((str(name) for name in type_names if name != "null"), "")
    schema.properties = dict(node.each("properties"))
    required = content.get("required")
    schema.required = set(required) if isinstance(required, list) else set()
    schema.items = node.get("items")
    if depth > _MAX_DEPTH:
        return schema
    for key in ("allOf", "oneOf", "anyOf"):
        parts = [schema_of(part, depth + 1) for _, part in node.each(key)]
        schema.nullable = schema.nullable or (key != "allOf" and any(map(_is_null, parts)))
        parts = [part for part in parts if not _is_null(part)]
        for part in parts:
            schema.type = schema.type or part.type
            schema.format = schema.format or part.format
            schema.description = schema.description or part.description
            schema.properties = {**part.properties, **schema.properties}
            schema.items = schema.items or part.items
            schema.nullable = schema.nullable or part.nullable
        if key == "allOf" or len(parts) == 1:
            schema.required |= {name for part in parts for name in part.required}
        elif parts and len({part.type for part in parts}) > 1:
            schema.type = "several"
    if schema.properties and not schema.type:
        schema.type = "object"
    return schema


def _is_null(schema: Schema) -> bool:
    return not schema.type and schema.nullable and not schema.properties and not schema.items


def data_type(schema: Schema, name: str) -> DataType | None:
    """Return the data type of a single value, None where the schema does not say.

    Args:
        schema: The value's schema.
        name: The field's name; latitudes and longitudes are not decimals.
    """
    if schema.type == "number" and _GEO.search(name.lower()):
        return "double"
    return _TYPES.get((schema.type, schema.format)) or _TYPES.get((schema.type, ""))


def example_answer(node: Node | None, depth: int = 0) -> Any:
    """Return an answer of this schema.

    A list of objects holds one empty object, another list holds null, and single values are null.
    """
    schema = schema_of(node) if node and depth <= _MAX_DEPTH else Schema()
    if schema.type == "array":
        element = schema_of(schema.items) if schema.items else Schema()
        return [{}] if element.properties or element.type == "object" else [None]
    return (
        {name: example_answer(entry, depth + 1) for name, entry in schema.properties.items()}
        if schema.properties
        else None
    )


def schema_at(node: Node, path: FieldPath) -> Node | None:
    """Return the schema at a path of properties, None where the path leads nowhere."""
    found: Node | None = node
    for name in path:
        found = schema_of(found).properties.get(name) if found else None
    return found


def described_table_of(node: Node) -> DescribedTable:
    """Return the fields of records with this schema, and those of their nested lists of objects."""
    fields: dict[FieldPath, DescribedField] = {}
    lists: dict[FieldPath, dict[FieldPath, DescribedField]] = {}
    descriptions: dict[FieldPath, str] = {}
    for path, schema, always_there in _flatten(node, (), True):
        element = schema_of(schema.items) if schema.items else Schema()
        if schema.type == "array" and element.properties and schema.items:
            lists[path] = {
                inner: _field(inner, part, always) for inner, part, always in _flatten(schema.items, (), True)
            }
            descriptions[path] = schema.description or element.description
        else:
            fields[path] = _field(path, schema, always_there)
    return DescribedTable(fields, lists, {path: text for path, text in descriptions.items() if text})


def _flatten(node: Node, path: FieldPath, always_there: bool) -> Iterator[tuple[FieldPath, Schema, bool]]:
    """Yield every schema that is no object with properties, and whether every record has a value there."""
    parent = schema_of(node)
    for name, entry in parent.properties.items():
        schema = schema_of(entry)
        always = always_there and name in parent.required and not schema.nullable
        if schema.properties and name not in _LINKS and len(path) < _MAX_DEPTH - 1:
            yield from _flatten(entry, (*path, name), always)
        else:
            yield (*path, name), schema, always


def _field(path: FieldPath, schema: Schema, always_there: bool) -> DescribedField:
    nullable = True if schema.nullable else False if always_there else None
    written_type = " ".join(part for part in (schema.type or "nothing", schema.format) if part)
    return DescribedField(data_type(schema, path[-1]), written_type, nullable, schema.description)
