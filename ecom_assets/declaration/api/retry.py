"""The policy's keys about retries: which statuses are retried, and where an API says how long to wait."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_types import JsonPath, Text, Texts
from ecom_assets.declaration.model import Check, DeclarationModel


class RetryAfter(DeclarationModel):
    """Where an API says how long to wait, if it is in none of the usual headers."""

    header: Text | None = Field(default=None, description="Name of the header; this or `path`.")
    path: JsonPath | None = Field(
        default=None, description="JSONPath in the body of the refusal; this or `header`."
    )
    unit: Literal["seconds", "milliseconds"] = Field(
        default="seconds", description="Unit of a plain number. A number from 1e9 on is an instant instead."
    )

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        """Refuse both places, and none."""
        if (self.header is None) == (self.path is None):
            raise rule_error((), "neither" if self.path is None else "both", "one of header and path")
        return self


class RetryErrors(DeclarationModel):
    """How an API tells of a temporary error, such as a throttle, in the body of a successful response."""

    path: JsonPath = Field(description="JSONPath in the body to the error's code or text.")
    values: Texts = Field(description="The values there that are retried, as a response with status 429 is.")


def _check_statuses(value: Any) -> Any:
    """Check that statuses are HTTP errors, each once."""
    allowed = "a list of HTTP statuses from 400 to 599, each once"
    if not isinstance(value, (list, tuple)) or len(set(map(repr, value))) < len(value):
        raise value_error(format_value(value), allowed)
    for status in value:
        if not isinstance(status, int) or isinstance(status, bool) or not 400 <= status <= 599:
            raise value_error(format_value(status), allowed)
    return tuple(value)


RetryStatuses = Annotated[
    tuple[int, ...],
    Check(
        _check_statuses,
        {"type": "array", "items": {"type": "integer", "minimum": 400, "maximum": 599}, "uniqueItems": True},
    ),
]
