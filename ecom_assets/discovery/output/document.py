"""A discovered shop as the text of its YAML file, with the evidence of each guess in a comment beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import yaml

from ecom_assets.declaration.reading import SCHEMA_FILE
from ecom_assets.discovery.exploration.requests import with_fields
from ecom_assets.discovery.guess import Found
from ecom_assets.discovery.tables.columns import ColumnDraft
from ecom_assets.discovery.tables.tables import TableDraft

_LONGEST = 200
_HEAD = f"""\
# yaml-language-server: $schema={SCHEMA_FILE.name}
# Found out by `ecom-assets discover`. A comment says what speaks for the guess beside it; look at each, and then
# at what `ecom-assets check` says.
"""


@dataclass
class ShopDraft:
    """A shop to be declared; `auth` in the words of the declaration, never with a secret."""

    name: str
    base_url: str
    auth: Sequence[Mapping[str, Any]] = ()
    allow_http: bool = False
    tables: list[TableDraft] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def flow(value: Any) -> str:
    """Write a value of YAML in one line, as YAML 1.1 reads it back."""
    text = yaml.safe_dump(value, default_flow_style=True, width=2**30, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def comment(*parts: str) -> str:
    """Return what goes behind a value, nothing where there is nothing to say."""
    text = _one_line("; ".join(part for part in parts if part))
    return f"  # {text}" if text else ""


def _one_line(text: str) -> str:
    """Return a text fit for a comment; the API's own words in it may hold any character."""
    text = " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def written(shop: ShopDraft) -> str:
    """Return the text of the file."""
    usual = _usual_paginator(shop.tables)
    lines = [
        _HEAD.rstrip("\n"),
        *(f"# {_one_line(note)}" for note in shop.notes),
        f"name: {flow(shop.name)}",
        "client:",
    ]
    lines.append(f"  base_url: {flow(shop.base_url)}")
    if shop.allow_http:
        lines.append("  allow_http: true")
    if shop.auth:
        auth = [dict(entry) for entry in shop.auth]
        lines.append(f"  auth: {flow(auth[0] if len(auth) == 1 else auth)}")
    if usual:
        first = next(
            table.found for table in shop.tables if table.found and paginator_of(table.found) == usual
        )
        total = first.total.why if first.total else "the number of records is said nowhere"
        lines.append(f"  paginator: {flow(usual)}{comment(first.paging.why, _size(first), total)}")
    lines += _partitions(shop.tables)
    lines.append("resources:")
    for table in shop.tables:
        lines += resource_lines(table, usual)
    return "\n".join(lines) + "\n"


def _size(found: Found) -> str:
    return found.paging.size_why if found.paging.size_param else ""


def paginator_of(found: Found) -> dict[str, Any]:
    """Return an endpoint's paginator with the place of its total."""
    paginator = {**found.paging.paginator, **(found.total.value if found.total else {})}
    if found.body is None:
        return paginator
    named = {"offset": "offset", "page_number": "page", "cursor": "cursor"}.get(paginator["type"], "")
    for name in ("limit", "offset") if named == "offset" else (named,) if named else ():
        path = paginator.pop(f"{name}_param", name)
        if name != "limit" or found.paging.size_param:
            paginator[f"{name}_body_path"] = path
    return paginator


def _body_of(found: Found) -> dict[str, Any]:
    """Return the body of every request: what was named, but for what the paginator puts in."""
    paths = [str(value) for key, value in paginator_of(found).items() if key.endswith("_body_path")]
    return with_fields(_without(found.body or {}, paths), found.paging.params)


