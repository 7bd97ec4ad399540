"""A large OpenAPI document whose schemas refer to each other in circles, as those of large platforms do."""

from __future__ import annotations

from typing import Any

_WORDS = ("orders", "customers", "products", "refunds", "payouts", "settings", "event_logs", "exports")


def large_openapi(paths: int = 400, fields: int = 45, others: int = 4) -> dict[str, Any]:
    """Return a document with that many collections; each record has so many fields and others."""
    names = [f"{_WORDS[number % len(_WORDS)]}_{number}" for number in range(paths)]
    return {
        "openapi": "3.0.3",
        "info": {"title": "large", "version": "1"},
        "servers": [{"url": "https://api.example.com"}],
        "paths": {f"/v1/{name}": {"get": _operation(name)} for name in names},
        "components": {
            "schemas": {name: _schema(names, number, fields, others) for number, name in enumerate(names)}
        },
    }


def _operation(name: str) -> dict[str, Any]:
    list_schema = {
        "type": "object",
        "properties": {
            "data": {"type": "array", "items": _reference(name)},
            "has_more": {"type": "boolean"},
            "url": {"type": "string"},
        },
    }
    return {
        "parameters": [
            {"name": param, "in": "query", "description": "A parameter. " * 10, "schema": {"type": "string"}}
            for param in ("limit", "starting_after", "expand", "status", "updated_at_min", "updated_at_max")
        ],
        "responses": {
            "200": {"description": "", "content": {"application/json": {"schema": list_schema}}},
            "default": {
                "description": "",
                "content": {"application/json": {"schema": {"type": "object", "properties": {}}}},
            },
        },
    }


def _schema(names: list[str], number: int, fields: int, others: int) -> dict[str, Any]:
    """Return a record with single values, and in turns: another record, its id or itself, a list, its parent."""
    count = len(names)
    properties: dict[str, Any] = {
        "id": {"type": "string"},
        "updated_at": {"type": "string", "format": "date-time"},
    }
    properties |= {
        f"field_{field}": {
            "type": ("string", "integer", "number", "boolean")[field % 4],
            "description": "Says. " * 20,
        }
        for field in range(fields)
    }
    for step in range(1, others + 1):
        other = names[(number * step + step) % count]
        properties[f"other_{step}"] = _reference(other)
        properties[f"either_{step}"] = {"anyOf": [{"type": "string"}, _reference(other)]}
    properties["parent"] = {"nullable": True, "allOf": [_reference(names[number])]}
    properties["children"] = {"type": "array", "items": _reference(names[number])}
    if others:
        properties["lines"] = {"type": "array", "items": _reference(names[(number + 1) % count])}
    return {"type": "object", "required": ["id", "updated_at"], "properties": properties}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
