"""Request template: the path, parameters, headers and body of an endpoint's requests, with placeholders for values.

Loads and single requests use the same template.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from dlt.sources.rest_api.config_setup import expand_placeholders

from ecom_assets.client.responses import read_as_lines
from ecom_assets.contract.cursor_values import cursor_text
from ecom_assets.declaration.placeholders import END, START, placeholder_names, replace_placeholders
from ecom_assets.declaration.reading import Endpoint, Incremental
from ecom_assets.extract.answers.empty_answers import accept_without_body
from ecom_assets.extract.answers.ignored_answers import IgnoreAction, guarded, refuse_partial_match
from ecom_assets.extract.window_request import WindowRequest
from ecom_assets.foundation.errors import ApiError


@dataclass(frozen=True)
class Template:
    """The parts of a request, with placeholders as dlt writes them.

    `json_body` and `data` are None without such a body.
    """

    path: str
    params: Mapping[str, Any]
    headers: Mapping[str, str]
    json_body: Mapping[str, Any] | None
    data: Mapping[str, Any] | str | None = None

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
            expand_placeholders(
                dict(self.data) if isinstance(self.data, Mapping) else self.data, dict(values)
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
            if name and not (placeholder == END and incremental.open_ended):
                params[name] = f"{{{placeholder}}}"
    data = endpoint.data
    if isinstance(data, Mapping):
        data = {name: _json_booleans(value) for name, value in data.items()}
    return Template(path, params, dict(endpoint.headers), endpoint.json_body, data)


def window_values(request: WindowRequest, incremental: Incremental | None) -> dict[str, str | int]:
    """Return the values of a window's placeholders. Unix times are numbers, so that a JSON body has numbers."""
    values: dict[str, str | int] = {START: request.start, END: request.end}
    if incremental and incremental.format in ("unix", "unix_ms") and request.start:
        values = {name: int(value) for name, value in values.items()}
    if incremental and request.start:
        values = {name: converted(incremental, value) for name, value in values.items()}
    return values


def first_parameter(incremental: Incremental) -> str | int:
    """Return the value with which an open-ended endpoint is asked for all its records, before a type is known."""
    value = incremental.initial_value
    return converted(incremental, value if isinstance(value, int) else cursor_text(value))


def converted(incremental: Incremental, value: str | int) -> str | int:
    """Return what the function `convert` of a declaration makes of a bound; without one, the bound.

    Raises:
        ApiError: The function raised, or returned neither a text nor a number.
    """
    convert = incremental.convert
    if convert is None:
        return value
    try:
        result = convert(value)
    except Exception as error:
        raised = f"{type(error).__name__}: {error}"
    else:
        if isinstance(result, (str, int, float)) and not isinstance(result, bool):
            return result if isinstance(result, (str, int)) else str(result)
        raised = f"returned {type(result).__name__} where a text or a number is needed"
    raise ApiError(
        f"incremental.convert of {value!r}: {raised}; the function gets the bound in incremental.format"
    )


def response_actions(endpoint: Endpoint) -> list[Any] | None:
    """Return the response actions of an endpoint for dlt.

    `ignore` becomes an action that makes an empty page. dlt's own `ignore` ends the paging, and the pages that
    `SlicePaginator` holds back would be lost. It also searches the whole body for a declared content, so that it
    ignores a page of records which merely contains it. A function that raises fails the resource with one line.
    """
    own: list[Any] = [read_as_lines] if endpoint.records.form == "lines" else []
    if "204" in endpoint.empty_answers:
        own.append(accept_without_body)
    if not endpoint.response_actions:
        return own or None
    actions = [
        _response_action(position, action) for position, action in enumerate(endpoint.response_actions)
    ]
    ignoring = [
        (position, action) for position, action in enumerate(actions) if isinstance(action, IgnoreAction)
    ]
    if ignoring:
        actions.append(partial(refuse_partial_match, ignoring))
    return [*actions, *own]


def _response_action(position: int, action: Any) -> Any:
    where = f"response_actions[{position}]"
    if callable(action):
        return guarded(where, action)
    done = action.get("action")
    if done == "ignore":
        return IgnoreAction(action)
    if callable(done):
        return {**action, "action": guarded(where, done)}
    if isinstance(done, (list, tuple)):
        return {**action, "action": [guarded(where, function) for function in done]}
    return dict(action)


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
