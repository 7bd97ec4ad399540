"""Request template: the path, parameters, headers and body of an endpoint's requests, with placeholders for values.

Loads and single requests use the same template.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from dlt.sources.rest_api.config_setup import expand_placeholders
from requests import Response

from ecom_assets.declaration.placeholders import END, START, placeholder_names, replace_placeholders
from ecom_assets.declaration.reading import Endpoint, Incremental
from ecom_assets.extract.window_request import WindowRequest
from ecom_assets.foundation.errors import ApiError


@dataclass(frozen=True)
class Template:
    """The parts of a request, with placeholders as dlt writes them. `json_body` is None if there is no body."""

    path: str
    params: Mapping[str, Any]
    headers: Mapping[str, str]
    json_body: Mapping[str, Any] | None

    def fill(self, values: Mapping[str, Any]) -> Template:
        """Return the request with values in place of its placeholders.

        A text of the body that is one placeholder and nothing else becomes the value itself, with its type.
        """
        return Template(
            expand_placeholders(
                self.path, {name: path_segment(values[name]) for name in placeholder_names(self.path)}
            ),
            expand_placeholders(dict(self.params), dict(values)),
            expand_placeholders(dict(self.headers), dict(values)),
            expand_placeholders(
                None if self.json_body is None else dict(self.json_body),
                dict(values),
                preserve_value_type=True,
            ),
        )


def template_of(endpoint: Endpoint, *, in_window: bool = True) -> Template:
    """Return the request template of an endpoint.

    Args:
        endpoint: The declared endpoint.
        in_window: Whether to add the declared start and end parameters of a window, as placeholders.
    """
    params = {name: _json_booleans(value) for name, value in endpoint.params.items()}
    # as in dlt, a parameter that the path names goes into the path
    path_params = {name: str(params.pop(name)) for name in placeholder_names(endpoint.path) & params.keys()}
    path = replace_placeholders(endpoint.path, lambda name: path_params.get(name, f"{{{name}}}"))
    incremental = endpoint.incremental
    if in_window and incremental and incremental.server_filter:
        for name, placeholder in ((incremental.start_param, START), (incremental.end_param, END)):
            if name:
                params[name] = f"{{{placeholder}}}"
    return Template(path, params, dict(endpoint.headers), endpoint.json_body)


def window_values(request: WindowRequest, incremental: Incremental | None) -> dict[str, str | int]:
    """Return the values of a window's placeholders. Unix times are numbers, so that a JSON body has numbers."""
    values: dict[str, str | int] = {START: request.start, END: request.end}
    if incremental and incremental.format in ("unix", "unix_ms") and request.start:
        values = {name: int(value) for name, value in values.items()}
    return values


def response_actions(endpoint: Endpoint) -> list[Any] | None:
    """Return the endpoint's response actions for dlt, with `ignore` replaced by an action that makes an empty page.

    dlt's own `ignore` ends the paging, and the pages that `SlicePaginator` holds back would be lost.
    """
    if not endpoint.response_actions:
        return None
    return [
        {**action, "action": _make_empty_page} if action.get("action") == "ignore" else dict(action)
        for action in endpoint.response_actions
    ]


def _make_empty_page(response: Response, *args: Any, **kwargs: Any) -> Response:
    response.status_code = 200
    response._content = b"{}"
    response.ignored = True  # type: ignore[attr-defined]
    return response


def path_segment(value: Any) -> str:
    """Return a value as one segment of a path, with its special characters escaped.

    Raises:
        ApiError: The value is `.` or `..`. As a segment they lead to another path, and they cannot be escaped.
    """
    text = str(value)
    if text in (".", ".."):
        raise ApiError(f"a request's path cannot have {text!r} in place of a placeholder")
    return quote(text, safe="")


def _json_booleans(value: Any) -> Any:
    """Return a parameter with true and false written as in JSON, not as in Python."""
    if isinstance(value, bool):
        return str(value).lower()
    return [_json_booleans(entry) for entry in value] if isinstance(value, (list, tuple)) else value
