"""The JSON Schema of a file that declares a shop, generated from the models, for editors.

The models' required keys are required only of a file that extends no other, since a file may be one layer of several.
A schema cannot express every rule: only `load_shop` finds, for example, a foreign key to an undeclared column.
"""

from __future__ import annotations

from typing import Any

from ecom_assets.declaration.api.auth import AUTH_FIELDS, AUTH_KEY_OWNERS
from ecom_assets.declaration.api.paginator import paginator_schema
from ecom_assets.declaration.dlt_config.file_forms import add_dlt_spellings
from ecom_assets.declaration.files.extends import FILE_NAME
from ecom_assets.declaration.files.yaml_file import TOP_KEYS
from ecom_assets.declaration.model import DeclarationModel, text_schema
from ecom_assets.declaration.reading import DEFAULT_KEYS
from ecom_assets.declaration.shop import Shop

Schema = dict[str, Any]

_ANNOTATIONS = ("description", "default")
_FILE_KEYS = {
    "extends": {
        **text_schema(FILE_NAME),
        "description": "Another file of the same folder, which this one overrides.",
    },
    "resource_defaults": {
        "$ref": "#/$defs/ResourceDefaults",
        "description": "Defaults of every resource; `endpoint` is merged deeply.",
    },
}
# `append` can do without a primary key
_KEY_OR_DISPOSITION: Schema = {"anyOf": [{"required": ["primary_key"]}, {"required": ["write_disposition"]}]}
_WITHOUT_EXTENDS: Schema = {
    "required": ["client", "resources"],
    "properties": {
        "client": {"required": ["base_url"]},
        "partitions": {"required": ["start"]},
        "resources": {
            "items": {
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
            "properties": {"resource_defaults": _KEY_OR_DISPOSITION},
        },
        {"properties": {"resources": {"items": _KEY_OR_DISPOSITION}}},
    ],
}
"""What a file must have if it extends no other."""


def file_schema(*, with_dlt_spellings: bool = True) -> Schema:
    """Return the JSON Schema (draft 2020-12) of a file.

    Args:
        with_dlt_spellings: Whether it also takes dlt's other spellings of what the models know.
    """
    generated = Shop.model_json_schema(by_alias=True)
    models: dict[str, type[DeclarationModel]] = {
        model.__name__: model for model in DeclarationModel.__subclasses__()
    }
    definitions = {
        name: _schema_in_file(models[name], schema) for name, schema in generated.pop("$defs").items()
    }
    definitions["Auth"] = _auth(definitions["Auth"])
    definitions["Paginator"] = paginator_schema()
    resource = definitions["Resource"]
    resource["required"] = ["name"]
    resource["not"] = {
        "required": ["endpoint", "rows_from"],
        "properties": {key: {"not": {"type": "null"}} for key in ("endpoint", "rows_from")},
    }
    definitions["ResourceDefaults"] = {
        "title": "ResourceDefaults",
        "description": "Defaults of every resource; a resource overrides them.",
        "type": "object",
        "properties": {
            key: _or_null(resource["properties"][key])
            for key in DEFAULT_KEYS
            if key in resource["properties"]
        },
        "additionalProperties": False,
    }
    top = _schema_in_file(Shop, generated)
    if with_dlt_spellings:
        add_dlt_spellings(top["properties"], definitions)
    keys = {**top["properties"], **{key: _or_null(schema) for key, schema in _FILE_KEYS.items()}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **top,
        "title": "A declared shop",
        "properties": {key: keys[key] for key in TOP_KEYS},
        "if": {"required": ["name"], "properties": {"extends": {"type": "null"}}},
        "then": _WITHOUT_EXTENDS,
        "$defs": dict(sorted(definitions.items())),
    }


def _schema_in_file(model: type[DeclarationModel], schema: Schema) -> Schema:
    """Return the JSON Schema of a model in a file: only the keys of a file, null for the default, nothing required."""
    required = schema.pop("required", ())
    properties = {
        key: {name: part for name, part in entry.items() if name != "title"}
        for key, entry in schema["properties"].items()
        if key not in model.NOT_IN_FILE
    }
    for key, entry in properties.items():
        if entry.get("default") in (None, [], {}) or "$ref" in str(entry):
            entry.pop("default", None)
        if key == "paginator":
            entry = {"$ref": "#/$defs/Paginator", "description": entry["description"]}
        if key not in required:
            properties[key] = _or_null(entry)
    first, _, _ = schema["description"].partition("\n")
    return {**schema, "description": first, "properties": properties}


def _or_null(schema: Schema) -> Schema:
    """Return a schema that also allows null, which stands for the default."""
    if {"type": "null"} in schema.get("anyOf", ()) or None in schema.get("enum", ()):
        return schema
    annotations = {key: part for key, part in schema.items() if key in _ANNOTATIONS}
    rest = {key: part for key, part in schema.items() if key not in _ANNOTATIONS}
    choices = rest["anyOf"] if set(rest) == {"anyOf"} else [rest]
    return {"anyOf": [*choices, {"type": "null"}], **annotations}


_REQUIRED_BY_AUTH = {
    "oauth2_client_credentials": ["access_token_url"],
    "login": ["access_token_url"],
    "hmac": ["signed_text"],
}


def _auth(schema: Schema) -> Schema:
    """Return the schema with one alternative per auth kind, each with its own keys and secrets."""
    kinds = []
    for kind, fields in AUTH_FIELDS.items():
        keys = {
            key: entry
            for key, entry in schema["properties"].items()
            if kind in AUTH_KEY_OWNERS.get(key, (kind,))
        }
        keys["type"] = {"const": kind, "description": keys["type"]["description"]}
        name, mapping, null = keys["secret"]["anyOf"]
        mapping = {**mapping, "propertyNames": {"enum": list(fields)}}
        choices = [name, mapping, null] if len(fields) == 1 else [mapping, null]
        keys["secret"] = {**keys["secret"], "anyOf": choices}
        needed = _REQUIRED_BY_AUTH.get(kind, [])
        kinds.append({**schema, "title": f"Auth {kind}", "properties": keys, "required": ["type", *needed]})
    return {"title": "Auth", "description": schema["description"], "anyOf": kinds}
