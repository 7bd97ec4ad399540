"""The signal that undeclared columns must become wider, because they met values that they cannot hold."""

from __future__ import annotations

from collections.abc import Mapping

from ecom_assets.declaration.reading import Column


class ColumnsWidened(Exception):
    """A table has been read with columns that are too narrow for some of its values, so it must be read again.

    It never leaves `ecom_assets.load.read`, and is no error.
    """

    def __init__(self, resource: str, columns: Mapping[str, Column]) -> None:
        """Keep the table's resource, and its columns with the wider types."""
        super().__init__(f"{resource}: {', '.join(columns)}")
        self.resource = resource
        self.columns = dict(columns)
