"""What an open-ended resource needs: a start that its cursor can be compared with, and no end."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ecom_assets.declaration.api.incremental import Incremental
from ecom_assets.declaration.cursor_meaning import tells_change
from ecom_assets.declaration.error_text import Place, format_value, rule_error
from ecom_assets.declaration.placeholders import END, find_placeholders
from ecom_assets.declaration.resource import Resource
from ecom_assets.declaration.shop_rules.endpoints import instant_of_value
from ecom_assets.declaration.table.column import Column


def check_open_ended(place: Place, resource: Resource) -> None:
    """Check a resource whose loads read on from the cursor of the last one.

    Args:
        place: The place of the resource.
        resource: The open-ended resource, which has an endpoint of its own.

    Raises:
        PydanticCustomError: A part of the resource has no meaning without windows, or with this cursor.
    """
    endpoint, cursor = resource.endpoint, resource.cursor
    if endpoint is None or endpoint.incremental is None or cursor is None:
        return
    incremental, here = endpoint.incremental, (*place, "endpoint", "incremental")
    parts = {key: getattr(endpoint, key) for key in ("path", "params", "json_body", "data", "headers")}
    for key, part in parts.items():
        for inside, name in find_placeholders(part):
            if name == END:
                raise rule_error(
                    (*place, "endpoint", "json" if key == "json_body" else key, *inside),
                    f"{{{END}}} without partitions",
                    "only {incremental.start_value}, because each load reads up to the present; or partitions",
                )
    if cursor.inferred:
        return
    if cursor.pii:
        raise rule_error(
            (*place, "columns", cursor.name, "pii"),
            f"{format_value(cursor.pii)} on the cursor",
            "a cursor without pii, because the ledger keeps it and sends it back to the API",
        )
    if not _fits(incremental.initial_value, cursor, incremental):
        raise rule_error(
            (*here, "initial_value"),
            format_value(incremental.initial_value),
            f"a value of the cursor {cursor.name}, whose data_type is {cursor.data_type}",
        )
    if incremental.lag and cursor.data_type == "text":
        raise rule_error(
            (*here, "lag"),
            "lag with a cursor of data_type text",
            "lag with an instant, a date or a number; nothing can be subtracted from a text",
        )
    if resource.history and not tells_change(resource):
        raise rule_error(
            (*place, "write_disposition"),
            f"strategy scd2 with the cursor {cursor.name}, whose data_type is {cursor.data_type}",
            "a cursor that is an instant (timestamp, date, or bigint with format: unix or unix_ms), from which a state "
            "is valid; or another strategy",
        )


def _fits(value: Any, cursor: Column, incremental: Incremental) -> bool:
    """Tell whether `initial_value` can be compared with the values of a declared cursor."""
    if cursor.data_type in ("timestamp", "date"):
        return instant_of_value(value, incremental) is not None
    if cursor.data_type == "text":
        return True
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        return False
    return number.is_finite() and (cursor.data_type != "bigint" or number == int(number))
