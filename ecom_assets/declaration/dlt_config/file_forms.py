"""The JSON Schema of dlt's other spellings, added to the schema of the models."""

from __future__ import annotations

from typing import Any

from ecom_assets.declaration.api.auth import AUTH_FIELDS
from ecom_assets.declaration.dlt_config.endpoint_keys import INCREMENTAL
from ecom_assets.declaration.dlt_config.key import DltSection
from ecom_assets.declaration.dlt_config.names import FOLDED_PATTERN
from ecom_assets.declaration.dlt_config.table_keys import COLUMN, REFERENCE, RESOURCE, SCHEMA_CONTRACT

Schema = dict[str, Any]

_TEXT = {"type": "string"}
_TEXTS = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_DEFINITIONS = {
    "Resource": RESOURCE,
    "ResourceDefaults": RESOURCE,
    "Incremental": INCREMENTAL,
    "Column": COLUMN,
    "SchemaContract": SCHEMA_CONTRACT,
}
"""The definitions of the models, each with dlt's keys for the same place."""


def add_dlt_spellings(top: Schema, definitions: dict[str, Schema]) -> None:
    """Let a schema take what `spellings` and `bindings` turn into the form of the models.

    Args:
        top: The schemas of the keys at the top of a file.
        definitions: The schemas that they refer to. Both are changed in place.
    """
    for name, section in _DEFINITIONS.items():
        _add_keys(definitions[name]["properties"], section)
    _add_written_names(definitions)
    resources = top["resources"]
    name_alone = dict(definitions["Resource"]["properties"]["name"])
    resources["items"] = {"anyOf": [resources["items"], name_alone]}
    for name in ("Resource", "ResourceDefaults"):
        properties = definitions[name]["properties"]
        _add_choice(properties["schema_contract"], {"enum": ["evolve", "freeze"]})
        properties["references"] = {
            "anyOf": [{"type": "array", "items": _reference()}, {"type": "null"}],
            "description": properties["references"]["description"],
        }
        column = {"$ref": "#/$defs/NamedColumn"}
        _add_choice(properties["columns"], {"type": "array", "items": column, "minItems": 1})
    definitions["NamedColumn"] = _named_column(definitions["Column"])
    column = definitions["Column"]["properties"]
    column["name"] = {"type": ["string", "null"], "description": "The name again, as its key says."}
    for owner in (column, definitions["NamedColumn"]["properties"]):
        _add_choice(owner["timezone"], {"const": True})
    contract = definitions["SchemaContract"]["properties"]
    _add_choice(contract["data_type"], {"enum": ["discard_row"]})
    definitions["Auth"]["anyOf"].append({"title": "Auth kind", "enum": list(AUTH_FIELDS)})
    _add_paginator_alias(definitions["Paginator"])
    endpoint = definitions["Endpoint"]["properties"]
    endpoint["params"] = {
        **endpoint["params"],
        "anyOf": [_params(definitions["Incremental"]), {"type": "null"}],
    }


def _add_written_names(definitions: dict[str, Schema]) -> None:
    """Let tables and columns have names that are no lower snake_case ones yet."""
    written = {"type": "string", "pattern": FOLDED_PATTERN}
    for name, key in (("Resource", "name"), ("RowsFrom", "resource")):
        _add_choice(definitions[name]["properties"][key], written)
    for name in ("Resource", "ResourceDefaults"):
        for columns in definitions[name]["properties"]["columns"]["anyOf"]:
            if "propertyNames" in columns:
                columns["propertyNames"] = {"anyOf": [columns["propertyNames"], written]}


def _add_keys(properties: dict[str, Schema], section: DltSection) -> None:
    """Add the keys that only dlt's spelling has."""
    for key in section.keys:
        if key.schema is not None and key.key not in properties:
            properties[key.key] = {"anyOf": [dict(key.schema), {"type": "null"}], "description": key.text}


def _add_choice(schema: Schema, choice: Schema) -> None:
    """Let a schema take another form, in place."""
    if "anyOf" in schema:
        schema["anyOf"] = [*schema["anyOf"], choice]
        return
    annotations: Schema = {key: schema.pop(key) for key in list(schema) if key in ("description", "default")}
    rest = dict(schema)
    schema.clear()
    schema.update({"anyOf": [rest, choice], **annotations})


def _named_column(column: Schema) -> Schema:
    """Return the schema of a column in a list, which says its name itself."""
    name = {"type": "string", "description": "The name of the column."}
    return {
        **column,
        "title": "NamedColumn",
        "properties": {"name": name, **{key: dict(entry) for key, entry in column["properties"].items()}},
        "required": ["name", *column.get("required", ())],
    }


def _reference() -> Schema:
    forms = {"columns": _TEXTS, "referenced_columns": _TEXTS}
    return {
        "type": "object",
        "properties": {key.key: forms.get(key.key, {"type": ["string", "null"]}) for key in REFERENCE.keys},
        "required": ["columns", "referenced_table", "referenced_columns"],
        "additionalProperties": False,
    }


def _params(incremental: Schema) -> Schema:
    """Return the schema of parameters: a plain value, or a mapping in one of dlt's older forms."""
    resolve: Schema = {
        "type": "object",
        "properties": {"type": {"const": "resolve"}, "resource": _TEXT, "field": _TEXT},
        "required": ["type", "resource", "field"],
        "additionalProperties": False,
    }
    keys = {
        key: entry
        for key, entry in incremental["properties"].items()
        if key not in ("start_param", "end_param")
    }
    moving = {
        "type": "object",
        "properties": {**keys, "type": {"const": "incremental"}},
        "required": ["type", "cursor_path"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "additionalProperties": {"anyOf": [{"not": {"type": "object"}}, resolve, moving]},
    }


def _add_paginator_alias(paginator: Schema) -> None:
    """Let a paginator have the old name of json_link, and `auto`."""
    for choice in paginator["anyOf"]:
        if "enum" in choice:
            choice["enum"] = [*choice["enum"], "json_response", "auto"]
        elif choice["properties"]["type"].get("const") == "json_link":
            description = choice["properties"]["type"]["description"]
            choice["properties"]["type"] = {
                "enum": ["json_link", "json_response"],
                "description": description,
            }
    paginator["anyOf"].append(
        {
            "title": "Paginator auto",
            "type": "object",
            "properties": {"type": {"const": "auto", "description": "Means the same as no paginator."}},
            "required": ["type"],
            "additionalProperties": False,
        }
    )
