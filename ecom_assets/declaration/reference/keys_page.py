"""Write the files that are generated from the models and tables.

They are the JSON Schema in the package, `docs/keys.md` and `docs/dlt-configuration.md`.

`make docs` runs this module: `python -m ecom_assets.declaration.reference.keys_page`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ecom_assets.declaration.dlt_config.page import dlt_page_text
from ecom_assets.declaration.reading import SCHEMA_FILE
from ecom_assets.declaration.reference.json_schema import Schema, file_schema

PAGE = Path(__file__).parents[3] / "docs" / "keys.md"
DLT_PAGE = PAGE.with_name("dlt-configuration.md")

_PLACES = {
    "client": "Client",
    "client.auth": "Auth",
    "paginator": "Paginator",
    "policy": "Policy",
    "policy.retry_after": "RetryAfter",
    "policy.retry_errors": "RetryErrors",
    "partitions": "Partitions",
    "audit": "Audit",
    "dagster": "AssetSettings",
    "dagster.automation_condition": "Automation",
    "dagster.freshness": "Freshness",
    "resource_defaults": "ResourceDefaults",
    "resources[]": "Resource",
    "endpoint": "Endpoint",
    "endpoint.records": "RecordShape",
    "endpoint.incremental": "Incremental",
    "endpoint.incremental.fallbacks[]": "Fallback",
    "write_disposition": "WriteDisposition",
    "rows_from": "RowsFrom",
    "schema_contract": "SchemaContract",
    "deletes": "DeleteDetection",
    "columns.*": "Column",
}
"""The places in a file, in its order, and for each the name of its definition in the JSON Schema."""

_HEAD = """\
# The keys of a declaration

`make docs` generates this page from the models that read the file. [The declaration](declaration.md) explains the keys
with examples. Every key is optional unless it is marked as required; null stands for the default. An editor that knows
JSON Schema shows all of this while you write: see [your own shop](tutorial.md#in-an-editor). dlt's other spellings of
these keys are taken too: see [From dlt's configuration](dlt-configuration.md).
"""


def schema_text() -> str:
    """Return the text of the JSON Schema file."""
    return json.dumps(file_schema(), indent=1, ensure_ascii=False) + "\n"


def page_text() -> str:
    """Return the page of all keys, in Markdown."""
    schema = file_schema(with_dlt_spellings=False)
    parts = [_HEAD, *_section("Top level", schema, 2)]
    for place, name in _PLACES.items():
        definition = schema["$defs"][name]
        kinds = [kind for kind in definition.get("anyOf", ()) if "properties" in kind]
        if not kinds:
            parts += _section(f"`{place}`", definition, 2)
            continue
        parts.append(f"## `{place}`\n")
        for kind in kinds:
            parts += _section(f"`type: {kind['properties']['type']['const']}`", kind, 3)
    return "\n".join(parts)


def _section(title: str, schema: Schema, depth: int) -> Iterator[str]:
    """Yield the heading of a place and the table of its keys."""
    yield f"{'#' * depth} {title}\n"
    yield "| key | type | default | meaning |\n| --- | --- | --- | --- |"
    for key, entry in schema["properties"].items():
        needed = not _takes_null(entry) or key in schema.get("required", ())
        default = "required" if needed else f"`{json.dumps(entry['default'])}`" if "default" in entry else ""
        cells = (f"`{key}`", " or ".join(_types(entry)), default, entry["description"])
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _takes_null(schema: Schema) -> bool:
    return {"type": "null"} in schema.get("anyOf", ()) or None in schema.get("enum", ())


def _types(schema: Schema) -> list[str]:
    """Return the types that a value may have, in words."""
    if "anyOf" in schema:
        return list(dict.fromkeys(word for choice in schema["anyOf"] for word in _types(choice)))
    if "const" in schema:
        return [f"`{schema['const']}`"]
    if "enum" in schema:
        return [", ".join(f"`{value}`" for value in schema["enum"] if value is not None)]
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        place = next(place for place, named in _PLACES.items() if named == name)
        return [f"[{place}](#{_anchor(place)})"]
    if schema["type"] == "array":
        return [f"list of {' or '.join(_types(schema['items']))}"]
    entries = schema.get("additionalProperties")
    if isinstance(entries, dict) and "anyOf" in entries:
        return [f"mapping of names to {' or '.join(_types(entries))}"]
    names = {"boolean": "true or false", "integer": "whole number", "number": "number", "object": "mapping"}
    name = names.get(schema["type"], "text")
    return [] if schema["type"] == "null" else [f"{name}{_bounds(schema)}"]


def _bounds(schema: dict[str, Any]) -> str:
    if "exclusiveMinimum" in schema:
        return f" above {schema['exclusiveMinimum']}"
    if "maximum" in schema:
        return f", {schema['minimum']} to {schema['maximum']}"
    return f", {schema['minimum']} or more" if "minimum" in schema else ""


def _anchor(title: str) -> str:
    """Return the anchor of a heading in Markdown."""
    return "".join(mark for mark in title.lower() if mark.isalnum() or mark in "_- ").replace(" ", "-")


def main() -> None:
    """Write the three files."""
    SCHEMA_FILE.write_text(schema_text(), "utf-8")
    PAGE.write_text(page_text(), "utf-8")
    DLT_PAGE.write_text(dlt_page_text(), "utf-8")


if __name__ == "__main__":
    main()
