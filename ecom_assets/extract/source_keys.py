"""All primary keys that the API has of a collection, read as completely as the records of a slice.

See `ecom_assets.load.sweeps.delete_detection` for what happens to rows whose keys are gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa
from requests import Response

from ecom_assets.client.api_connection import ApiConnection
from ecom_assets.client.failures import failure_of
from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.contract.contract import Contract
from ecom_assets.contract.record_keys import Key, keys_of, value_at
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.declaration.shop_rules.internal_names import records_name
from ecom_assets.declaration.table.deletes import deletions_name
from ecom_assets.extract.answers.empty_answers import require_list
from ecom_assets.extract.answers.ignored_answers import ignored_status, is_ignored
from ecom_assets.extract.paging.completeness import CompletenessCheck
from ecom_assets.extract.paging.paginator import SlicePaginator
from ecom_assets.extract.read_plan import ReadPlan
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.source import build_source
from ecom_assets.foundation.errors import ApiError, IncompleteSlice
from ecom_assets.foundation.progress import OnProgress


def source_keys(
    connection: ApiConnection,
    resource: Resource,
    on_progress: OnProgress,
    held: list[Any] | None = None,
) -> tuple[pa.Table, SliceStatistics]:
    """Return all primary keys of a collection, and the figures of reading them.

    The requests have the parameters of the endpoint and of `deletes`, but not those of a window.

    Args:
        connection: The open API.
        resource: A resource with `deletes`.
        on_progress: Gets lines that say how far the reading is.
        held: Gets what is held of the records, in the order of the keys: the primary key and the cursor.

    Returns:
        The keys, in the columns of the resource's table, and the figures.

    Raises:
        ApiError: Reading failed, or a record has no usable key. Any row of the table could be that record.
    """
    if resource.endpoint is None or resource.deletes is None:
        raise LookupError(f"{resource.name} has no deletes")
    params, timezone = resource.endpoint.params, connection.shop.timezone_of(resource)
    endpoint = resource.endpoint.model_copy(
        update={"incremental": None, "params": {**params, **resource.deletes.params}}
    )
    snapshot = resource.model_copy(update={"endpoint": endpoint})
    shop = connection.shop.model_copy(update={"resources": (snapshot,)})
    slice_ = Slice(f"{deletions_name(resource.name)}/all")
    plan = ReadPlan(
        replace(connection, shop=shop),
        {snapshot.name: (slice_,)},
        {},
        {},
        paginator=partial(KeyPaginator, cursor_path=resource.cursor.path if resource.cursor else None),
        on_progress=on_progress,
    )
    records: list[Any] = []
    try:
        for assigned in build_source(plan).resources[records_name(snapshot)]:
            records += assigned.records
    except Exception as error:
        raise failure_of(error, connection.redactor) from None
    statistics = connection.statistics.of(slice_.id)
    if not statistics.complete:
        raise IncompleteSlice(f"{slice_.id}: dlt ended without reading all pages of it")
    require_list(resource.name, endpoint.data_selector or "$", [statistics])
    keys = Contract(resource, timezone=timezone).columns_of(records, resource.primary_key)
    if len(keys) < len(records):
        raise ApiError(
            f"{resource.name}: {len(records) - len(keys)} of {len(records)} records came without a usable primary key "
            f"{', '.join(resource.primary_key)}, so it is unknown which records are gone; check deletes.params"
        )
    if held is not None:
        held += records
    return keys, statistics


class KeyPaginator(SlicePaginator):
    """A slice paginator that holds back only the primary keys and the cursors of records, to save memory.

    It reads pages as its base class does, from the whole answer: the way to the next page may be in a record.
    """

    def __init__(
        self, shop: Shop, resource: Resource, *args: Any, cursor_path: Sequence[str] | None = None
    ) -> None:
        """Take the arguments of the base class, and where the cursor is in a record."""
        super().__init__(shop, resource, *args)
        self._completeness = CompletenessCheck(
            shop, resource, compared_part=lambda row: reduce_to_key(row, self._key_paths)
        )
        self._cursor_path = cursor_path

    def held_records(self, rows: list[Any]) -> list[Any]:
        """Return the records of a page, reduced to the primary keys and the cursors."""
        if self._cursor_path is None:
            return [reduce_to_key(row, self._key_paths) for row in rows]
        return [self._key_and_cursor(row, self._cursor_path) for row in rows]

    def handed_over_records(self, records: list[Any]) -> list[Any]:
        """Return one record of each primary key, in its newest state: a sweep compares keys."""
        newest: dict[Key, Any] = {}
        for key, record in zip(keys_of(records, self._key_paths), records, strict=True):
            newest[key] = self._completeness.newer_state(newest[key], record) if key in newest else record
        return list(newest.values())

    def _key_and_cursor(self, row: Any, path: Sequence[str]) -> Any:
        reduced = reduce_to_key(row, self._key_paths)
        if reduced is row or (value := value_at(row, path)) is None:
            return reduced
        node = reduced
        for name in path[:-1]:
            node = node.setdefault(name, {})
        node[path[-1]] = value
        return reduced

    def _needs_extra_page(self, response: Response, rows: list[Any]) -> bool:
        """Tell whether the last page has to be confirmed. A list whose first page was ignored says nothing."""
        needs_extra_page = super()._needs_extra_page(response, rows)
        if is_ignored(response) and self._pass.total is None and self._pass.pages == 1:
            self._fail(
                f"the API answered with status {ignored_status(response)}, which response_actions ignores. "
                "That says nothing about the records that the API has; no key was compared"
            )
        return needs_extra_page


def reduce_to_key(row: Any, paths: Sequence[Sequence[str]]) -> Any:
    """Return a record with the values at `paths` only. A record without a usual key stays as it is."""
    reduced: dict[str, Any] = {}
    for path in paths:
        value = value_at(row, path)
        if type(value) not in (int, str):
            return row
        node = reduced
        for name in path[:-1]:
            node = node.setdefault(name, {})
        node[path[-1]] = value
    return reduced
