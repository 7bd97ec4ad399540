"""The type of a cron expression in a declaration."""

from __future__ import annotations

from typing import Annotated, Any

from ecom_assets.declaration.error_text import format_value, value_error
from ecom_assets.declaration.model import Check, text_schema
from ecom_assets.foundation.cron import Cron


def _cron(value: Any) -> Any:
    """Check a cron expression as Dagster reads it."""
    allowed = 'a cron expression of five fields, such as "0 3 * * *"; or a word such as @daily'
    if not isinstance(value, str):
        raise value_error(format_value(value), allowed)
    try:
        Cron(value)
    except ValueError as error:
        raise value_error(f"{format_value(value)}, with {error}", allowed) from None
    return value


CronText = Annotated[str, Check(_cron, text_schema(r"\s*(@[A-Za-z]+|\S+(\s+\S+){4})\s*"))]
