"""What a request of an endpoint says: its path, parameters, headers and body, the same for loading and for probing.

Where values come in stand placeholders; how a window's instants are written is `windows`'.
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
from ecom_assets.extract.windows import WindowRequest
from ecom_assets.foundation.errors import ApiError


@dataclass(frozen=True)
class Template:
    """The parts of a request, with placeholders in dlt's words; `json_body` is None for a request without one."""

    path: str
    params: Mapping[str, Any]
    headers: Mapping[str, str]
    json_body: Mapping[str, Any] | None

    def filled(self, values: Mapping[str, Any]) -> Template:
        """Return the request with values for its placeholders; a value alone in the body keeps its type."""
        return Template(
            expand_placeholders(
                self.path, {name: in_path(values[name]) for name in placeholder_names(self.path)}
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
    """Return what a request of an endpoint says; the parameters of a window, if wanted, are placeholders too."""
    params = {name: _parameter(value) for name, value in endpoint.params.items()}
    # as in dlt, a parameter that the path names belongs there
    bound = {name: str(params.pop(name)) for name in placeholder_names(endpoint.path) & params.keys()}
    path = replace_placeholders(endpoint.path, lambda name: bound.get(name, f"{{{name}}}"))
    incremental = endpoint.incremental
    if in_window and incremental and incremental.server_filter:
        for name, placeholder in ((incremental.start_param, START), (incremental.end_param, END)):
            if name:
                params[name] = f"{{{placeholder}}}"
    return Template(path, params, dict(endpoint.headers), endpoint.json_body)


def window_values(asked: WindowRequest, incremental: Incremental | None) -> dict[str, str | int]:
    """Return the values of a window's placeholders; an instant that is a number is one in a body too."""
    values: dict[str, str | int] = {START: asked.start, END: asked.end}
    if incremental and incremental.format in ("unix", "unix_ms") and asked.start:
        values = {name: int(value) for name, value in values.items()}
    return values


def response_actions(endpoint: Endpoint) -> list[Any] | None:
    """Return dlt's response actions; what one ignores becomes an empty page.

    Of itself it would end the paging before the pages that are held back were handed over.
    """
    if not endpoint.response_actions:
        return None
    return [
        {**action, "action": _ignore} if action.get("action") == "ignore" else dict(action)
        for action in endpoint.response_actions
    ]


def _ignore(response: Response, *args: Any, **kwargs: Any) -> Response:
    response.status_code = 200
    response._content = b"{}"
    response.ignored = True  # type: ignore[attr-defined]
    return response


def in_path(value: Any) -> str:
    """Return a value as one segment of a path, whatever characters it has.

    Raises ApiError for `.` and `..`, which no address can hold: another place would be asked.
    """
    text = str(value)
    if text in (".", ".."):
        raise ApiError(f"a request's path cannot have {text!r} in place of a placeholder")
    return quote(text, safe="")


def _parameter(value: Any) -> Any:
    """Write true and false as JSON does, and not as Python does."""
    if isinstance(value, bool):
        return str(value).lower()
    return [_parameter(entry) for entry in value] if isinstance(value, (list, tuple)) else value
