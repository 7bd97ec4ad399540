"""The key `audit`: how often closed windows of a shop are read again and compared with its tables."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from ecom_assets.declaration.field_types import whole_number
from ecom_assets.declaration.model import DeclarationModel


class Audit(DeclarationModel):
    """A schedule that audits the shop."""

    every: Literal["day", "week", "month"] = Field(
        default="week", description="How often the schedule `<shop>_audit_schedule` audits, in UTC."
    )
    windows: Annotated[int, whole_number(1)] = Field(
        default=5, description="How many random closed windows of each endpoint are read again."
    )
    repair: StrictBool = Field(
        default=False,
        description="True loads windows with drift again, by the schedule and by the sensor `<shop>_changes`.",
    )
