"""dlt's processing steps, applied to the records of an endpoint before they are assigned to windows.

The steps of a resource run in their order, and those of one mapping in the order filter, map, yield_map. A record at
which a step raises is rejected with the reason; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.declaration.table.processing import STEPS

_LONGEST_REASON = 200


class FailedRecord(dict[str, Any]):
    """A record of the API at which a processing step raised; the contract rejects it for the reason."""

    reason: str


class Processed(NamedTuple):
    """The records that the steps returned, and how many records they dropped."""

    records: list[Any]
    filtered: int


def process_records(shop: Shop, resource: Resource, records: Sequence[Any]) -> Processed:
    """Return the records of an endpoint after the processing steps of its resource.

    Where the table or a nested list has columns with `pii`, a failed record keeps only its key and its cursor: the
    step that would have put personal data into its column did not run.

    Args:
        shop: The declared shop.
        resource: The resource with the endpoint.
        records: The records as the API sent them, with the fields of the parent.
    """
    if not resource.processing_steps:
        return Processed(list(records), 0)
    tables = (resource, *shop.children_of(resource.name))
    is_personal = any(column.pii for table in tables for column in table.declared_columns)
    kept: list[Any] = []
    filtered = 0
    for record in records:
        try:
            found = _run_steps(resource.processing_steps, record)
        except _StepFailed as failed:
            kept.append(_failed_record(resource, record, failed, is_personal))
            continue
        filtered += not found
        kept += found
    return Processed(kept, filtered)


def rejections_of(records: Sequence[Any]) -> dict[int, str]:
    """Return the reason for each record at which a step raised, by its position."""
    return {
        position: record.reason for position, record in enumerate(records) if isinstance(record, FailedRecord)
    }


class _StepFailed(Exception):
    """A step raised; `where` names it, `cause` is what it raised."""

    def __init__(self, where: str, cause: Exception) -> None:
        super().__init__(where)
        self.where = where
        self.cause = cause


def _run_steps(steps: Sequence[Mapping[str, Callable[[Any], Any]]], record: Any) -> list[Any]:
    """Return the records that come out of all steps for one record."""
    records = [record]
    for position, step in enumerate(steps):
        for kind in STEPS:
            function = step.get(kind)
            if function is None:
                continue
            try:
                if kind == "filter":
                    records = [entry for entry in records if function(entry)]
                elif kind == "map":
                    records = [function(entry) for entry in records]
                else:
                    records = [result for entry in records for result in function(entry)]
            except Exception as error:
                raise _StepFailed(f"processing_steps[{position}].{kind}", error) from None
    return records


def _failed_record(resource: Resource, record: Any, failed: _StepFailed, is_personal: bool) -> Any:
    """Return the record to reject; one that is no object is rejected for that."""
    if not isinstance(record, dict):
        return record
    shown = FailedRecord(_key_and_cursor(resource, record) if is_personal else record)
    kind, text = type(failed.cause).__name__, " ".join(str(failed.cause).split())
    raised = kind if is_personal or not text else f"{kind}: {text}"
    shown.reason = f"{failed.where} raised {raised[:_LONGEST_REASON]}"
    return shown


def _key_and_cursor(resource: Resource, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with the fields of its key and its cursor only."""
    columns = [resource.column(name) for name in resource.primary_key]
    if resource.cursor:
        columns.append(resource.cursor)
    reduced: dict[str, Any] = {}
    for column in columns:
        value = value_at(record, column.path)
        node = reduced
        for name in column.path[:-1]:
            node = node.setdefault(name, {})
        if value is not None:
            node[column.path[-1]] = value
    return reduced