def _without(body: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """Return a body without some dotted paths, and without what is empty then."""
    left = {}
    for name, value in body.items():
        if name in paths:
            continue
        inner = [path.removeprefix(f"{name}.") for path in paths if path.startswith(f"{name}.")]
        if inner and isinstance(value, Mapping):
            value = _without(value, inner)
            if not value:
                continue
        left[name] = value
    return left


def _usual_paginator(tables: Sequence[TableDraft]) -> dict[str, Any] | None:
    """Return the paginator of the most endpoints, None where they have single pages."""
    kinds = [paginator_of(table.found) for table in tables if table.found]
    paged = [kind for kind in kinds if kind["type"] != "single_page"]
    if not paged:
        return None
    most = Counter(map(repr, paged)).most_common(1)[0][0]
    return next(kind for kind in paged if repr(kind) == most)


def _partitions(tables: Sequence[TableDraft]) -> list[str]:
    windowed = [table.found for table in tables if table.found and table.found.filter]
    if not windowed:
        return []
    moments = [found.oldest for found in windowed if found.oldest]
    day = (min(moments) if moments else datetime(datetime.now(timezone.utc).year, 1, 1)).strftime("%Y-%m-%d")
    why = "no record that was seen changed before" if moments else "not known: the first day that is wanted"
    return [f"partitions: {{every: day, start: {flow(day)}}}{comment(why)}"]


def resource_lines(table: TableDraft, usual: Mapping[str, Any] | None) -> list[str]:
    """Return the lines of one resource, as an entry of `resources`."""
    lines = [f"  # {note}" for note in map(_one_line, table.notes)]
    lines += [f"  - name: {flow(table.name)}", f"    description: {flow(table.description)}"]
    if table.parent:
        lines.append(f"    rows_from: {flow({'resource': table.parent, 'path': '.'.join(table.list_path)})}")
    if table.include:
        lines.append(f"    include_from_parent: {flow(table.include)}")
    key = table.key.value[0] if len(table.key.value) == 1 else table.key.value
    lines.append(f"    primary_key: {flow(key)}{comment(table.key.why)}")
    if table.found:
        lines += _endpoint(table.found, usual)
    lines.append("    columns:")
    return lines + [f"      {column_line(column)}" for column in table.columns]


def _endpoint(found: Found, usual: Mapping[str, Any] | None) -> list[str]:
    lines = ["    endpoint:", f"      path: {flow(found.path)}"]
    params = {**found.params, **(found.paging.params if found.body is None else {})}
    if found.body is not None:
        lines += ["      method: POST", f"      json: {flow(_body_of(found))}"]
    if params:
        lines.append(
            f"      params: {flow(params)}{comment(found.paging.size_why if found.paging.params else '')}"
        )
    lines.append(f"      data_selector: {flow(found.selector.value)}{comment(found.selector.why)}")
    paginator = paginator_of(found)
    if paginator != usual and not (usual is None and paginator == {"type": "single_page"}):
        total = found.total.why if found.total else "the number of records is said nowhere"
        lines.append(f"      paginator: {flow(paginator)}{comment(found.paging.why, total)}")
    if found.actions:
        lines.append(f"      response_actions: {flow(found.actions)}{comment(found.actions_why)}")
    if found.filter:
        lines.append("      incremental:")
        for name, value in found.filter.incremental.items():
            lines.append(f"        {name}: {flow(value)}{comment(found.filter.why.get(name, ''))}")
    return lines


def column_line(column: ColumnDraft) -> str:
    """Return the line of one column."""
    return f"{flow(column.name)}: {flow(column_body(column))}{comment(*column.why)}"


def column_body(column: ColumnDraft) -> dict[str, Any]:
    """Return what is declared of a column."""
    body: dict[str, Any] = {"data_type": column.kind.data_type}
    if column.kind.precision is not None:
        body |= {"precision": column.kind.precision, "scale": column.kind.scale}
    if not column.nullable:
        body["nullable"] = False
    implied = (column.name,) if column.name.startswith("_") else tuple(column.name.split("__"))
    if column.path != implied:
        body["path"] = ".".join(column.path)
    if column.references:
        body["references"] = column.references
    if column.description:
        body["description"] = column.description
    return body
