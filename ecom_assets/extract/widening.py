"""The signal that undeclared columns need other types, because they met values that they cannot hold."""

from __future__ import annotations

from collections.abc import Mapping

from ecom_assets.declaration.reading import Column


class ColumnsWidened(Exception):
    """A table has been read with columns that do not hold some of its values, so it must be read again.

    It never leaves `ecom_assets.load.read`, and is no error.
    """

    def __init__(self, resource: str, columns: Mapping[str, Column]) -> None:
        """Keep the table's resource, and its columns with the types that hold them."""
        super().__init__(f"{resource}: {', '.join(columns)}")
        self.resource = resource
        self.columns = dict(columns)
