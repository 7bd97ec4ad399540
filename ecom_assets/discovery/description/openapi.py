"""What an OpenAPI 3 file says of an API: its address, its auth kinds, and the collections that can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecom_assets.discovery.description.endpoint import DescribedEndpoint, DescribedField
from ecom_assets.discovery.description.openapi_document import Node, open_document
from ecom_assets.discovery.description.openapi_schema import at, data_type, example, schema_of, table_of
from ecom_assets.discovery.exploration.rows import find_rows, scalars
from ecom_assets.discovery.tables.naming import singular


@dataclass(frozen=True)
class Description:
    """A described API. `base_url` is empty where the file names no whole address; endpoints are by path."""

    base_url: str
    auth: Sequence[Mapping[str, Any]]
    endpoints: Mapping[str, DescribedEndpoint]


def read_openapi(file: Path) -> Description:
    """Read a description; raises DeclarationError for what is no OpenAPI 3 file."""
    document = open_document(file)
    servers = [node.text("url") for _, node in document.each("servers")]
    base_url = next((url for url in servers if url.startswith("http") and "{" not in url), "")
    endpoints = {}
    for path, item in document.each("paths"):
        operation = item.get("get")
        endpoint = _endpoint(path, item, operation) if operation and "{" not in path else None
        if endpoint:
            endpoints[path] = endpoint
    return Description(base_url, _auth(document), endpoints)


def _endpoint(path: str, item: Node, operation: Node) -> DescribedEndpoint | None:
    """Return a collection, None where an answer holds no list of objects."""
    answer = _answer(operation)
    schema = _content(answer) if answer else None
    name = path.rstrip("/").rpartition("/")[2].removesuffix(".json").lower()
    shape = example(schema)
    rows_at = find_rows(shape, name) if shape is not None else None
    listed = at(schema, rows_at) if schema and rows_at is not None else None
    records = schema_of(listed).items if listed else None
    if answer is None or schema is None or records is None or not (table := table_of(records)).fields:
        return None
    outside = {}
    for where, _ in scalars(shape, rows_at or ()):
        found = at(schema, where)
        if found:
            inner = schema_of(found)
            outside[where] = DescribedField(data_type(inner, where[-1]), inner.type)
    told = schema_of(records).description or operation.text("summary") or operation.text("description")
    return DescribedEndpoint(
        path=path,
        description=_sentence(told) if told else f"One row per {singular(name)}.",
        params=_params(item, operation),
        rows_at=rows_at or (),
        outside=outside,
        headers=tuple(header for header, _ in answer.each("headers")),
        table=table,
    )


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _answer(operation: Node) -> Node | None:
    """Return the description of the usual answer."""
    answers = dict(operation.each("responses"))
    good = sorted(status for status in answers if status.startswith("2"))
    return answers[good[0]] if good else answers.get("default")


def _content(answer: Node) -> Node | None:
    """Return the schema of an answer in JSON."""
    kinds = answer.each("content")
    for kind, content in kinds:
        if "json" in kind or kind == "*/*":
            return content.get("schema")
    return None


def _params(item: Node, operation: Node) -> dict[str, dict[str, Any]]:
    """Return the parameters in the query: type, format, bounds, default, and whether it must be there."""
    found = {}
    for _, node in [*item.each("parameters"), *operation.each("parameters")]:
        if node.text("in") != "query" or not node.text("name"):
            continue
        schema = node.get("schema")
        said = schema_of(schema) if schema else None
        about: dict[str, Any] = {"type": said.type if said else "", "format": said.format if said else ""}
        for key in ("minimum", "maximum", "default"):
            if schema and key in schema.content:
                about[key] = schema.content[key]
        found[node.text("name")] = {**about, "required": bool(node.content.get("required"))}
    return found


def _auth(document: Node) -> list[dict[str, Any]]:
    """Return the auth kinds of the first requirement that can be declared."""
    components = document.get("components")
    schemes = dict(components.each("securitySchemes")) if components else {}
    wanted = [list(node.content) for _, node in document.each("security") if node.content]
    wanted = wanted or [[name] for name in schemes]
    for names in wanted:
        kinds = [_kind(schemes[name]) for name in names if name in schemes]
        if kinds and all(kinds):
            return [kind for kind in kinds if kind]
    return []


def _kind(scheme: Node) -> dict[str, Any] | None:
    kind, place = scheme.text("type"), scheme.text("in")
    if kind == "apiKey" and place in ("query", "header"):
        return {"type": "api_key", "name": scheme.text("name"), "location": place}
    if kind == "http" and scheme.text("scheme").lower() in ("basic", "bearer"):
        return {"type": "http_basic" if scheme.text("scheme").lower() == "basic" else "bearer"}
    flows = scheme.get("flows")
    flow = flows.get("clientCredentials") if flows else None
    if kind == "oauth2" and flow and flow.text("tokenUrl"):
        return {"type": "oauth2_client_credentials", "access_token_url": flow.text("tokenUrl")}
    return None
