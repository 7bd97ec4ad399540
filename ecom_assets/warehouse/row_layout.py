"""How the rows of a new table are laid out, on engines that read less of a table for that."""

from __future__ import annotations

from typing import NamedTuple


class RowLayout(NamedTuple):
    """How the rows of a new table are laid out: by the day of a column, and by the values of columns."""

    day_of: str | None = None
    clustered_by: tuple[str, ...] = ()
