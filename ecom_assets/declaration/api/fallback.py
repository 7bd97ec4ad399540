"""Fallbacks of a cursor: other fields that tell the window of records whose cursor is null.

An update time may be null until the first edit. No filter by it returns such a record, so each fallback has a filter of
its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_types import DottedText, Text
from ecom_assets.declaration.model import DeclarationModel


class Fallback(DeclarationModel):
    """One more field that tells the window of a record, with the parameters that filter by it."""

    cursor_path: DottedText = Field(
        description="The field that tells the window of a record whose cursor is null, such as `created_at`."
    )
    start_param: Text | None = Field(
        default=None, description="The parameter that takes the start of a window for this field."
    )
    end_param: Text | None = Field(
        default=None, description="The parameter that takes the end of a window for this field."
    )


def take_fallbacks(value: Any) -> Any:
    """Take a list of mappings."""
    if not isinstance(value, (list, tuple)):
        raise value_error(
            format_value(value), "a list of mappings with cursor_path, start_param and end_param"
        )
    return tuple(value)


def check_fallbacks(
    fallbacks: Sequence[Fallback],
    *,
    start_param: str | None,
    end_param: str | None,
    placeholders: Sequence[str],
) -> None:
    """Require that each fallback has parameters of its own exactly where the cursor has some.

    Args:
        fallbacks: The declared fallbacks.
        start_param: The cursor's parameter for the start of a window, None if it has none.
        end_param: The cursor's parameter for the end of a window, None if it has none.
        placeholders: The placeholders for a window that the endpoint has.

    Raises:
        PydanticCustomError: A parameter is missing, is one too many, or the window is in placeholders.
    """
    for position, fallback in enumerate(fallbacks):
        place = ("incremental", "fallbacks", position)
        if placeholders:
            raise rule_error(
                place,
                f"fallbacks with {' and '.join(placeholders)}",
                "fallbacks with start_param and end_param in incremental, because each list has a filter of its own",
            )
        for key, of_cursor in (("start_param", start_param), ("end_param", end_param)):
            given = getattr(fallback, key)
            if of_cursor and not given:
                raise rule_error(
                    (*place, key), "nothing", f"the parameter that filters by {fallback.cursor_path}"
                )
            if given and not of_cursor:
                raise rule_error(
                    (*place, key), f"{key}, which the cursor does not have", f"{key} in both, or in neither"
                )
