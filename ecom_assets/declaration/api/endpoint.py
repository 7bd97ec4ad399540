"""The models of an endpoint: the path of a collection, and the request for one window of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, StrictBool, model_validator
from pydantic.json_schema import JsonSchemaValue
from typing_extensions import Self

from ecom_assets.declaration.api.answers import EmptyAnswers, ResponseActions
from ecom_assets.declaration.api.auth import Auths
from ecom_assets.declaration.api.fallback import (
    Fallback,
    check_fallbacks,
    expand_cursor_list,
    take_fallbacks,
)
from ecom_assets.declaration.api.paginator import Paginator
from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_types import (
    TEXT_SCHEMA,
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


def _one_or_list(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Allow a list of what a schema describes as well."""
    return {"anyOf": [schema, {"type": "array", "items": TEXT_SCHEMA, "minItems": 1}]}


class Incremental(DeclarationModel):
    """How to request one window of an endpoint: the cursor, the parameters and their format.

    Instead of using the parameters, the endpoint's path, params, json and headers may hold placeholders for the window.
    """

    NOT_IN_FILE: ClassVar[frozenset[str]] = frozenset({"convert"})

    cursor_path: Annotated[DottedText, Documented(_one_or_list)] = Field(
        description="The field that tells a record's window: the path of a declared column that is not nullable. "
        "A list is short for `fallbacks`; `start_param` and `end_param` are lists then, too."
    )
    start_param: Annotated[Text | None, Documented(_one_or_list)] = Field(
        default=None, description="The parameter that takes the start of a window."
    )
    end_param: Annotated[Text | None, Documented(_one_or_list)] = Field(
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
    fallbacks: Annotated[tuple[Fallback, ...], Check(take_fallbacks, lambda schema: schema)] = Field(
        default=(),
        description="Other fields, in order, that tell the window of a record whose cursor is null. Each takes one "
        "more list a window. Their values go into the cursor's column.",
    )
    initial_value: Annotated[Any, Check(_initial_value, _INITIAL_VALUE_SCHEMA)] = Field(
        default=None,
        description="Without `partitions`: the cursor from which the first load reads; each later one reads on from "
        "the cursor that the ledger has. With `partitions`: their `start`.",
    )
    lag: Annotated[float, finite_number("a number of seconds, 0 or more", 0)] | None = Field(
        default=None,
        description="How far to read again: seconds, days of a date, or the difference of other numbers. With "
        "`partitions`, at most the seconds of `policy.lookback`.",
    )
    convert: Annotated[Any, Check(_function, {})] = None
    """Only in Python: returns what the API takes for a bound of a window, which it gets in `format`."""

    _placeholders: frozenset[str] = PrivateAttr(default=frozenset())
    _open_ended: bool = PrivateAttr(default=False)

    @model_validator(mode="before")
    @classmethod
    def _expand_cursor_list(cls, data: Any) -> Any:
        """Take a list of cursors as one with fallbacks."""
        return expand_cursor_list(data) if isinstance(data, Mapping) else data

    @property
    def open_ended(self) -> bool:
        """Tell whether each load reads on from the cursor of the last one, without windows."""
        return self._open_ended

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
        named = self.end_param is not None or END in self._placeholders
        return self.server_filter and named and not self.open_ended

    @property
    def parameter_names(self) -> str:
        """Return the names of the window's parameters, or else its placeholders, as one text for messages."""
        named = [name for name in (self.start_param, self.end_param) if name]
        return ", ".join(named or self.placeholders)


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
        default=None,
        description="JSONPath to the list of records. Unless given, the response body is the list, holds it, or is one "
        "record.",
    )
    paginator: Paginator | None = Field(
        default=None, description="The endpoint's paginator; the client's unless given."
    )
    response_actions: ResponseActions | None = Field(
        default=None,
        description="Actions on responses by status or text, as in dlt; `ignore` treats the response as an empty page.",
    )
    errors_path: JsonPath | None = Field(
        default=None,
        description="JSONPath to errors beside the data of a successful response; anything there fails the slice.",
    )
    empty_answers: EmptyAnswers = Field(
        default=(),
        description="How the API says that there are no records, apart from an empty list at `data_selector`: "
        "`missing` for a list that is left out, `null`, `[]`, `{}`, `false`, or `204` for a response without a body.",
    )
    verify: Literal["twice", "once"] = Field(
        default="twice",
        description="`once` saves the second reading of a list of several pages; it needs a total and a fixed order.",
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
        check_fallbacks(
            self.incremental.fallbacks,
            start_param=self.incremental.start_param if self.incremental.server_filter else None,
            end_param=self.incremental.end_param if self.incremental.server_filter else None,
            placeholders=self.incremental.placeholders,
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
