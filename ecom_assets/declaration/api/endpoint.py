"""The models of an endpoint: the path of a collection, and the request for one window of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, StrictBool, model_validator
from typing_extensions import Self

from ecom_assets.declaration.api.auth import Auths
from ecom_assets.declaration.api.paginator import Paginator
from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_types import (
    DottedText,
    EndpointPath,
    InstantFormat,
    JsonPath,
    Text,
    TimeZone,
    finite_number,
)
from ecom_assets.declaration.model import Check, DeclarationModel, Documented
from ecom_assets.declaration.placeholders import (
    ALLOWED,
    END,
    START,
    find_placeholders,
    parent_field,
    placeholder_names,
)


def _initial_value(value: Any) -> Any:
    """Take a text, a number, a date or an instant."""
    if isinstance(value, (str, int, float, date)) and not isinstance(value, bool):
        return value
    raise value_error(format_value(value), "a date, an instant or a number, as the cursor has it")


_INITIAL_VALUE_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]}


def _function(value: Any) -> Any:
    """Take a function."""
    if not callable(value):
        raise value_error(format_value(value), "a function of Python")
    return value


class Incremental(DeclarationModel):
    """How to request one window of an endpoint: the cursor, the parameters and their format.

    Instead of using the parameters, the endpoint's path, params, json and headers may hold placeholders for the window.
    """

    NOT_IN_FILE: ClassVar[frozenset[str]] = frozenset({"convert"})

    cursor_path: DottedText = Field(
        description="The field that tells a record's window: the path of a declared column that is not nullable."
    )
    start_param: Text | None = Field(
        default=None, description="The parameter that takes the start of a window."
    )
    end_param: Text | None = Field(
        default=None,
        description="The parameter that takes the end of a window; without it, a run reads all windows in one pass.",
    )
    format: InstantFormat = Field(
        default="iso8601",
        description="Format of instants in the parameters: a named one, or a strftime pattern with at least the day.",
    )
    timezone: TimeZone = Field(
        default="UTC",
        description="Time zone of cursor values without an offset, and of parameters without one.",
    )
    bounds: Literal["[)", "[]", "()", "(]"] = Field(
        default="[)", description="Which ends of a window the API's parameters include."
    )
    server_filter: StrictBool = Field(
        default=True,
        description="False if the API has no such filter: every run reads everything, and assigns it to windows here.",
    )
    initial_value: Annotated[Any, Check(_initial_value, _INITIAL_VALUE_SCHEMA)] = Field(
        default=None,
        description="dlt's start of the first window; must be the instant of `partitions.start`.",
    )
    lag: Annotated[float, finite_number("a number of seconds, 0 or more", 0)] | None = Field(
        default=None,
        description="dlt's seconds to read again before a window; at most those of `policy.lookback`.",
    )
    convert: Annotated[Any, Check(_function, {})] = None
    """Only in Python: returns what the API takes for a bound of a window, which it gets in `format`."""

    _placeholders: frozenset[str] = PrivateAttr(default=frozenset())

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Return the placeholders for a window's start and end that the endpoint uses, with their braces."""
        return tuple(f"{{{name}}}" for name in (START, END) if name in self._placeholders)

    @property
    def sends_start(self) -> bool:
        """Tell whether a request states the start of its window."""
        return self.server_filter and (self.start_param is not None or START in self._placeholders)

    @property
    def sends_end(self) -> bool:
        """Tell whether a request states the end of its window."""
        return self.server_filter and (self.end_param is not None or END in self._placeholders)

    @property
    def parameter_names(self) -> str:
        """Return the names of the window's parameters, or else its placeholders, as one text for messages."""
        named = [name for name in (self.start_param, self.end_param) if name]
        return ", ".join(named or self.placeholders)


def _response_actions(value: Any) -> Any:
    """Check dlt's list of actions for responses with a given status or text; in Python, functions may act."""
    if not isinstance(value, (list, tuple)):
        raise value_error(format_value(value), "a list of mappings")
    known = ("status_code", "content", "action")
    for position, action in enumerate(value):
        if callable(action):
            continue
        if not isinstance(action, Mapping):
            raise value_error(format_value(action), "a mapping", position)
        for key, given in action.items():
            if key not in known:
                raise value_error("an unknown key", ", ".join(known), position, key)
            functions = given if isinstance(given, (list, tuple)) and given else [given]
            if key == "action" and all(map(callable, functions)):
                continue
            if not isinstance(given, (str, int)) or isinstance(given, bool):
                raise value_error(format_value(given), "a text", position, key)
    return tuple(value)


def _data(value: Any) -> Any:
    """Take the fields of a form, or a text."""
    if isinstance(value, Mapping):
        for name, entry in value.items():
            if isinstance(entry, Mapping):
                raise value_error(
                    "a mapping",
                    "a text, a number, true, false or a list of these; json for a JSON body",
                    name,
                )
        return value
    if isinstance(value, str):
        return value
    raise value_error(format_value(value), "a mapping of form fields, or a text")


