"""dlt's processing steps of a resource: which steps there are, and where they may stand.

See `ecom_assets.extract.processing` for applying them to records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ecom_assets.declaration.error_text import allowed_keys, format_value, rule_error, value_error

STEPS = ("filter", "map", "yield_map")
"""The kinds of steps, in the order in which dlt applies those of one mapping."""


def take_steps(value: Any) -> Any:
    """Check a list of mappings of step to function."""
    if not isinstance(value, (list, tuple)):
        raise value_error(format_value(value), "a list of mappings")
    for position, step in enumerate(value):
        if not isinstance(step, Mapping):
            raise value_error(format_value(step), f"a mapping with {', '.join(STEPS)}", position)
        for key, function in step.items():
            if key not in STEPS:
                raise value_error("an unknown key", allowed_keys(key, STEPS), position, key)
            if not callable(function):
                raise value_error(format_value(function), "a function of Python", position, key)
    return tuple(value)


def check_steps(steps: Sequence[Mapping[str, Any]], *, has_endpoint: bool, sweeps: bool) -> None:
    """Check that steps stand where whole records are read.

    Raises:
        PydanticCustomError: The resource is a nested list, or has delete detection.
    """
    if not steps:
        return
    place = ("processing_steps",)
    if not has_endpoint:
        raise rule_error(
            place, "processing_steps with rows_from", "processing_steps on the resource that holds the list"
        )
    if sweeps:
        raise rule_error(
            place,
            "processing_steps with deletes",
            "only one of them: a sweep reads only keys, from which a step cannot tell what it keeps",
        )
