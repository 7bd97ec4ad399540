"""Writes a discovered shop as the text of a YAML file, with the evidence for each guess in a comment beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import yaml

from ecom_assets.declaration.reading import SCHEMA_FILE
from ecom_assets.discovery.endpoint_draft import EndpointDraft
from ecom_assets.discovery.evidence import assumed, described, marked
from ecom_assets.discovery.exploration.endpoint_client import with_fields
from ecom_assets.discovery.tables.columns import ColumnDraft
from ecom_assets.discovery.tables.table_draft import TableDraft

_MAX_COMMENT_LENGTH = 200
_HEADER = f"""\
# yaml-language-server: $schema={SCHEMA_FILE.name}
# Written by `ecom-assets discover`. Each comment is the evidence for the guess beside it: seen in the API's answers
# unless it says `described` or `assumed`. Review the guesses, then run `ecom-assets check`.
"""


@dataclass
class ShopDraft:
    """A shop to be declared; `auth` has the words of the declaration, and never a secret."""

    name: str
    base_url: str
    auth: Sequence[Mapping[str, Any]] = ()
    allow_http: bool = False
    tables: list[TableDraft] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def flow_yaml(value: Any) -> str:
    """Return a value as YAML in one line; YAML 1.1 reads back the same value."""
    text = yaml.safe_dump(value, default_flow_style=True, width=2**30, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def comment(*parts: str) -> str:
    """Return a comment to put after a value, empty where all parts are empty."""
    text = _one_line("; ".join(marked(part) for part in parts if part))
    return f"  # {text}" if text else ""


def _one_line(text: str) -> str:
    """Return a text without line breaks and control characters, which an API's own words may hold."""
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return text if len(text) <= _MAX_COMMENT_LENGTH else f"{text[:_MAX_COMMENT_LENGTH]}…"


def shop_yaml(shop: ShopDraft) -> str:
    """Return the text of a shop's file."""
    usual_paginator = _usual_paginator(shop.tables)
    lines = [
        _HEADER.rstrip("\n"),
        *(f"# {_one_line(note)}" for note in shop.notes),
        f"name: {flow_yaml(shop.name)}",
        "client:",
    ]
    lines.append(f"  base_url: {flow_yaml(shop.base_url)}")
    if shop.allow_http:
        lines.append("  allow_http: true")
    if shop.auth:
        auth = [dict(entry) for entry in shop.auth]
        lines.append(f"  auth: {flow_yaml(auth[0] if len(auth) == 1 else auth)}")
    if usual_paginator:
        first = next(
            table.endpoint
            for table in shop.tables
            if table.endpoint and paginator_of(table.endpoint) == usual_paginator
        )
        total = _total_evidence(first)
        lines.append(
            f"  paginator: {flow_yaml(usual_paginator)}{comment(first.paging.evidence, _size(first), total)}"
        )
    lines += _partition_lines(shop.tables)
    lines.append("resources:")
    for table in shop.tables:
        lines += resource_lines(table, usual_paginator)
    return "\n".join(lines) + "\n"


def _size(endpoint: EndpointDraft) -> str:
    return endpoint.paging.size_evidence if endpoint.paging.size_param else ""


def _total_evidence(endpoint: EndpointDraft) -> str:
    if endpoint.total:
        return endpoint.total.evidence
    return "the API reports no total" if endpoint.requests else described("no total is described")


def paginator_of(endpoint: EndpointDraft) -> dict[str, Any]:
    """Return an endpoint's paginator, with the place of the total, and with body paths where it is a POST."""
    paginator = {**endpoint.paging.paginator, **(endpoint.total.value if endpoint.total else {})}
    if endpoint.body is None:
        # a page size that no parameter asks for is that of the API's own pages
        has_own_size = paginator["type"] == "offset" and endpoint.requests and not endpoint.paging.size_param
        return paginator | ({"send_limit": False} if has_own_size else {})
    names = {
        "offset": ("limit", "offset"),
        "page_number": ("page",),
        "cursor": ("cursor",),
    }
    for name in names.get(paginator["type"], ()):
        path = paginator.pop(f"{name}_param", name)
        if name != "limit" or endpoint.paging.size_param:
            paginator[f"{name}_body_path"] = path
    return paginator


def _body_of(endpoint: EndpointDraft) -> dict[str, Any]:
    """Return the body of every request: the user's, without the fields that the paginator sets."""
    paths = [str(value) for key, value in paginator_of(endpoint).items() if key.endswith("_body_path")]
    return with_fields(_without_fields(endpoint.body or {}, paths), endpoint.paging.params)


