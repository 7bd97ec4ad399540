"""Reads the query parameters of an OpenAPI operation; object parameters are unfolded into the names that are sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecom_assets.discovery.description.openapi_document import Node
from ecom_assets.discovery.description.openapi_schema import example_in, schema_of

_MAX_DEPTH = 3
_MAX_NAMES = 200
"""Names that one object parameter may have."""


def query_params(item: Node, operation: Node) -> dict[str, dict[str, Any]]:
    """Return the parameters in the query: type, format, description, bounds, default, and whether they are required.

    Args:
        item: The path that the operation belongs to; it may have parameters for all its operations.
        operation: The operation.
    """
    params: dict[str, dict[str, Any]] = {}
    for _, node in [*item.each("parameters"), *operation.each("parameters")]:
        name = node.text("name")
        if node.text("in") != "query" or not name:
            continue
        schema = node.get("schema")
        about = {"required": node.content.get("required") is True}
        if _is_object(node, schema) and schema:
            exploded = node.text("style") != "deepObject" and node.content.get("explode") is not False
            for number, (inner, part) in enumerate(_unfold(schema, "" if exploded else name, 0)):
                if number < _MAX_NAMES:
                    params[inner] = {**about_param(part, part), "required": False}
        if not _is_object(node, schema) or node.text("style") == "deepObject":
            params[name] = {**about_param(node, schema), **about}
    return params


def request_headers(item: Node, operation: Node) -> dict[str, dict[str, Any]]:
    """Return the parameters in the header of an operation, as `query_params` does."""
    nodes = [node for _, node in [*item.each("parameters"), *operation.each("parameters")]]
    found = [node for node in nodes if node.text("in") == "header" and node.text("name")]
    return {node.text("name"): about_param(node, node.get("schema")) for node in found}


def _is_object(node: Node, schema: Node | None) -> bool:
    return schema is not None and (node.text("style") == "deepObject" or bool(schema_of(schema).properties))


def about_param(node: Node, schema_node: Node | None = None) -> dict[str, Any]:
    """Return what a description says of a parameter: type, format, description, examples, bounds and default.

    Args:
        node: The parameter, or a field of a body, which is its own schema.
        schema_node: The parameter's schema.
    """
    schema_node = schema_node or (node if "schema" not in node.content else None)
    schema = schema_of(schema_node) if schema_node else None
    param: dict[str, Any] = {
        "type": schema.type if schema else "",
        "format": schema.format if schema else "",
        "description": node.text("description") or (schema.description if schema else ""),
    }
    examples = [example_in(node.content), schema_node and example_in(schema_node.content)]
    examples += [entry.content.get("value") for _, entry in node.each("examples")]
    param["examples"] = [entry for entry in examples if isinstance(entry, (str, list, dict))]
    for key in ("minimum", "maximum", "default"):
        if schema_node and key in schema_node.content:
            param[key] = schema_node.content[key]
    return param


def _unfold(node: Node, name: str, depth: int) -> Iterator[tuple[str, Node]]:
    """Yield each name within an object parameter, such as `filter[updated_at][gte]`, with its schema.

    An object that may also be a single value is unfolded too.
    """
    properties = schema_of(node).properties
    for key in ("anyOf", "oneOf"):
        for _, part in node.each(key):
            properties = {**schema_of(part).properties, **properties}
    for inner, part in properties.items():
        whole = f"{name}[{inner}]" if name else inner
        yield whole, part
        if depth < _MAX_DEPTH:
            yield from _unfold(part, whole, depth + 1)
