"""Unfolds the schemas of an OpenAPI file: fields by path, nested lists of objects, and an example of an answer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from ecom_assets.discovery.description.openapi_document import Node
from ecom_assets.discovery.description.openapi_schema import Schema, data_type, schema_of
from ecom_assets.discovery.exploration.response_structure import MAX_DEPTH as _MAX_DEPTH_OF_LISTS
from ecom_assets.discovery.field_path import FieldPath, is_reachable
from ecom_assets.discovery.tables.described_fields import DescribedField, DescribedTable

_MAX_DEPTH = 5
_MAX_FIELDS = 200
"""A record with more fields gets fewer levels of objects; the deeper ones are JSON."""
_MAX_DEPTH_OF_ELEMENTS = 3
_MAX_FIELDS_OF_ELEMENTS = 60
_MAX_LISTS = 8
_MAX_DEPTH_TO_LISTS = 2
"""Lists of objects that become tables: those with at most so many names in their paths. The others are JSON."""
_LINKS = ("_links", "links", "_embedded")

Unfolded = tuple[FieldPath, Schema, bool]
"""A path, the schema there, and whether every record has a value there."""


def example_answer(node: Node | None, depth: int = 0) -> Any:
    """Return an answer of this schema, down to the depth at which a list of records may be.

    A list of objects holds one empty object, another list holds null, and single values are null.
    """
    schema = schema_of(node) if node else Schema()
    if schema.type == "array":
        element = schema_of(schema.items) if schema.items else Schema()
        return [{}] if element.properties or element.type == "object" else [None]
    if not schema.properties:
        return None
    if depth == _MAX_DEPTH_OF_LISTS:
        return {}
    return {name: example_answer(entry, depth + 1) for name, entry in schema.properties.items()}


def schema_at(node: Node, path: FieldPath) -> Node | None:
    """Return the schema at a path of properties, None where the path leads nowhere."""
    found: Node | None = node
    for name in path:
        found = schema_of(found).properties.get(name) if found else None
    return found


def described_table_of(node: Node) -> DescribedTable:
    """Return the fields of records with this schema, and those of their nested lists of objects.

    A schema within itself, such as the parent of a category, is JSON.
    """
    fields: dict[FieldPath, DescribedField] = {}
    lists: dict[FieldPath, dict[FieldPath, DescribedField]] = {}
    descriptions: dict[FieldPath, str] = {}
    identity = schema_of(node).identity
    for path, schema, always_there in _unfold(node, frozenset(), _MAX_DEPTH, _MAX_FIELDS):
        element = schema_of(schema.items) if schema.items else Schema()
        becomes_table = (
            schema.type == "array"
            and bool(element.properties)
            and element.identity != identity
            and len(path) <= _MAX_DEPTH_TO_LISTS
            and len(lists) < _MAX_LISTS
        )
        if becomes_table and schema.items:
            unfolded = _unfold(
                schema.items, frozenset({identity}), _MAX_DEPTH_OF_ELEMENTS, _MAX_FIELDS_OF_ELEMENTS
            )
            lists[path] = {inner: _field(inner, part, always) for inner, part, always in unfolded}
            descriptions[path] = schema.description or element.description
        else:
            fields[path] = _field(path, schema, always_there)
    return DescribedTable(fields, lists, {path: text for path, text in descriptions.items() if text})


def _unfold(node: Node, trail: frozenset[int], max_depth: int, max_fields: int) -> list[Unfolded]:
    """Return every schema that is no object with properties.

    Args:
        node: The schema of the records.
        trail: The identities of the schemas around it.
        max_depth: How many names a path has at most.
        max_fields: With more fields, paths have fewer names.
    """
    for depth in range(max_depth, 1, -1):
        unfolded = list(islice(_flatten(node, (), True, trail, depth), max_fields + 1))
        if len(unfolded) <= max_fields:
            return unfolded
    return list(_flatten(node, (), True, trail, 1))


def _flatten(
    node: Node, path: FieldPath, always_there: bool, trail: frozenset[int], depth: int
) -> Iterator[Unfolded]:
    parent = schema_of(node)
    trail = trail | {parent.identity}
    for name, entry in parent.properties.items():
        if not is_reachable(name):
            continue
        schema = schema_of(entry)
        always = always_there and name in parent.required and not schema.nullable
        unfolds = schema.properties and name not in _LINKS and len(path) < depth - 1
        if unfolds and schema.identity not in trail:
            yield from _flatten(entry, (*path, name), always, trail, depth)
        else:
            yield (*path, name), schema, always


def _field(path: FieldPath, schema: Schema, always_there: bool) -> DescribedField:
    nullable = True if schema.nullable else False if always_there else None
    written_type = " ".join(part for part in (schema.type or "nothing", schema.format) if part)
    return DescribedField(data_type(schema, path[-1]), written_type, nullable, schema.description)
