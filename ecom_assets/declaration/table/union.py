"""A view that unites the same table of several shops. See `ecom_assets.declaration.unions` for its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Union:
    """The view `dataset.name` has the rows of `table` of each shop, and the shop's name in the column `shop_column`.

    `invalid` are the shops with a wrong declaration: whether they have the table is not known.
    """

    dataset: str
    name: str
    table: str
    shops: tuple[str, ...]
    shop_column: str
    invalid: frozenset[str] = frozenset()
    file: Path = Path()

    def __str__(self) -> str:
        """Return the qualified name of the view."""
        return f"{self.dataset}.{self.name}"
