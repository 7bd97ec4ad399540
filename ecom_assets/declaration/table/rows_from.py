"""The model of a nested list: where it is in the records of another resource."""

from __future__ import annotations

from pydantic import Field

from ecom_assets.declaration.field_types import DottedText, Name
from ecom_assets.declaration.model import DeclarationModel


class RowsFrom(DeclarationModel):
    """A list inside the records of another resource, whose elements are the records of this one."""

    resource: Name = Field(description="The resource whose records hold the list.")
    path: DottedText = Field(description="Path of the field that holds the list, with dots.")
    total_path: DottedText | None = Field(
        default=None,
        description="Path, in the same record, to the number of elements; fewer in the list fail it.",
    )
    has_more_path: DottedText | None = Field(
        default=None,
        description="Path, in the same record, to a flag that says the list goes on; then it fails.",
    )
