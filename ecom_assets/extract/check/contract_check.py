"""Check of a table's contract on a sample of records, and of what the declaration leaves out of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ecom_assets.contract.contract import Contract
from ecom_assets.contract.empty_columns import empty_columns, field_within, similar_field
from ecom_assets.contract.nested_values import explode, has_field, undeclared_elements
from ecom_assets.contract.paged_lists import (
    PARTIAL_LIST,
    refuse_partial_lists,
    undeclared_rest,
    without_list_text,
)
from ecom_assets.contract.result import ContractResult, shown_counts
from ecom_assets.contract.sample import sample_contract
from ecom_assets.declaration.reading import Column, Resource, Shop
from ecom_assets.extract.check.outcome import NO_RECORD, Outcome
from ecom_assets.foundation.errors import ContractBroken


def check_contract(shop: Shop, resource: Resource, records: list[Any]) -> Iterator[tuple[str, Outcome]]:
    """Apply the contract of a table to records of its endpoint, and name lists that could be tables.

    Args:
        shop: The shop.
        resource: The table's resource.
        records: Records of the endpoint; of a nested list, those that hold it.

    Yields:
        What was checked, and the outcome.
    """
    rows = records
    if not resource.endpoint:
        rows = explode(records, resource, shop.parent_of(resource))[0]
        yield from _check_nested_list(shop, resource, records)
    contract = sample_contract(shop, resource, rows)
    try:
        result = contract.apply(rows)
    except ContractBroken as broken:
        yield "contract", ("failed", str(broken))
        return
    yield "contract", _judge(result, len(rows)) if rows else NO_RECORD
    for empty in empty_columns(resource, rows, result.kept):
        detail = f"{empty.name}: none of {len(rows)} records has {'.'.join(empty.path)}"
        guess = similar_field(resource, empty, rows)
        if guess:
            detail = f"{detail}; it may be the field {guess}: declare path: {guess}"
        yield "column", ("failed" if guess else "skipped", detail)
    if resource.deletes and resource.deletes.field and rows:
        yield from _check_told_deletions(resource.deletes.field, rows)
    yield from _lists_without_a_table(contract)


def _check_told_deletions(path: Sequence[str], records: list[Any]) -> Iterator[tuple[str, Outcome]]:
    """Name the field that may be meant if no record says whether it is deleted; living records may leave it out."""
    if not has_field(records, path):
        guess = field_within(path, records)
        meant = f"; it may be the field {guess}: declare field: {guess}" if guess else ""
        yield (
            "deletes",
            ("skipped", f"none of {len(records)} records has deletes.field {'.'.join(path)}{meant}"),
        )


def _check_nested_list(shop: Shop, resource: Resource, records: list[Any]) -> Iterator[tuple[str, Outcome]]:
    rows_from = resource.rows_from
    if rows_from and records and not has_field(records, rows_from.path.split(".")):
        meant = Column(name="list", data_type="json", path=tuple(rows_from.path.split(".")))
        guess = similar_field(shop.parent_of(resource), meant, records)
        advice = f". It may be the field {guess}: declare path: {guess}" if guess else ""
        yield "list", ("failed" if guess else "skipped", without_list_text(rows_from, len(records)) + advice)
    try:
        refuse_partial_lists(resource, records)
    except ContractBroken as broken:
        yield "list", ("failed", str(broken))
    if advice := undeclared_elements(resource, records):
        yield "list", ("failed", advice)
    if rest := undeclared_rest(resource, records):
        yield "list", ("failed", f"{rest} says that {PARTIAL_LIST}")


def _judge(result: ContractResult, count: int) -> Outcome:
    if result.rejected:
        reasons = "; ".join(result.rejected[0].reasons)
        return "failed", (
            f"{len(result.rejected)} of {count} records break it, the first one because of: {reasons}"
        )
    new = f"; not declared: {', '.join(result.hints)}" if result.hints else ""
    counts = shown_counts(result.discarded)
    discarded = "".join(f"; discarded: {found} values of {name}" for name, found in counts.items())
    return "ok", f"{count} records keep it{new}{discarded}"


def _lists_without_a_table(contract: Contract) -> Iterator[tuple[str, Outcome]]:
    for column, entry in contract.nested_lists.items():
        detail = (
            f"{column} is a list of objects, stored as JSON; to make it a table, add to resources: {entry}"
        )
        yield "list", ("skipped", detail)
