"""The window of each record: the records of a complete slice are assigned to the windows of the slice."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ecom_assets.contract.conversion import convert, cursor_instants
from ecom_assets.contract.nested_values import values_at
from ecom_assets.declaration.reading import Incremental, Resource, Shop
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_request import WindowRequest, window_request
from ecom_assets.foundation.errors import ApiError
from ecom_assets.foundation.progress import OnProgress

_DIGITS_TO_ZERO = str.maketrans("123456789", "000000000")
_SECONDS = len("2026-01-01T00:00:00")
_IN_UTC = re.compile(r"0000-00-00T00:00:00(\.0{1,6})?Z")


@dataclass(frozen=True)
class AssignedRecords:
    """The records of one slice, each with its window.

    Attributes:
        slice_: The slice.
        records: The records that lie in it.
        windows: The position, within the slice, of the window of each record; 0 in a snapshot.
        roots: The records of the root resource from which the records come. They are `records` themselves,
            unless the resource is a child.
        filtered: How many records the resource's processing steps dropped.
    """

    slice_: Slice
    records: list[Any]
    windows: Sequence[int]
    roots: list[Any]
    filtered: int = 0


def with_window_start(resource: Resource, records: Sequence[Any], start: datetime | None) -> Sequence[Any]:
    """Return the records with the start of the window they were asked for, if only the request tells it.

    Args:
        resource: The resource with the endpoint.
        records: The records of one window.
        start: The start of the window, in UTC; None without a window.

    Raises:
        ApiError: A record has a field of that name.
    """
    incremental = resource.endpoint.incremental if resource.endpoint else None
    if incremental is None or incremental.cursor != "window" or start is None:
        return records
    name, text = incremental.cursor_path, start.isoformat().replace("+00:00", "Z")
    if any(isinstance(record, dict) and record.get(name) not in (None, text) for record in records):
        raise ApiError(
            f"{resource.name}: the records have a field {name}, which cursor: window would replace. Declare another "
            "name in cursor_path, or cursor: field if the field tells the window"
        )
    return [{**record, name: text} if isinstance(record, dict) else record for record in records]


def assign_windows(
    shop: Shop,
    resource: Resource,
    slice_: Slice,
    records: list[Any],
    on_progress: OnProgress = lambda text: None,
) -> AssignedRecords:
    """Return the records that lie in the slice, each with its window.

    Records beyond the slice are left out: an inclusive or coarse parameter brings them along. A record without a
    usable cursor goes to the first window, where its contract rejects it. With `unfiltered: load`, a record whose
    cursor is null is left out.

    Args:
        shop: The declared shop.
        resource: The resource with the endpoint.
        slice_: The slice that was read.
        records: All records that the API returned for it.
        on_progress: Gets a line if the API returns records that the declared bounds exclude, because the next
            window may then lack records.

    Raises:
        ApiError: A record lies where the request did not ask for any. Then the API ignores the parameters of the
            window, or its windows do not follow the cursors, and the window before may lack these records.
    """
    if slice_.start is None or slice_.end is None or not records:
        return AssignedRecords(slice_, records, [0] * len(records), records)
    if resource.loads_unfiltered:
        records = _with_cursor(shop, resource, records)
    if (texts := _all_within(resource, records, slice_)) and (len(slice_.windows) == 1 or slice_.is_joined):
        return AssignedRecords(slice_, records, _windows_of_texts(texts, slice_), records)
    incremental = shop.incremental_of(resource.name)
    instants = cursor_instants_of(shop, resource, records)
    request = window_request(slice_, incremental)
    _refuse_records_outside(resource, incremental, request, instants)
    if request.excluded and (count := _count(pc.greater_equal, instants, request.excluded)):
        on_progress(
            f"{resource.name}: {count} records of {request.excluded.isoformat()} or later came, which bounds '[)' "
            "exclude. The next window may lack them. Declare bounds '[]' if the API includes the end, or '()' if it "
            "rounds instants or compares them as texts"
        )
    if len(slice_.windows) == 1:
        inside = pc.and_(
            pc.greater_equal(instants, pa.scalar(slice_.start, instants.type)),
            pc.less(instants, pa.scalar(slice_.end, instants.type)),
        )
        chosen = pc.indices_nonzero(pc.fill_null(inside, True)).to_pylist()
        if len(chosen) < len(records):
            records = [records[row] for row in chosen]
        return AssignedRecords(slice_, records, [0] * len(records), records)
    kept, windows = [], []
    for record, window in zip(records, _windows_of_instants(instants, slice_), strict=True):
        if window is not None:
            kept.append(record)
            windows.append(window)
    return AssignedRecords(slice_, kept, windows, kept)


def _with_cursor(shop: Shop, resource: Resource, records: list[Any]) -> list[Any]:
    """Return the records whose cursor is not null: a sweep loads the others, which belong to no window."""
    cursor = resource.cursor
    if cursor is None:
        return records
    values = values_at(records, cursor.path)[0]
    converted = convert(values, cursor, shop.incremental_of(resource.name).timezone)
    if not converted.array.null_count:
        return records
    is_valid = converted.array.is_valid().to_pylist()
    # a cursor that does not convert is no null: its record is rejected
    return [record for row, record in enumerate(records) if is_valid[row] or row in converted.wrong]


def _refuse_records_outside(
    resource: Resource, incremental: Incremental, request: WindowRequest, instants: pa.Array
) -> None:
    """Raise ApiError if a record lies before or after the instants that the API may return."""
    for limit, beyond, furthest, side, param in (
        (request.low, pc.less, pc.min, "before", incremental.start_param),
        (request.high, pc.greater, pc.max, "after", incremental.end_param),
    ):
        if limit and (count := _count(beyond, instants, limit)):
            raise ApiError(
                f"{resource.name}: {count} of {len(instants)} records lie outside of the window that was asked for. "
                f"The furthest one is of {furthest(instants).as_py().isoformat()}, {side} {limit.isoformat()}. "
                f"The API ignores {param or incremental.parameter_names}, or rounds the instants that it compares. "
                "Declare server_filter: false, or the parameter that the API knows, or the format and the timezone in "
                "which it reads the parameter"
            )


def _count(comparison: Any, instants: pa.Array, limit: datetime) -> int:
    """Return how many instants a comparison with `limit` holds for."""
    return pc.sum(comparison(instants, pa.scalar(limit, instants.type))).as_py() or 0


def tell_their_windows(shop: Shop, resource: Resource, slice_: Slice, records: list[Any]) -> bool:
    """Tell whether the cursors of all records of joined windows are usable, and none is where nobody asked for any.

    Else a record belongs to the window that brings it, and only a request for each window alone tells that.
    """
    if resource.loads_unfiltered:
        records = _with_cursor(shop, resource, records)
    if not records or _all_within(resource, records, slice_):
        return True
    instants = cursor_instants_of(shop, resource, records)
    try:
        incremental = shop.incremental_of(resource.name)
        _refuse_records_outside(resource, incremental, window_request(slice_, incremental), instants)
    except ApiError:
        return False
    return not instants.null_count


def _all_within(resource: Resource, records: Sequence[Any], slice_: Slice) -> list[str]:
    """Return the cursors if all are texts that surely lie in the slice. Empty means that this is not known.

    This is the usual case, and comparing texts is much faster than parsing them. Texts in UTC, of the same shape
    and with all digits, sort like their instants. Such a text need not be an instant, for example with a
    thirteenth month; its record goes to a window of the slice anyway.
    """
    cursor = resource.cursor
    if cursor is None or cursor.data_type != "timestamp" or slice_.start is None or slice_.end is None:
        return []
    values: list[str] = values_at(records, cursor.path)[0]
    try:
        shape = values[0].translate(_DIGITS_TO_ZERO)
        if _IN_UTC.fullmatch(shape) is None or set(map(len, values)) != {len(shape)}:
            return []
        if "".join(values).translate(_DIGITS_TO_ZERO) != shape * len(values):
            return []
    except (AttributeError, TypeError):
        return []
    if slice_.start.microsecond or slice_.end.microsecond:
        return []
    low, high = slice_.start.isoformat()[:_SECONDS], slice_.end.isoformat()[:_SECONDS]
    return values if low <= min(values) and max(values)[:_SECONDS] < high else []


def _windows_of_texts(texts: Sequence[str], slice_: Slice) -> list[int]:
    """Return the position of the window of each cursor. The windows are adjacent."""
    if len(slice_.windows) == 1:
        return [0] * len(texts)
    ends = [window.end.isoformat()[:_SECONDS] for window in slice_.windows]
    return [bisect_right(ends, text[:_SECONDS]) for text in texts]


def _windows_of_instants(instants: pa.Array, slice_: Slice) -> list[int | None]:
    """Return the position of the window of each cursor, None outside of the slice, 0 without a usable cursor."""
    if not slice_.is_joined or slice_.start is None:
        return [0 if instant is None else slice_.window_of(instant) for instant in instants.to_pylist()]
    # numbers are much faster than instants, and the windows are adjacent
    bounds = pa.array([slice_.start, *(window.end for window in slice_.windows)], pa.timestamp("us", "UTC"))
    start, *ends = bounds.cast(pa.int64()).to_pylist()
    moments = instants.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
    return [
        0 if moment is None else bisect_right(ends, moment) if start <= moment < ends[-1] else None
        for moment in moments
    ]


def cursor_instants_of(shop: Shop, resource: Resource, records: Sequence[Any]) -> pa.Array:
    """Return the instants in UTC that decide the windows of records, null where a cursor is not usable."""
    cursor = resource.cursor
    if cursor is None:
        raise LookupError(f"{resource.name} is not windowed")
    values = values_at(records, cursor.path)[0]
    return cursor_instants(values, cursor, shop.incremental_of(resource.name).timezone)
