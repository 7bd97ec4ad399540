"""Whether, and how, records that are gone from an API are looked for: `deletes`, and the column it brings along.

Finding and marking them is `sweeping`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from ecom_assets.declaration.client import DeclarationModel
from ecom_assets.declaration.column import Column
from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_check import Check
from ecom_assets.declaration.placeholders import find_placeholders

if TYPE_CHECKING:
    from ecom_assets.declaration.resource import Resource

DELETED_AT = Column(
    name="deleted_at",
    data_type="timestamp",
    description="When a sweep found that the API no longer has the record; null while it has.",
)
"""The column that a table has beside the declared ones where deletes are looked for."""

MAX_DELETED = 0.2


class DeleteDetection(DeclarationModel):
    """Reading all keys of a collection; `params` go before the endpoint's own, such as `fields: id`."""

    by: Literal["sweep"] = Field(description="How: by reading all keys of the collection.")
    params: Mapping[str, Any] = Field(
        default_factory=dict,
        description="Parameters of the sweep, which go before the endpoint's own, such as `fields: id`.",
    )


def _deletes(value: Any) -> Any:
    """Take the bare word for a mapping with nothing else in it."""
    if value == "sweep":
        return {"by": value}
    if isinstance(value, (Mapping, DeleteDetection)):
        return value
    raise value_error(format_value(value), "sweep, or a mapping with by: sweep and params")


Deletes = Annotated[DeleteDetection, Check(_deletes, lambda form: {"anyOf": [{"const": "sweep"}, form]})]


def deletions_name(resource: str) -> str:
    """Return the name under which a resource's sweeps are reported: its asset's, and the one in the ledger."""
    return f"{resource}_deletions"


def check_deletes(resource: Resource) -> None:
    """Require that a resource whose deletes are looked for has a use, and a free column, for them."""
    if resource.deletes is None:
        if "max_deleted" in resource.model_fields_set:
            raise rule_error(
                ("max_deleted",), "max_deleted without deletes", "max_deleted beside deletes only"
            )
        return
    if resource.endpoint is None:
        raise rule_error(
            ("deletes",),
            "deletes beside rows_from",
            "deletes of the resource that holds the list: a row is gone when its record is",
        )
    if resource.parent is not None:
        raise rule_error(
            ("deletes",),
            f"deletes beside a field of {resource.parent}",
            f"deletes of {resource.parent}: a row is gone when its record is",
        )
    if resource.endpoint.incremental is None:
        raise rule_error(
            ("deletes",), "deletes of a snapshot", "deletes beside incremental: a snapshot is replaced anyway"
        )
    if told := resource.endpoint.incremental.placeholders:
        raise rule_error(
            ("deletes",),
            f"deletes beside {' and '.join(told)}",
            "deletes beside start_param and end_param: a sweep asks without a window, so a placeholder has no value",
        )
    for (name, *place), _ in find_placeholders(resource.deletes.params):
        raise rule_error(
            ("deletes", "params", name, *place),
            "a placeholder",
            "values as they are, and braces written twice",
        )
    if DELETED_AT.name in (column.name for column in resource.columns):
        raise rule_error(
            ("columns", DELETED_AT.name),
            "a column of that name beside deletes",
            f"another name, such as source_deleted_at with path: {DELETED_AT.name}, because a sweep writes it",
        )
