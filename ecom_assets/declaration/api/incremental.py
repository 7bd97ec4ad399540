"""The model of `incremental`: the cursor of an endpoint, and how to request one window of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, StrictBool, model_validator
from pydantic.json_schema import JsonSchemaValue
from typing_extensions import Self

from ecom_assets.declaration.api.fallback import (
    Fallback,
    expand_cursor_list,
    first_cursor,
    take_fallbacks,
)
from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_types import (
    TEXT_SCHEMA,
    DottedText,
    InstantFormat,
    Text,
    TimeZone,
    finite_number,
)
from ecom_assets.declaration.model import Check, DeclarationModel, Documented
from ecom_assets.declaration.placeholders import END, START


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


def _without_nulls(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value is not None}


class Incremental(DeclarationModel):
    """How to request one window of an endpoint: the cursor, the parameters and their format.

    Instead of using the parameters, the endpoint's path, params, json and headers may hold placeholders for the window.
    """

    NOT_IN_FILE: ClassVar[frozenset[str]] = frozenset({"convert"})

    cursor: Literal["field", "window"] = Field(
        default="field",
        description="`window` if no field of a record tells its window: a record belongs to the window it was asked "
        "for. `cursor_path` then names the column that takes the start of the window, `window_start` unless given.",
    )
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
        if not isinstance(data, Mapping):
            return data
        return expand_cursor_list(_without_nulls({"cursor_path": first_cursor(data), **data}))

    @model_validator(mode="after")
    def _check_window_cursor(self) -> Self:
        """Require a request for each window alone if only the request tells the window."""
        if self.cursor != "window":
            return self
        if "." in self.cursor_path:
            raise rule_error(("cursor_path",), format_value(self.cursor_path), "the name of a column")
        if self.fallbacks:
            raise rule_error(("fallbacks",), "fallbacks with cursor: window", "one of them")
        if not self.server_filter:
            raise rule_error(
                ("server_filter",),
                "false with cursor: window",
                "true, because only the request tells the window",
            )
        return self

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
