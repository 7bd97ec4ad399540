"""Fallbacks of a cursor: other fields that tell the window of records whose cursor is null.

An update time may be null until the first edit. No filter by it returns such a record, so each fallback has a filter of
its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_types import DottedText, Text
from ecom_assets.declaration.model import DeclarationModel

WINDOW_START = "window_start"
"""The default name of the column with the start of a record's window, if no field of the record tells it."""


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


def cursor_of(resource: Mapping[str, Any]) -> Any:
    """Return the `cursor_path` of a resource as a file has it, None without one; see `first_cursor`."""
    endpoint = resource.get("endpoint")
    return first_cursor(endpoint.get("incremental")) if isinstance(endpoint, Mapping) else None


def first_cursor(incremental: Any) -> Any:
    """Return the `cursor_path` of `incremental` as a file has it; of a list the first, as the others are fallbacks."""
    cursor = incremental.get("cursor_path") if isinstance(incremental, Mapping) else None
    if cursor is None and isinstance(incremental, Mapping) and incremental.get("cursor") == "window":
        return WINDOW_START
    return cursor[0] if isinstance(cursor, (list, tuple)) and cursor else cursor


def expand_cursor_list(incremental: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `incremental` as a file has it, with `fallbacks` in place of a list in `cursor_path`.

    The lists in `start_param` and `end_param` have one parameter for each field, in the same order.

    Raises:
        PydanticCustomError: The lists do not fit together, or `fallbacks` are declared as well.
    """
    paths = incremental.get("cursor_path")
    params = {name: incremental.get(name) for name in ("start_param", "end_param")}
    if not isinstance(paths, (list, tuple)):
        for name, given in params.items():
            if isinstance(given, (list, tuple)):
                raise value_error(
                    "a list of parameters",
                    f"one parameter, or {name} and cursor_path both as lists of the same length",
                    name,
                )
        return incremental
    if not paths or not all(isinstance(path, str) and path.strip() for path in paths):
        raise value_error(
            format_value(paths),
            "a field, or a list of fields such as [updated_at, created_at], each with names separated by dots",
            "cursor_path",
        )
    if len(set(paths)) < len(paths):
        raise value_error("a field twice", "each field once", "cursor_path")
    if incremental.get("fallbacks"):
        raise value_error(
            "a list of fields beside fallbacks", "one field with fallbacks, or a list without", "cursor_path"
        )
    fields: list[dict[str, Any]] = [{"cursor_path": path} for path in paths]
    for name, given in params.items():
        if given is None:
            continue
        wanted = [given] if len(paths) == 1 and isinstance(given, str) else given
        if not isinstance(wanted, (list, tuple)) or len(wanted) != len(paths):
            raise value_error(
                format_value(given),
                f"a list with one parameter for each of {', '.join(paths)}, in this order, because each field has a "
                "filter of its own",
                name,
            )
        for field, parameter in zip(fields, wanted, strict=True):
            field[name] = parameter
    first, *others = fields
    return {**incremental, **first, "fallbacks": others}


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
