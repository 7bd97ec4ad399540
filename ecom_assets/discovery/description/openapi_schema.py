"""Combines the schemas of an OpenAPI file: type, format, nullability, properties and elements of each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ecom_assets.declaration.column_types import COLUMN_TYPES, DataType
from ecom_assets.discovery.description.openapi_document import Node

_MAX_PARTS_WITHIN_PARTS = 30
_TYPES = {pair: name for name, column_type in COLUMN_TYPES.items() for pair in column_type.openapi}
_GEO = re.compile(r"latitude|longitude|^(lat|lng|lon)$")
_SINGLE_VALUES = {"string", "integer", "number", "boolean"}


@dataclass
class Schema:
    """One schema, combined with the schemas that it refers to.

    Attributes:
        type: Its type; `several` if its values have several types.
        items: The schema of a list's elements.
        identity: The `id()` of the mapping that defines it. A schema that only wraps another has the other's.
    """

    type: str = ""
    format: str = ""
    nullable: bool = False
    description: str = ""
    properties: dict[str, Node] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    items: Node | None = None
    identity: int = 0


def schema_of(node: Node, depth: int = 0) -> Schema:
    """Return the schema of a node, combined with the parts of allOf, and with those of oneOf and anyOf except null.

    A single value or an object, such as the id of a record or the record itself, counts as the single value.

    Args:
        node: The schema's mapping.
        depth: How many schemas this one is a part of.
    """
    known = node.document.schemas
    key = id(node.content)
    if key not in known:
        known[key] = Schema(identity=key)  # a schema that is a part of itself adds nothing
        known[key] = _combined(node, depth) if depth < _MAX_PARTS_WITHIN_PARTS else known[key]
    found: Schema = known[key]
    return found


def _combined(node: Node, depth: int) -> Schema:
    content = node.content
    names = content.get("type")
    type_names = [str(name) for name in (names if isinstance(names, list) else [names]) if name is not None]
    types = {name for name in type_names if name != "null"}
    required = content.get("required")
    schema = Schema(
        format=str(content.get("format", "")),
        description=node.text("description"),
        nullable=content.get("nullable") is True or "null" in type_names,
        type=next((name for name in type_names if name != "null"), ""),
        properties=dict(node.each("properties")),
        required={str(name) for name in required} if isinstance(required, list) else set(),
        items=node.get("items"),
        identity=id(content),
    )
    adds_properties = bool(schema.properties)
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
        if len(parts) == 1 and not adds_properties:
            schema.identity = parts[0].identity
        if key == "allOf" or len(parts) == 1:
            schema.required |= {name for part in parts for name in part.required}
        elif parts:
            types |= {part.type for part in parts}
    _settle_types(schema, types)
    return schema


def _settle_types(schema: Schema, types: set[str]) -> None:
    """Choose the type where there are several, and drop the properties of a single value."""
    single = types & _SINGLE_VALUES
    if single == {"integer", "number"}:
        single = {"number"}
    if len(single) == 1 and types - single <= {"object", "integer"}:
        schema.type = single.pop()
        schema.properties, schema.required = {}, set()
    elif len(types) > 1:
        schema.type = "several"
        schema.properties = {} if single else schema.properties
    if schema.properties and not schema.type:
        schema.type = "object"


def _is_null(schema: Schema) -> bool:
    return schema.type in ("", "null") and schema.nullable and not schema.properties and not schema.items


def data_type(schema: Schema, name: str) -> DataType | None:
    """Return the data type of a single value, None where the schema does not say.

    Args:
        schema: The value's schema.
        name: The field's name; latitudes and longitudes are not decimals.
    """
    if schema.type == "number" and _GEO.search(name.lower()):
        return "double"
    return _TYPES.get((schema.type, schema.format)) or _TYPES.get((schema.type, ""))