_PARAMS_SCHEMA = {"type": "object", "additionalProperties": {"not": {"type": "object"}}}
_DATA_SCHEMA = {"anyOf": [_PARAMS_SCHEMA, {"type": "string"}, {"type": "null"}]}
_ACTIONS_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {key: {"type": ["string", "integer"]} for key in ("status_code", "content", "action")},
        "additionalProperties": False,
    },
}


class Endpoint(DeclarationModel):
    """One collection of the API, in dlt's words. Its `paginator` overrides the client's."""

    path: EndpointPath = Field(description="Path of the collection below `base_url`; may hold placeholders.")
    method: Literal["GET", "POST"] = Field(default="GET", description="HTTP method of the request.")
    params: Annotated[Mapping[str, Any], Documented(_PARAMS_SCHEMA)] = Field(
        default_factory=dict, description="Parameters of each request; may hold placeholders."
    )
    json_body: Mapping[str, Any] | None = Field(
        default=None, alias="json", description="JSON body of each request; may hold placeholders."
    )
    data: Annotated[Mapping[str, Any] | str | None, Check(_data, _DATA_SCHEMA)] = Field(
        default=None,
        description="Body of each request that is no JSON: a mapping is sent as a form, a text as it is; may hold "
        "placeholders.",
    )
    headers: Mapping[str, str] = Field(
        default_factory=dict, description="Headers of each request; may hold placeholders."
    )
    auth: Auths | None = Field(
        default=None, description="Auth of this endpoint's requests, instead of the client's."
    )
    data_selector: JsonPath | None = Field(
        default=None, description="JSONPath to the list of records; the whole response body unless given."
    )
    paginator: Paginator | None = Field(
        default=None, description="The endpoint's paginator; the client's unless given."
    )
    response_actions: Annotated[tuple[Any, ...], Check(_response_actions, _ACTIONS_SCHEMA)] | None = Field(
        default=None,
        description="Actions on responses by status or text, as in dlt; `ignore` treats the response as an empty page.",
    )
    incremental: Incremental | None = Field(
        default=None, description="How to request a window; without it the resource is a snapshot."
    )

    @property
    def parent(self) -> str | None:
        """Return the resource whose fields the placeholders stand for, None if there is none.

        The endpoint is then requested once for each record of that resource.
        """
        fields = map(parent_field, self.placeholder_names())
        return next((field.resource for field in fields if field), None)

    @property
    def _parts(self) -> dict[str, Any]:
        """Return the parts that may hold placeholders, by key."""
        return {
            "path": self.path,
            "params": self.params,
            "json": self.json_body,
            "data": self.data,
            "headers": self.headers,
        }

    def placeholder_names(self) -> frozenset[str]:
        """Return the names of all placeholders of the endpoint."""
        return placeholder_names(*self._parts.values())

    @model_validator(mode="after")
    def _check_request(self) -> Self:
        """Check the placeholders, and that a request states its window unless the API cannot filter."""
        for name, value in self.params.items():
            if isinstance(value, Mapping):
                raise value_error(
                    "a mapping", "a text, a number, true, false or a list of these", "params", name
                )
        if self.data is not None and self.json_body is not None:
            raise rule_error(("data",), "both json and data", "only one of json, data")
        used: set[str] = set()
        for part, value in self._parts.items():
            for place, name in find_placeholders(value):
                self._check_placeholder(name, (part, *place))
                used.add(name)
        parents = sorted({found.resource for name in used if (found := parent_field(name))})
        if len(parents) > 1:
            raise rule_error(
                ("path",), f"fields of {' and '.join(parents)}", "placeholders for fields of one resource"
            )
        if self.incremental is None:
            return self
        if parents:
            raise rule_error(
                ("incremental",),
                f"incremental with a field of {parents[0]} in the endpoint",
                f"null, because its rows belong to the windows of {parents[0]}",
            )
        self.incremental._placeholders = frozenset(used & {START, END})
        if self.incremental.server_filter and not self.incremental.sends_start:
            raise value_error(
                "nothing",
                "the parameter that takes the start of a window, or server_filter: false if the API has none",
                "incremental",
                "start_param",
            )
        return self

    def _check_placeholder(self, name: str, place: tuple[str | int, ...]) -> None:
        """Refuse a placeholder that nothing can fill."""
        is_param = place == ("path",) and name in self.params
        if name not in (START, END) and not is_param and parent_field(name) is None:
            # any other text in braces might be a secret
            is_plain = re.fullmatch(r"[a-z_.]{1,40}", name)
            raise value_error(
                f"{{{name}}}" if is_plain else "a brace that belongs to no placeholder", ALLOWED, *place
            )
        if name in (START, END) and self.incremental is None:
            raise value_error(
                f"{{{name}}}", "a placeholder for a window only if the endpoint has incremental", *place
            )
