"""One declared collection of an API, as frozen models: where it is, and how it is asked for a window.

What its records are made into is `declared_resource`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, StrictBool, model_validator
from typing_extensions import Self

from ecom_assets.declaration.client import DeclarationModel
from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_check import Check, Documented
from ecom_assets.declaration.field_types import (
    DottedText,
    EndpointPath,
    InstantFormat,
    JsonPath,
    Text,
    TimeZone,
)
from ecom_assets.declaration.paginator import Paginator
from ecom_assets.declaration.placeholders import (
    ALLOWED,
    END,
    START,
    find_placeholders,
    parent_field,
    placeholder_names,
)


class Incremental(DeclarationModel):
    """How an endpoint is asked for a window: by which cursor, with which parameters, written in which way.

    In place of the parameters the endpoint's path, params, json and headers may hold the placeholders of a window.
    """

    cursor_path: DottedText = Field(
        description="The field that tells a record's window: a declared column that is not nullable."
    )
    start_param: Text | None = Field(default=None, description="The parameter for a window's start.")
    end_param: Text | None = Field(
        default=None,
        description="The parameter for a window's end; without it the windows of a run are read in one go.",
    )
    format: InstantFormat = Field(
        default="iso8601",
        description="How instants are written in the parameters, or a strftime pattern that tells days apart.",
    )
    timezone: TimeZone = Field(
        default="UTC", description="Of cursor values without an offset, and of naive parameters."
    )
    bounds: Literal["[)", "[]", "()", "(]"] = Field(
        default="[)", description="Which ends the API's parameters include."
    )
    server_filter: StrictBool = Field(
        default=True,
        description="False where the API has no such filter: all is read, and sorted into windows here.",
    )

    _placeholders: frozenset[str] = PrivateAttr(default=frozenset())

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Return the bounds of the window that the endpoint is told in placeholders, as it writes them."""
        return tuple(f"{{{name}}}" for name in (START, END) if name in self._placeholders)

    @property
    def sends_start(self) -> bool:
        """Tell whether the API is told where a window starts."""
        return self.server_filter and (self.start_param is not None or START in self._placeholders)

    @property
    def sends_end(self) -> bool:
        """Tell whether the API is told where a window ends."""
        return self.server_filter and (self.end_param is not None or END in self._placeholders)

    @property
    def parameter_names(self) -> str:
        """Return what a message calls the window's parameters."""
        named = [name for name in (self.start_param, self.end_param) if name]
        return ", ".join(named or self.placeholders)


def _response_actions(value: Any) -> Any:
    """Take dlt's list of what to do on an answer of a status or with a text in it."""
    if not isinstance(value, (list, tuple)):
        raise value_error(format_value(value), "a list of mappings")
    known = ("status_code", "content", "action")
    for position, action in enumerate(value):
        if not isinstance(action, Mapping):
            raise value_error(format_value(action), "a mapping", position)
        for key, given in action.items():
            if key not in known:
                raise value_error("an unknown key", ", ".join(known), position, key)
            if not isinstance(given, (str, int)) or isinstance(given, bool):
                raise value_error(format_value(given), "a text", position, key)
    return tuple(value)


_PARAMS = {"type": "object", "additionalProperties": {"not": {"type": "object"}}}
_ACTIONS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {key: {"type": ["string", "integer"]} for key in ("status_code", "content", "action")},
        "additionalProperties": False,
    },
}


class Endpoint(DeclarationModel):
    """One collection of the API, in dlt's words; `paginator` goes before the client's."""

    path: EndpointPath = Field(description="Path of the collection below `base_url`; may hold placeholders.")
    method: Literal["GET", "POST"] = Field(default="GET", description="How it is asked.")
    params: Annotated[Mapping[str, Any], Documented(_PARAMS)] = Field(
        default_factory=dict, description="Parameters of each request; may hold placeholders."
    )
    json_body: Mapping[str, Any] | None = Field(
        default=None, alias="json", description="JSON body of each request; may hold placeholders."
    )
    headers: Mapping[str, str] = Field(
        default_factory=dict, description="Headers of each request; may hold placeholders."
    )
    data_selector: JsonPath | None = Field(
        default=None, description="JSONPath to the list of records; the answer itself unless given."
    )
    paginator: Paginator | None = Field(
        default=None, description="The endpoint's paginator; the client's unless given."
    )
    response_actions: Annotated[tuple[Mapping[str, Any], ...], Check(_response_actions, _ACTIONS)] | None = (
        Field(
            default=None,
            description="What is done on a status or a text, as in dlt: `ignore` makes the answer an empty page.",
        )
    )
    incremental: Incremental | None = Field(
        default=None, description="How windows are asked for; without it the resource is a snapshot."
    )

    @property
    def parent(self) -> str | None:
        """Return the resource for each of whose records the endpoint is asked, None for one that is asked once."""
        names = placeholder_names(self.path, self.params, self.json_body, self.headers)
        return next((found.resource for name in names if (found := parent_field(name))), None)

    @model_validator(mode="after")
    def _fillable(self) -> Self:
        """Check the placeholders, and that a window is asked for somehow unless the API cannot filter."""
        for name, value in self.params.items():
            if isinstance(value, Mapping):
                raise value_error(
                    "a mapping", "a text, a number, true, false or a list of them", "params", name
                )
        used: set[str] = set()
        parts = {"path": self.path, "params": self.params, "json": self.json_body, "headers": self.headers}
        for part, value in parts.items():
            for place, name in find_placeholders(value):
                self._check_placeholder(name, (part, *place))
                used.add(name)
        parents = sorted({found.resource for name in used if (found := parent_field(name))})
        if len(parents) > 1:
            raise rule_error(("path",), f"fields of {' and '.join(parents)}", "fields of one resource")
        if self.incremental is None:
            return self
        if parents:
            raise rule_error(
                ("incremental",),
                f"incremental beside a field of {parents[0]}",
                f"null, because its rows belong to the windows of {parents[0]}",
            )
        self.incremental._placeholders = frozenset(used & {START, END})
        if self.incremental.server_filter and not self.incremental.sends_start:
            raise value_error(
                "nothing",
                "the parameter for a window's start, or server_filter: false",
                "incremental",
                "start_param",
            )
        return self

    def _check_placeholder(self, name: str, place: tuple[str | int, ...]) -> None:
        """Refuse a placeholder that nothing fills."""
        bound = place == ("path",) and name in self.params
        if name not in (START, END) and not bound and parent_field(name) is None:
            # another text might be a secret in braces
            plain = re.fullmatch(r"[a-z_.]{1,40}", name)
            raise value_error(
                f"{{{name}}}" if plain else "a brace that encloses none of these", ALLOWED, *place
            )
        if name in (START, END) and self.incremental is None:
            raise value_error(f"{{{name}}}", "a placeholder of a window beside incremental only", *place)
