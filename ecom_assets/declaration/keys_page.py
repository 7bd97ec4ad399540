"""What is drawn from the declaration's models: the JSON Schema in the package, and `docs/keys.md`.

`python -m ecom_assets.declaration.keys_page` writes both anew (`make docs`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ecom_assets.declaration.json_schema import Schema, file_schema
from ecom_assets.declaration.reading import SCHEMA_FILE

PAGE = Path(__file__).parents[2] / "docs" / "keys.md"

_PLACES = {
    "client": "Client",
    "client.auth": "Auth",
    "paginator": "Paginator",
    "policy": "Policy",
    "partitions": "Partitions",
    "resource_defaults": "ResourceDefaults",
    "resources[]": "Resource",
    "endpoint": "Endpoint",
    "endpoint.incremental": "Incremental",
    "rows_from": "RowsFrom",
    "schema_contract": "SchemaContract",
    "deletes": "DeleteDetection",
    "columns.*": "Column",
}
"""The places of a file, in its order, and the definitions of the schema that tell what may be there."""

_HEAD = """\
# The keys of a declaration

Written by `make docs` from the models that read the file; [the declaration](declaration.md) explains them, with
examples. A key without a default may be left out unless it is marked as required; null stands for the default. An
editor that knows JSON Schema shows all of this while one writes: see [your own shop](own-shop.md#in-an-editor).
"""


def schema_text() -> str:
    """Return the JSON Schema as the package holds it."""
    return json.dumps(file_schema(), indent=1, ensure_ascii=False) + "\n"


def page_text() -> str:
    """Return the page, in Markdown."""
    schema = file_schema()
    parts = [_HEAD, *_section("Top level", schema, 2)]
    for place, name in _PLACES.items():
        form = schema["$defs"][name]
        kinds = [kind for kind in form.get("anyOf", ()) if "properties" in kind]
        if not kinds:
            parts += _section(f"`{place}`", form, 2)
            continue
        parts.append(f"## `{place}`\n")
        for kind in kinds:
            parts += _section(f"`type: {kind['properties']['type']['const']}`", kind, 3)
    return "\n".join(parts)


def _section(title: str, form: Schema, depth: int) -> Iterator[str]:
    """Yield the heading of a place and the table of its keys."""
    yield f"{'#' * depth} {title}\n"
    yield "| key | type | default | meaning |\n| --- | --- | --- | --- |"
    for key, entry in form["properties"].items():
        needed = not _takes_null(entry) or key in form.get("required", ())
        default = "required" if needed else f"`{json.dumps(entry['default'])}`" if "default" in entry else ""
        cells = (f"`{key}`", " or ".join(_types(entry)), default, entry["description"])
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _takes_null(form: Schema) -> bool:
    return {"type": "null"} in form.get("anyOf", ()) or None in form.get("enum", ())


def _types(form: Schema) -> list[str]:
    """Return what a value may be, in words."""
    if "anyOf" in form:
        return list(dict.fromkeys(word for choice in form["anyOf"] for word in _types(choice)))
    if "const" in form:
        return [f"`{form['const']}`"]
    if "enum" in form:
        return [", ".join(f"`{value}`" for value in form["enum"] if value is not None)]
    if "$ref" in form:
        name = form["$ref"].rpartition("/")[2]
        place = next(place for place, named in _PLACES.items() if named == name)
        return [f"[{place}](#{_anchor(place)})"]
    if form["type"] == "array":
        return [f"list of {' or '.join(_types(form['items']))}"]
    entries = form.get("additionalProperties")
    if isinstance(entries, dict) and "anyOf" in entries:
        return [f"mapping of names to {' or '.join(_types(entries))}"]
    names = {"boolean": "true or false", "integer": "whole number", "number": "number", "object": "mapping"}
    name = names.get(form["type"], "text")
    return [] if form["type"] == "null" else [f"{name}{_bounds(form)}"]


def _bounds(form: dict[str, Any]) -> str:
    if "exclusiveMinimum" in form:
        return f" above {form['exclusiveMinimum']}"
    if "maximum" in form:
        return f", {form['minimum']} to {form['maximum']}"
    return f", {form['minimum']} or more" if "minimum" in form else ""


def _anchor(title: str) -> str:
    """Return the anchor that a heading gets."""
    return "".join(mark for mark in title.lower() if mark.isalnum() or mark in "_- ").replace(" ", "-")


def main() -> None:
    """Write both files."""
    SCHEMA_FILE.write_text(schema_text(), "utf-8")
    PAGE.write_text(page_text(), "utf-8")


if __name__ == "__main__":
    main()
