"""Turns a Swagger 2.0 document into OpenAPI 3, as far as the reading of collections needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FLOWS = {
    "application": "clientCredentials",
    "accessCode": "authorizationCode",
    "implicit": "implicit",
    "password": "password",
}
_SCHEMA_KEYS = ("type", "format", "items", "minimum", "maximum", "default", "enum")


def as_openapi(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Swagger 2.0 document with the servers, answers, parameters and security schemes of OpenAPI 3.

    References keep their targets: `definitions`, `parameters` and `responses` stay where they are.
    """
    schemes = document.get("securityDefinitions")
    components = {name: _security_scheme(scheme) for name, scheme in _entries(schemes)}
    return {
        **document,
        "openapi": "3.0.3",
        "servers": _servers(document),
        "components": {"securitySchemes": components},
        "paths": {path: _path_item(item) for path, item in _entries(document.get("paths"))},
        "parameters": {name: _parameter(entry) for name, entry in _entries(document.get("parameters"))},
        "responses": {name: _response(entry) for name, entry in _entries(document.get("responses"))},
    }


def _entries(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, Mapping) else []


def _servers(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    host, base_path = document.get("host"), document.get("basePath")
    path = base_path if isinstance(base_path, str) else ""
    if not isinstance(host, str) or not host:
        return [{"url": path}] if path else []
    schemes = document.get("schemes")
    names = [name for name in schemes if isinstance(name, str)] if isinstance(schemes, list) else []
    scheme = "http" if names and "https" not in names else "https"
    return [{"url": f"{scheme}://{host}{'' if path == '/' else path}"}]


def _path_item(item: Any) -> Any:
    if not isinstance(item, Mapping):
        return item
    changed = {name: _operation(entry) for name, entry in item.items()}
    if isinstance(item.get("parameters"), list):
        changed["parameters"] = [_parameter(entry) for entry in item["parameters"]]
    return changed


def _operation(operation: Any) -> Any:
    if not isinstance(operation, Mapping):
        return operation
    changed = dict(operation)
    if isinstance(operation.get("parameters"), list):
        changed["parameters"] = [_parameter(entry) for entry in operation["parameters"]]
    changed["responses"] = {
        status: _response(entry) for status, entry in _entries(operation.get("responses"))
    }
    return changed


def _parameter(parameter: Any) -> Any:
    if not isinstance(parameter, Mapping) or "$ref" in parameter or "schema" in parameter:
        return parameter
    return {**parameter, "schema": {key: parameter[key] for key in _SCHEMA_KEYS if key in parameter}}


def _response(response: Any) -> Any:
    if not isinstance(response, Mapping) or "schema" not in response:
        return response
    return {**response, "content": {"application/json": {"schema": response["schema"]}}}


def _security_scheme(scheme: Any) -> Any:
    if not isinstance(scheme, Mapping):
        return scheme
    if scheme.get("type") == "basic":
        return {"type": "http", "scheme": "basic"}
    flow = _FLOWS.get(str(scheme.get("flow")))
    if scheme.get("type") == "oauth2" and flow:
        return {**scheme, "flows": {flow: {"tokenUrl": scheme.get("tokenUrl")}}}
    return scheme
