"""The model of an endpoint: the path of a collection, the request for it, and where its answers have the records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from ecom_assets.declaration.api.answers import EmptyAnswers, ResponseActions
from ecom_assets.declaration.api.auth import Auths
from ecom_assets.declaration.api.fallback import (
    check_fallbacks,
)
from ecom_assets.declaration.api.incremental import Incremental
from ecom_assets.declaration.api.paginator import Paginator
from ecom_assets.declaration.api.record_shape import Records, RecordShape
from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_types import (
    EndpointPath,
    JsonPath,
    Text,
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

    path: EndpointPath = Field(
        description="Path of the collection below `base_url`; may hold placeholders. An empty one is `base_url` itself."
    )
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
    records: Records = Field(
        default=RecordShape(),
        description="The shape of the records at `data_selector`, if it is no list of objects: `numbered`, `map`, "
        "`lines`, or a mapping.",
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
    unconfirmed: Text | None = Field(
        default=None,
        description="Why nobody knows yet whether the paginator reads all records, as `discover` writes it. Checks and "
        "loads refuse the endpoint until you declare the paginator and remove this key.",
    )
    incremental: Incremental | None = Field(
        default=None, description="How to request a window; without it the resource is a snapshot."
    )

    @cached_property
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
        if self.incremental.cursor == "window" and not self.incremental.sends_end:
            raise value_error(
                "nothing",
                "the parameter that takes the end of a window, because cursor: window needs a request for each window",
                "incremental",
                "end_param",
            )
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