def _without_fields(body: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """Return a body without the fields at some dotted paths, and without objects that become empty."""
    rest = {}
    for name, value in body.items():
        if name in paths:
            continue
        inner = [path.removeprefix(f"{name}.") for path in paths if path.startswith(f"{name}.")]
        if inner and isinstance(value, Mapping):
            value = _without_fields(value, inner)
            if not value:
                continue
        rest[name] = value
    return rest


def _usual_paginator(tables: Sequence[TableDraft]) -> dict[str, Any] | None:
    """Return the paginator that most endpoints have, None where all of them have a single page."""
    kinds = [paginator_of(table.endpoint) for table in tables if table.endpoint]
    paged = [kind for kind in kinds if kind["type"] != "single_page"]
    if not paged:
        return None
    commonest = Counter(map(repr, paged)).most_common(1)[0][0]
    return next(kind for kind in paged if repr(kind) == commonest)


def _partition_lines(tables: Sequence[TableDraft]) -> list[str]:
    windowed = [table.endpoint for table in tables if table.endpoint and table.endpoint.time_filter]
    if not windowed:
        return []
    instants = [endpoint.oldest for endpoint in windowed if endpoint.oldest]
    day = (min(instants) if instants else datetime(datetime.now(timezone.utc).year, 1, 1)).strftime(
        "%Y-%m-%d"
    )
    evidence = (
        "no record of the sample changed before"
        if instants
        else assumed("not known: set the first day to load")
    )
    return [f"partitions: {{every: day, start: {flow_yaml(day)}}}{comment(evidence)}"]


def resource_lines(table: TableDraft, usual_paginator: Mapping[str, Any] | None) -> list[str]:
    """Return the lines of one entry of `resources`.

    Args:
        table: The resource.
        usual_paginator: The paginator of the client, which the resource does not repeat.
    """
    lines = [f"  # {note}" for note in map(_one_line, table.notes)]
    lines += [f"  - name: {flow_yaml(table.name)}", f"    description: {flow_yaml(table.description)}"]
    if table.parent:
        lines.append(
            f"    rows_from: {flow_yaml({'resource': table.parent, 'path': '.'.join(table.list_path)})}"
        )
    if table.include:
        lines.append(f"    include_from_parent: {flow_yaml(table.include)}")
    key = table.key.value[0] if len(table.key.value) == 1 else table.key.value
    lines.append(f"    primary_key: {flow_yaml(key)}{comment(table.key.evidence)}")
    if table.endpoint:
        lines += _endpoint_lines(table.endpoint, usual_paginator)
    lines.append("    columns:")
    return lines + [f"      {column_line(column)}" for column in table.columns]


def _endpoint_lines(endpoint: EndpointDraft, usual_paginator: Mapping[str, Any] | None) -> list[str]:
    lines = ["    endpoint:", f"      path: {flow_yaml(endpoint.path)}"]
    params = {**endpoint.params, **(endpoint.paging.params if endpoint.body is None else {})}
    if endpoint.body is not None:
        lines += ["      method: POST", f"      json: {flow_yaml(_body_of(endpoint))}"]
    if params:
        evidence = endpoint.paging.size_evidence if endpoint.paging.params else ""
        window = endpoint.time_filter.evidence.get("params", "") if endpoint.time_filter else ""
        lines.append(f"      params: {flow_yaml(params)}{comment(evidence, window)}")
    if endpoint.time_filter and endpoint.time_filter.headers:
        evidence = endpoint.time_filter.evidence.get("headers", "")
        lines.append(f"      headers: {flow_yaml(dict(endpoint.time_filter.headers))}{comment(evidence)}")
    lines.append(
        f"      data_selector: {flow_yaml(endpoint.data_selector.value)}{comment(endpoint.data_selector.evidence)}"
    )
    if endpoint.shape:
        lines.append(f"      records: {flow_yaml(endpoint.shape.value)}{comment(endpoint.shape.evidence)}")
    paginator = paginator_of(endpoint)
    if paginator != usual_paginator and not (
        usual_paginator is None and paginator == {"type": "single_page"}
    ):
        total = _total_evidence(endpoint)
        lines.append(f"      paginator: {flow_yaml(paginator)}{comment(endpoint.paging.evidence, total)}")
    if endpoint.unconfirmed:
        lines.append(
            f"      unconfirmed: {flow_yaml(endpoint.unconfirmed)}  # declare the paginator, then remove this"
        )
    if endpoint.actions:
        lines.append(
            f"      response_actions: {flow_yaml(endpoint.actions)}{comment(endpoint.actions_evidence)}"
        )
    if endpoint.empty_answers:
        evidence = "so the API answers a request that no record meets"
        lines.append(f"      empty_answers: {flow_yaml(endpoint.empty_answers)}{comment(evidence)}")
    if endpoint.time_filter:
        lines.append("      incremental:")
        for name, value in endpoint.time_filter.incremental.items():
            lines.append(
                f"        {name}: {flow_yaml(value)}{comment(endpoint.time_filter.evidence.get(name, ''))}"
            )
    return lines


def column_line(column: ColumnDraft) -> str:
    """Return the line of one column, with its comment."""
    return f"{flow_yaml(column.name)}: {flow_yaml(column_body(column))}{comment(*column.evidence)}"


def column_body(column: ColumnDraft) -> dict[str, Any]:
    """Return the keys that declare a column."""
    body: dict[str, Any] = {"data_type": column.type.data_type}
    if column.type.precision is not None:
        body |= {"precision": column.type.precision, "scale": column.type.scale}
    if not column.nullable:
        body["nullable"] = False
    implied_path = (column.name,) if column.name.startswith("_") else tuple(column.name.split("__"))
    if column.path != implied_path:
        body["path"] = ".".join(column.path)
    if column.references:
        body["references"] = column.references
    if column.description:
        body["description"] = column.description
    return body
