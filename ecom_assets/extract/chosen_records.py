"""Paginator for some records of a list: it reads and verifies the whole list, and hands over the chosen ones only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

from ecom_assets.contract.privacy import protect_personal_data
from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.paging.paginator import SlicePaginator
from ecom_assets.extract.source_keys import reduce_to_key

KeyTexts: TypeAlias = tuple[str, ...]
"""The parts of a primary key as texts: one request may write `7`, another one `"7"`."""


def key_texts(resource: Resource, records: Sequence[Any]) -> list[KeyTexts]:
    """Return the primary key of each record as texts."""
    return [tuple(str(value_at(record, path)) for path in resource.key_paths) for record in records]


class ChosenRecordsPaginator(SlicePaginator):
    """A slice paginator that holds the chosen records back, and of the others only the primary keys."""

    def __init__(
        self, shop: Shop, resource: Resource, *args: Any, chosen: Collection[KeyTexts], pii_key: str
    ) -> None:
        """Take the arguments of the base class.

        Args:
            shop: The declared shop.
            resource: A resource with an endpoint.
            args: The others.
            chosen: The primary keys of the chosen records, as the table has them.
            pii_key: The key that personal data is hashed with.
        """
        super().__init__(shop, resource, *args)
        self._chosen = chosen
        self._pii_key = pii_key
        self._shop, self._declared = shop, resource

    def held_records(self, rows: list[Any]) -> list[Any]:
        """Return the chosen records of a page, and the primary keys of the others."""
        return [
            row if is_chosen else reduce_to_key(row, self._key_paths)
            for row, is_chosen in zip(rows, self._are_chosen(rows), strict=True)
        ]

    def handed_over_records(self, records: list[Any]) -> list[Any]:
        """Return the chosen records."""
        return [
            record for record, is_chosen in zip(records, self._are_chosen(records), strict=True) if is_chosen
        ]

    def _are_chosen(self, rows: list[Any]) -> list[bool]:
        keys = [reduce_to_key(row, self._key_paths) for row in rows]
        if any(self._declared.column(name).pii for name in self._declared.primary_key):
            # a record without a usable key is not reduced: it stays as it is, and is not chosen
            keys = [{} if key is row else key for key, row in zip(keys, rows, strict=True)]
            protect_personal_data(self._shop, self._declared, keys, self._pii_key)
        return [key in self._chosen for key in key_texts(self._declared, keys)]
