"""Names of tables and columns as dlt makes them: `variantTypes` and `variant-types` become `variant_types`.

Only a name with another character than those of a lower snake_case name changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ecom_assets.declaration.field_types import NAMING

_OTHER, _TAKEN = r"(?=.*[^a-z0-9_])", r"[A-Za-z0-9_./:+ -]+"
_FOLDED = re.compile(_OTHER + _TAKEN)
"""A name that is not yet in lower snake_case. Letters of other alphabets have no place in one, and are refused."""
_PLACEHOLDER = re.compile(r"(?<!\{)\{resources\.([^.{}]+)\.")
FOLDED_PATTERN = rf"^{_OTHER}(?=.*[A-Za-z]){_TAKEN}$"
"""The same for a JSON Schema, with a letter in it."""


def table_name(given: Any) -> Any:
    """Return the name of the table of a resource; what no table can be named after stays."""
    if not isinstance(given, str) or not _FOLDED.fullmatch(given):
        return given
    name = NAMING.normalize_identifier(given)
    return name if re.fullmatch(r"[a-z][a-z0-9_]*", name) else given


def column_name(given: Any) -> Any:
    """Return the name of a column; what no column can be named after stays."""
    if not isinstance(given, str) or not _FOLDED.fullmatch(given):
        return given
    return NAMING.normalize_path(given)


def field_with_table_name(field: Any, resources: Iterable[Any]) -> Any:
    """Return a field such as `_variantTypes_id`, which comes from a parent, as `_variant_types_id`."""
    for resource in resources:
        prefix = f"_{resource}_"
        if isinstance(field, str) and isinstance(resource, str) and field.startswith(prefix):
            return f"_{table_name(resource)}_{field.removeprefix(prefix)}"
    return field


def with_table_names(value: Any) -> Any:
    """Return a part of an endpoint in which each placeholder of a parent, and `type: resolve`, names its table."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: f"{{resources.{table_name(found[1])}.", value)
    if isinstance(value, (list, tuple)):
        return [with_table_names(entry) for entry in value]
    if not isinstance(value, Mapping):
        return value
    named = {key: with_table_names(entry) for key, entry in value.items()}
    if named.get("type") == "resolve":
        named["resource"] = table_name(named.get("resource"))
    return named
