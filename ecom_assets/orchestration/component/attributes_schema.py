"""The JSON Schema of the component's attributes: that of a declaration, with templates, secrets and a file's name.

`dg check yaml` validates a `defs.yaml` with it, and editors complete by it. Dagster puts it into a schema of its own,
so it contains no references.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecom_assets.declaration.api.auth import AUTH_FIELDS
from ecom_assets.declaration.files.extends import FILE_NAME
from ecom_assets.declaration.model import text_schema
from ecom_assets.declaration.reference.json_schema import Schema, file_schema

SECRET_TEMPLATE = r"\{\{\s*env(\.[A-Za-z_]\w*|\(\s*['\"][A-Za-z_]\w*['\"]\s*\))\s*\}\}"
"""A template that stands for one environment variable: `{{ env.NAME }}` or `{{ env('NAME') }}`."""

_TEMPLATE: Schema = {"type": "string", "pattern": r"\{\{.*\}\}"}
_SECRET: Schema = text_schema(SECRET_TEMPLATE)
_SCALARS = {"string", "number", "integer", "boolean", "null"}

OWN_KEYS: Mapping[str, Schema] = {
    "declaration": {
        **text_schema(FILE_NAME),
        "description": "The file that declares the shop, in the folder of `defs.yaml`. It takes the place of all keys "
        "of a declaration.",
    },
    "secrets": {
        "type": "object",
        "additionalProperties": _SECRET,
        "description": "The shop's secrets by name, such as `api_key`. Each is a template with one environment "
        "variable, which is read when a run starts.",
    },
    "alerts": {
        "type": "boolean",
        "description": "Whether there is a sensor for all failed runs of the code location. One component may have it.",
    },
}
"""The attributes that a declaration does not have."""


def attributes_schema() -> Schema:
    """Return the JSON Schema of the attributes."""
    schema = file_schema()
    definitions = schema.pop("$defs")
    for kind in definitions["Auth"]["anyOf"]:
        name = kind.get("properties", {}).get("type", {}).get("const")
        for field in AUTH_FIELDS.get(name, ()):
            description = f"The secret, as a template such as {{{{ env.{field.upper()} }}}}."
            kind["properties"].setdefault(field, {**_SECRET, "description": description})
    taken = {key: schema.pop(key) for key in ("$schema", "if", "then", "title", "description")}
    whole: Schema = _with_templates(_without_references(schema, definitions))
    whole["properties"] = {**OWN_KEYS, **whole["properties"]}
    return {
        "title": "ShopComponent",
        "description": "A shop: a declaration in these attributes, or the name of a file that has it.",
        **whole,
        "if": {"required": ["declaration"]},
        "then": {"propertyNames": {"enum": list(OWN_KEYS)}},
        "else": {"required": ["name"], "if": taken["if"], "then": taken["then"]},
    }


def _without_references(schema: Any, definitions: Mapping[str, Schema]) -> Any:
    """Return a schema in which each reference to a definition is replaced by it."""
    if isinstance(schema, list):
        return [_without_references(entry, definitions) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {key: _without_references(entry, definitions) for key, entry in schema.items() if key != "$ref"}
    if "$ref" not in schema:
        return rest
    return {**_without_references(definitions[schema["$ref"].rpartition("/")[2]], definitions), **rest}


def _with_templates(schema: Any) -> Any:
    """Return a schema in which each key that holds a single value also takes a template."""
    if isinstance(schema, list):
        return [_with_templates(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: _with_templates(entry) for key, entry in schema.items()}
    if isinstance(schema.get("properties"), dict):
        changed["properties"] = {key: _or_template(entry) for key, entry in changed["properties"].items()}
    return changed


def _or_template(schema: Schema) -> Schema:
    """Return a schema that also takes a template, unless it is that of a mapping, a list or a fixed word."""
    if not (set(_types(schema)) & _SCALARS) or set(_types(schema)) == {"null"} or "const" in schema:
        return schema
    annotations = {key: part for key, part in schema.items() if key in ("description", "default")}
    rest = {key: part for key, part in schema.items() if key not in annotations}
    choices = rest["anyOf"] if set(rest) == {"anyOf"} else [rest]
    return {"anyOf": [*choices, _TEMPLATE], **annotations}


def _types(schema: Schema) -> list[str]:
    """Return the JSON types of a schema's own forms."""
    forms = [schema, *schema.get("anyOf", ())]
    types = [
        form.get("type", "string" if "enum" in form else None) for form in forms if isinstance(form, dict)
    ]
    return [name for entry in types if entry for name in (entry if isinstance(entry, list) else [entry])]
