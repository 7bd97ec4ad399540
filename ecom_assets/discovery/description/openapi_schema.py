"""Combines the schemas of an OpenAPI file: type, format, nullability, properties and elements of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ecom_assets.declaration.column_types import COLUMN_TYPES, DataType
from ecom_assets.discovery.description.openapi_document import Node
from ecom_assets.discovery.tables.naming import snake_case
from ecom_assets.discovery.tables.type_inference import infer_type, is_time_name

_MAX_PARTS_WITHIN_PARTS = 30
_MAX_DEPTH_OF_EXAMPLES = 8
_TYPES = {pair: name for name, column_type in COLUMN_TYPES.items() for pair in column_type.openapi}
_GEO = re.compile(r"latitude|longitude|^(lat|lng|lon)$")
_INSTANT_WORDS = re.compile(r"(?i)rfc[- ]?\d{4}|iso[- ]?8601|date-?time|timestamp|/Date\(")
_FORMATS = dict.fromkeys(
    (
        "datetime",
        "date_time",
        "timestamp",
        "iso8601",
        "iso-8601",
        "rfc3339",
        "rfc-3339",
        "rfc2822",
        "rfc-2822",
    ),
    "date-time",
)
"""What descriptions also call `date-time`."""
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
    example: Any = None


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
        format=_FORMATS.get(str(content.get("format", "")).lower(), str(content.get("format", ""))),
        description=node.text("description"),
        nullable=content.get("nullable") is True or "null" in type_names,
        type=next((name for name in type_names if name != "null"), ""),
        properties=dict(node.each("properties")),
        required={str(name) for name in required} if isinstance(required, list) else set(),
        items=node.get("items"),
        identity=id(content),
        example=example_in(content),
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
            schema.example = part.example if schema.example is None else schema.example
            for name, entry in part.properties.items():
                # two parts may have a field: a general one, and one that says more
                if name not in schema.properties or _detail(entry) > _detail(schema.properties[name]):
                    schema.properties[name] = entry
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


def _detail(node: Node) -> int:
    """Return how much a schema says by itself about what is within it."""
    items = node.content.get("items")
    parts = ("properties", "allOf", "oneOf", "anyOf")
    of_elements = isinstance(items, Mapping) and any(items.get(key) for key in ("$ref", *parts))
    return 2 * of_elements + any(bool(node.content.get(key)) for key in parts)


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


def example_in(content: Mapping[str, Any]) -> Any:
    """Return the example of a schema, the first one of several, None where it has none.

    YAML reads an instant without quotes as a date or a time; it becomes a text again.
    """
    examples = content.get("examples")
    several = examples if isinstance(examples, list) else []
    found = next((entry for entry in (content.get("example"), *several) if entry is not None), None)
    return found.isoformat() if isinstance(found, date) else found


def schema_of_example(content: Node) -> Node | None:
    """Return a schema that the example of an answer has, None without an example."""
    examples = [content.content.get("example")]
    examples += [entry.content.get("value") for _, entry in content.each("examples")]
    example = next((entry for entry in examples if isinstance(entry, (dict, list))), None)
    if example is None:
        return None
    made = content.document.schemas_of_examples
    made.setdefault(id(content.content), _schema_like(example, 0))
    return Node(made[id(content.content)], content.document, content.base)


def _schema_like(value: Any, depth: int) -> dict[str, Any]:
    """Return a schema that a value has; what is nested very deep may be anything."""
    if isinstance(value, dict) and depth < _MAX_DEPTH_OF_EXAMPLES:
        properties = {str(name): _schema_like(entry, depth + 1) for name, entry in value.items()}
        return {"type": "object", "properties": properties}
    if isinstance(value, list):
        return {"type": "array"} | ({"items": _schema_like(value[0], depth + 1)} if value else {})
    kinds = {bool: "boolean", int: "integer", float: "number"}
    if type(value) in kinds:
        return {"type": kinds[type(value)], "example": value}
    if isinstance(value, (str, date)):
        return {"type": "string", "example": value}
    return {}


def _type_of_text(schema: Schema, name: str) -> DataType:
    """Return the type that the example of a text shows, or that its description names; otherwise text."""
    if isinstance(schema.example, str) and schema.example.strip():
        by_example = infer_type(name, [schema.example])
        # a single text such as 1.10 is an amount only if its name says so too
        by_name = infer_type(name, ["1"])
        if by_example and by_example.data_type in ("timestamp", "date", by_name and by_name.data_type):
            return by_example.data_type
        return "text"
    return "timestamp" if is_time_name(name) and _INSTANT_WORDS.search(schema.description) else "text"


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
    untyped = not schema.type and isinstance(schema.example, str)
    if (schema.type == "string" or untyped) and not schema.format:
        return _type_of_text(schema, snake_case(name))
    return _TYPES.get((schema.type, schema.format)) or _TYPES.get((schema.type, ""))
