"""The JSON Schema of a file that declares a shop, drawn from the models, for editors.

A file may be one layer of several (`extends`), so what the models require is required of a file that stands alone.
What goes beyond a schema, such as a foreign key that leads nowhere, `load_shop` alone tells.
"""

from __future__ import annotations

from typing import Any

from ecom_assets.declaration.client import AUTH_FIELDS, AUTH_OWNERS, DeclarationModel
from ecom_assets.declaration.extends import FILE_NAME
from ecom_assets.declaration.field_check import text_schema
from ecom_assets.declaration.file import TOP_KEYS
from ecom_assets.declaration.paginator import paginator_form
from ecom_assets.declaration.reading import DEFAULT_KEYS
from ecom_assets.declaration.shop import Shop

Schema = dict[str, Any]

_REMARKS = ("description", "default")
_OURS = {
    "extends": {
        **text_schema(FILE_NAME),
        "description": "Another file of the same folder to start from.",
    },
    "resource_defaults": {
        "$ref": "#/$defs/ResourceDefaults",
        "description": "Merged into each resource, deep within `endpoint`.",
    },
}
_ALONE: Schema = {
    "required": ["client", "resources"],
    "properties": {
        "client": {"required": ["base_url"]},
        "partitions": {"required": ["start"]},
        "resources": {
            "items": {
                "required": ["columns"],
                "properties": {
                    "rows_from": {"required": ["resource", "path"]},
                    "deletes": {"required": ["by"]},
                    "columns": {"additionalProperties": {"type": "object", "required": ["data_type"]}},
                },
            }
        },
    },
    "anyOf": [
        {
            "required": ["resource_defaults"],
            "properties": {"resource_defaults": {"required": ["primary_key"]}},
        },
        {"properties": {"resources": {"items": {"required": ["primary_key"]}}}},
    ],
}
"""What a shop needs whose file extends none."""


def file_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of a file."""
    drawn = Shop.model_json_schema(by_alias=True)
    models: dict[str, type[DeclarationModel]] = {
        model.__name__: model for model in DeclarationModel.__subclasses__()
    }
    definitions = {name: _in_a_file(models[name], form) for name, form in drawn.pop("$defs").items()}
    definitions["Auth"] = _auth(definitions["Auth"])
    definitions["Paginator"] = paginator_form()
    resource = definitions["Resource"]
    resource["required"] = ["name"]
    resource["not"] = {
        "required": ["endpoint", "rows_from"],
        "properties": {key: {"not": {"type": "null"}} for key in ("endpoint", "rows_from")},
    }
    definitions["ResourceDefaults"] = {
        "title": "ResourceDefaults",
        "description": "What each resource has unless it says else.",
        "type": "object",
        "properties": {key: _or_null(resource["properties"][key]) for key in DEFAULT_KEYS},
        "additionalProperties": False,
    }
    top = _in_a_file(Shop, drawn)
    keys = {**top["properties"], **{key: _or_null(form) for key, form in _OURS.items()}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **top,
        "title": "A declared shop",
        "properties": {key: keys[key] for key in TOP_KEYS},
        "if": {"required": ["name"], "properties": {"extends": {"type": "null"}}},
        "then": _ALONE,
        "$defs": dict(sorted(definitions.items())),
    }


def _in_a_file(model: type[DeclarationModel], form: Schema) -> Schema:
    """Return what a file may hold of a model: its written keys, null for the default, none required."""
    required = form.pop("required", ())
    properties = {
        key: {name: part for name, part in entry.items() if name != "title"}
        for key, entry in form["properties"].items()
        if key not in model.NOT_IN_FILE
    }
    for key, entry in properties.items():
        if entry.get("default") in (None, [], {}) or "$ref" in str(entry):
            entry.pop("default", None)
        if key == "paginator":
            entry = {"$ref": "#/$defs/Paginator", "description": entry["description"]}
        if key not in required:
            properties[key] = _or_null(entry)
    first, _, _ = form["description"].partition("\n")
    return {**form, "description": first, "properties": properties}


def _or_null(form: Schema) -> Schema:
    """Return a form that null fits as well, which stands for the default."""
    if {"type": "null"} in form.get("anyOf", ()) or None in form.get("enum", ()):
        return form
    remarks = {key: part for key, part in form.items() if key in _REMARKS}
    bare = {key: part for key, part in form.items() if key not in _REMARKS}
    choices = bare["anyOf"] if set(bare) == {"anyOf"} else [bare]
    return {"anyOf": [*choices, {"type": "null"}], **remarks}


def _auth(form: Schema) -> Schema:
    """Return the auth kinds one by one, each with the keys and the secrets that it has."""
    kinds = []
    for kind, fields in AUTH_FIELDS.items():
        keys = {key: entry for key, entry in form["properties"].items() if AUTH_OWNERS.get(key, kind) == kind}
        keys["type"] = {"const": kind, "description": keys["type"]["description"]}
        name, mapping, null = keys["secret"]["anyOf"]
        mapping = {**mapping, "propertyNames": {"enum": list(fields)}}
        choices = [name, mapping, null] if len(fields) == 1 else [mapping, null]
        keys["secret"] = {**keys["secret"], "anyOf": choices}
        needed = ["access_token_url"] if kind == "oauth2_client_credentials" else []
        kinds.append({**form, "title": f"Auth {kind}", "properties": keys, "required": ["type", *needed]})
    return {"title": "Auth", "description": form["description"], "anyOf": kinds}
