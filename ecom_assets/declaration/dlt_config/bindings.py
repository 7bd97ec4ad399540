"""Bind what dlt spells in one place of a resource and means for another, once its defaults are merged.

The path defaults to the name. A parameter with `type: resolve` becomes a placeholder in the path, `references` and
`primary_key` of columns become those that the models know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ecom_assets.declaration.api.fallback import cursor_of
from ecom_assets.declaration.dlt_config.incremental_words import with_known_placeholders
from ecom_assets.declaration.dlt_config.names import column_name, table_name
from ecom_assets.declaration.dlt_config.refusals import Fail, take_keys
from ecom_assets.declaration.dlt_config.table_keys import COLUMN, REFERENCE
from ecom_assets.declaration.error_text import Place, allowed_keys, format_value
from ecom_assets.declaration.table.inferred_columns import key_column_name

_RESOLVE_KEYS = ("type", "resource", "field")
_TEXTS = "a list of texts"


def bind_resource(given: dict[str, Any], place: Place, fail: Fail) -> dict[str, Any]:
    """Return a merged resource in the form of the models.

    Args:
        given: The resource, with `resource_defaults` merged into it.
        place: Its place in the document.
        fail: Makes the error for a place, given what was found and what is allowed.

    Raises:
        DeclarationError: A parameter, a reference or a key contradicts another part of the resource.
    """
    resource = dict(given)
    if resource.get("rows_from") is None and resource.get("endpoint", {}) in (None, {}):
        resource["endpoint"] = {}
    if isinstance(resource.get("endpoint"), dict):
        endpoint = dict(resource["endpoint"])
        if endpoint.get("path") is None and isinstance(resource.get("name"), str):
            endpoint["path"] = resource["name"]
        endpoint = with_known_placeholders(endpoint)
        resource["endpoint"] = _with_resolved_params(endpoint, (*place, "endpoint"), fail)
    if isinstance(resource.get("columns"), dict):
        resource["columns"] = dict(resource["columns"])
        _take_written_paths(resource)
        _take_column_hints(resource, place, fail)
    if "references" in resource:
        _take_references(resource, place, fail)
    return resource


def _with_resolved_params(endpoint: dict[str, Any], place: Place, fail: Fail) -> dict[str, Any]:
    """Return an endpoint whose path has a placeholder for each parameter with `type: resolve`."""
    params, path = endpoint.get("params"), endpoint.get("path")
    if not isinstance(params, Mapping):
        return endpoint
    left = {}
    for name, value in params.items():
        here = (*place, "params", name)
        if not isinstance(value, Mapping):
            left[name] = value
            continue
        if value.get("type") != "resolve":
            found = "nothing" if value.get("type") is None else format_value(value["type"])
            raise fail((*here, "type"), found, "resolve or incremental; other parameters are no mappings")
        for key in value:
            if key not in _RESOLVE_KEYS:
                raise fail((*here, key), "an unknown key", allowed_keys(key, _RESOLVE_KEYS))
        parent, field = value.get("resource"), value.get("field")
        if not isinstance(parent, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", parent):
            raise fail((*here, "resource"), _found(parent), "the name of the parent resource")
        if not isinstance(field, str) or not re.fullmatch(r"[^.{}\[\]*]+(\.[^.{}\[\]*]+)*", field):
            raise fail(
                (*here, "field"), _found(field), "the field of the parent, with dots, such as buyer.id"
            )
        if not isinstance(path, str) or f"{{{name}}}" not in path:
            raise fail(
                here,
                f"a parameter with type resolve that the path {format_value(path)} does not name",
                f"{{{name}}} in the path, or the text {{resources.{parent}.{field.removeprefix('$.')}}} as the "
                "parameter",
            )
        path = path.replace(f"{{{name}}}", f"{{resources.{parent}.{field.removeprefix('$.')}}}")
    return {**endpoint, "path": path, "params": left}


def _found(value: Any) -> str:
    return "nothing" if value is None else format_value(value)


def _take_written_paths(resource: dict[str, Any]) -> None:
    """Give the columns of key and cursor the path that the key and the cursor are written with.

    Other columns take the field whose name becomes theirs.
    """
    keys = resource.get("primary_key")
    written = [*(keys if isinstance(keys, (list, tuple)) else [keys]), cursor_of(resource)]
    for path in written:
        name = _column_of(path)
        column = resource["columns"].get(name)
        if path != name and isinstance(column, Mapping) and column.get("data_type"):
            resource["columns"][name] = {"path": path, **column}


def _column_of(path: Any) -> Any:
    """Return the name of the column of a field by its path with dots."""
    return "__".join(map(key_column_name, path.split("."))) if isinstance(path, str) else None


def _take_column_hints(resource: dict[str, Any], place: Place, fail: Fail) -> None:
    """Turn `primary_key` and `dedup_sort` of columns into what holds for the resource."""
    columns = resource["columns"]
    in_key = []
    cursor = cursor_of(resource)
    for name, body in columns.items():
        if not isinstance(body, Mapping):
            continue
        column = dict(body)
        here = (*place, "columns", name)
        part_of_key = column.pop("primary_key", None)
        if part_of_key not in (None, True, False):
            raise fail((*here, "primary_key"), format_value(part_of_key), "true or false")
        if part_of_key:
            in_key.append(name)
            column.setdefault("nullable", False)
        key = COLUMN.find("dedup_sort")
        is_cursor = (column.get("path") or name.replace("__", ".")) == cursor or name == _column_of(cursor)
        if column.pop("dedup_sort", None) is not None and not is_cursor:
            raise fail(
                (*here, "dedup_sort"), "dedup_sort on a column that is no cursor", key.instead if key else ""
            )
        columns[name] = column
    if not in_key:
        return
    declared = resource.get("primary_key")
    names = [declared] if isinstance(declared, str) else declared
    if names is None:
        resource["primary_key"] = in_key
    elif not isinstance(names, (list, tuple)) or set(map(key_column_name, names)) != set(in_key):
        key = COLUMN.find("primary_key")
        raise fail(
            (*place, "columns", in_key[0], "primary_key"),
            f"true for {', '.join(in_key)}, while primary_key of the resource says otherwise",
            key.instead if key else "",
        )


def _take_references(resource: dict[str, Any], place: Place, fail: Fail) -> None:
    """Turn dlt's references of a table into those of its columns."""
    references = resource.pop("references")
    here = (*place, "references")
    if references is None:
        return
    if not isinstance(references, (list, tuple)):
        raise fail(here, format_value(references), "a list of mappings")
    columns = resource.get("columns")
    columns = columns if isinstance(columns, dict) else {}
    for position, given in enumerate(references):
        at = (*here, position)
        if not isinstance(given, Mapping):
            raise fail(at, format_value(given), "a mapping")
        entry = take_keys(REFERENCE, given, at, fail)
        for key in entry:
            if REFERENCE.find(key) is None:
                allowed = allowed_keys(key, (known.key for known in REFERENCE.keys))
                raise fail((*at, key), "an unknown key", allowed)
        if entry.get("table") not in (None, resource.get("name")):
            raise fail((*at, "table"), format_value(entry["table"]), "the resource's own name, or nothing")
        target = table_name(entry.get("referenced_table"))
        if not isinstance(target, str):
            raise fail((*at, "referenced_table"), _found(target), "the name of a resource")
        own, others = (_names(entry.get(key), (*at, key), fail) for key in ("columns", "referenced_columns"))
        if len(own) != len(others):
            raise fail(
                (*at, "referenced_columns"),
                f"{len(others)} columns for {len(own)}",
                "as many columns as in columns",
            )
        for name, other in zip(map(column_name, own), others, strict=True):
            if not isinstance(columns.get(name), Mapping):
                raise fail((*at, "columns"), format_value(name), "declared columns of this resource")
            columns[name] = {"references": f"{target}.{column_name(other)}", **columns[name]}


def _names(value: Any, place: Place, fail: Fail) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise fail(place, _found(value), _TEXTS)
    return list(names)
