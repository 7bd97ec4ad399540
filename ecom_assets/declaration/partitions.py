"""The key `partitions`: the windows of a shop."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ecom_assets.declaration.field_types import Instant, whole_number
from ecom_assets.declaration.model import DeclarationModel


class Partitions(DeclarationModel):
    """The windows of a shop: their length, and the start of the first one, an aware instant in UTC."""

    every: Literal["hour", "day", "week", "month"] = Field(
        default="day", description="Length of a window, in UTC; a week starts on Sunday."
    )
    start: Instant = Field(
        description="Start of the first window: a date or an instant, in UTC unless it has an offset."
    )
    windows_per_run: Annotated[int, whole_number(1)] | None = Field(
        default=None,
        description="Number of windows per run of a backfill; null loads all of them in one run.",
    )
