"""The key `deletes`: whether, and how, records that are gone from an API are detected.

See `ecom_assets.load.delete_detection` for finding and marking them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool

from ecom_assets.declaration.error_text import format_value, value_error
from ecom_assets.declaration.model import Check, DeclarationModel
from ecom_assets.declaration.table.column import Column

DELETED_AT = Column(
    name="deleted_at",
    data_type="timestamp",
    description="When a sweep found that the API no longer has the record; null while it has.",
)
"""The column that a table has in addition to the declared ones if `deletes` is set."""

MAX_DELETED = 0.2
"""The default of `max_deleted`."""


class DeleteDetection(DeclarationModel):
    """Detect deletes by reading all keys of the collection: a sweep."""

    by: Literal["sweep"] = Field(description="The method; `sweep` reads all keys of the collection.")
    params: Mapping[str, Any] = Field(
        default_factory=dict,
        description="Parameters of the sweep, such as `fields: id`. They override the endpoint's own.",
    )
    single_page: StrictBool = Field(
        default=False,
        description="True states that the API returns the whole collection on one page; needed where nothing else "
        "confirms the end of the list.",
    )


def _deletes(value: Any) -> Any:
    """Take the bare word for a mapping with nothing else in it."""
    if value == "sweep":
        return {"by": value}
    if isinstance(value, (Mapping, DeleteDetection)):
        return value
    raise value_error(format_value(value), "sweep, or a mapping with by: sweep and params")


Deletes = Annotated[DeleteDetection, Check(_deletes, lambda schema: {"anyOf": [{"const": "sweep"}, schema]})]


def deletions_name(resource: str) -> str:
    """Return the name under which the sweeps of a resource are reported, as an asset and in the ledger."""
    return f"{resource}_deletions"
