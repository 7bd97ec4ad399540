"""Reads an OpenAPI 3 file: the API's address, its auth kinds, and the collections that can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecom_assets.discovery.description.described_endpoint import DescribedEndpoint
from ecom_assets.discovery.description.openapi_document import Node, open_document
from ecom_assets.discovery.description.openapi_schema import (
    data_type,
    described_table_of,
    example_answer,
    schema_at,
    schema_of,
)
from ecom_assets.discovery.exploration.response_structure import find_record_list, scalar_values
from ecom_assets.discovery.tables.described_fields import DescribedField
from ecom_assets.discovery.tables.naming import singular


@dataclass(frozen=True)
class ApiDescription:
    """A described API.

    `base_url` is empty where the file names no complete address. `auth` has the declaration's words. `endpoints` are
    by path.
    """

    base_url: str
    auth: Sequence[Mapping[str, Any]]
    endpoints: Mapping[str, DescribedEndpoint]


def read_openapi(file: Path) -> ApiDescription:
    """Read a description. Raises DeclarationError where the file is not an OpenAPI 3 file."""
    document = open_document(file)
    servers = [node.text("url") for _, node in document.each("servers")]
    base_url = next((url for url in servers if url.startswith("http") and "{" not in url), "")
    endpoints = {}
    for path, item in document.each("paths"):
        operation = item.get("get")
        endpoint = _described_endpoint(path, item, operation) if operation and "{" not in path else None
        if endpoint:
            endpoints[path] = endpoint
    return ApiDescription(base_url, _auth(document), endpoints)


def _described_endpoint(path: str, item: Node, operation: Node) -> DescribedEndpoint | None:
    """Return a collection, None where no answer holds a list of objects."""
    answer = _successful_answer(operation)
    schema = _json_schema(answer) if answer else None
    name = path.rstrip("/").rpartition("/")[2].removesuffix(".json").lower()
    example = example_answer(schema)
    records_path = find_record_list(example, name) if example is not None else None
    record_list = schema_at(schema, records_path) if schema and records_path is not None else None
    record = schema_of(record_list).items if record_list else None
    if answer is None or schema is None or record is None or not (table := described_table_of(record)).fields:
        return None
    other_fields = {}
    for field_path, _ in scalar_values(example, records_path or ()):
        node = schema_at(schema, field_path)
        if node:
            inner = schema_of(node)
            other_fields[field_path] = DescribedField(data_type(inner, field_path[-1]), inner.type)
    text = schema_of(record).description or operation.text("summary") or operation.text("description")
    return DescribedEndpoint(
        path=path,
        description=_sentence(text) if text else f"One row per {singular(name)}.",
        params=_query_params(item, operation),
        records_path=records_path or (),
        other_fields=other_fields,
        headers=tuple(header for header, _ in answer.each("headers")),
        table=table,
    )


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _successful_answer(operation: Node) -> Node | None:
    """Return the description of the answer with the lowest status 2xx, else of the default answer."""
    answers = dict(operation.each("responses"))
    successful = sorted(status for status in answers if status.startswith("2"))
    return answers[successful[0]] if successful else answers.get("default")


def _json_schema(answer: Node) -> Node | None:
    """Return the schema of an answer in JSON."""
    for media_type, content in answer.each("content"):
        if "json" in media_type or media_type == "*/*":
            return content.get("schema")
    return None


def _query_params(item: Node, operation: Node) -> dict[str, dict[str, Any]]:
    """Return the parameters in the query: type, format, bounds, default, and whether they are required."""
    params = {}
    for _, node in [*item.each("parameters"), *operation.each("parameters")]:
        if node.text("in") != "query" or not node.text("name"):
            continue
        schema_node = node.get("schema")
        schema = schema_of(schema_node) if schema_node else None
        param: dict[str, Any] = {
            "type": schema.type if schema else "",
            "format": schema.format if schema else "",
        }
        for key in ("minimum", "maximum", "default"):
            if schema_node and key in schema_node.content:
                param[key] = schema_node.content[key]
        params[node.text("name")] = {**param, "required": bool(node.content.get("required"))}
    return params


def _auth(document: Node) -> list[dict[str, Any]]:
    """Return the auth kinds of the first security requirement that can be declared."""
    components = document.get("components")
    schemes = dict(components.each("securitySchemes")) if components else {}
    requirements = [list(node.content) for _, node in document.each("security") if node.content]
    requirements = requirements or [[name] for name in schemes]
    for names in requirements:
        kinds = [_auth_kind(schemes[name]) for name in names if name in schemes]
        if kinds and all(kinds):
            return [kind for kind in kinds if kind]
    return []


def _auth_kind(scheme: Node) -> dict[str, Any] | None:
    kind, location = scheme.text("type"), scheme.text("in")
    if kind == "apiKey" and location in ("query", "header"):
        return {"type": "api_key", "name": scheme.text("name"), "location": location}
    if kind == "http" and scheme.text("scheme").lower() in ("basic", "bearer"):
        return {"type": "http_basic" if scheme.text("scheme").lower() == "basic" else "bearer"}
    flows = scheme.get("flows")
    flow = flows.get("clientCredentials") if flows else None
    if kind == "oauth2" and flow and flow.text("tokenUrl"):
        return {"type": "oauth2_client_credentials", "access_token_url": flow.text("tokenUrl")}
    return None
