"""Verifies a discovered declaration: it must load, and its contract must keep every record of the sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ecom_assets.contract.contract import contract_of
from ecom_assets.contract.nested_values import explode
from ecom_assets.contract.result import RejectedRow
from ecom_assets.declaration.reading import Shop, format_path, load_shop
from ecom_assets.discovery.output.shop_yaml import ShopDraft, shop_yaml
from ecom_assets.discovery.tables.table_draft import TableDraft
from ecom_assets.discovery.tables.type_inference import InferredType
from ecom_assets.foundation.errors import IngestError
from ecom_assets.foundation.temporary_folder import temporary_folder

_MAX_ROUNDS = 4


def load_text(text: str, name: str, beside: Path | None = None) -> Shop:
    """Return the shop that a text declares.

    Args:
        text: The text of a YAML file.
        name: The shop's name, which is the file's name too.
        beside: A file in the folder that the text belongs to, so that `extends` finds the other files there.

    Raises:
        DeclarationError: The text is no valid declaration.
        IngestError: The folder is not writable.
    """
    with temporary_folder() as folder:
        file = folder / f"{name}.yaml"
        if beside is not None:
            file = beside.with_name(f"_{folder.name}.new")
        try:
            file.write_text(text, "utf-8")
            return load_shop(file)
        except OSError as error:
            raise IngestError(
                f"{format_path(file.parent)} cannot be written into: {error.strerror}"
            ) from None
        finally:
            file.unlink(missing_ok=True)


def verified_yaml(draft: ShopDraft) -> str:
    """Return the text of a draft, after columns that reject records of the sample were loosened.

    A record without its key or cursor stays rejected, and a note in the file says so.

    Raises:
        DeclarationError: The text is no valid declaration.
    """
    for _ in range(_MAX_ROUNDS):
        text = shop_yaml(draft)
        shop = load_text(text, draft.name)
        loosened = [_loosen_columns(table, rejected_rows(shop, draft, table)) for table in draft.tables]
        if not any(loosened):
            break
    for table in draft.tables:
        rejected = rejected_rows(shop, draft, table)
        if rejected:
            # the reason itself would repeat a value, which may be personal
            name = rejected[0].reasons[0].partition(": ")[0]
            table.notes.append(
                f"{len(rejected)} records of the sample break this contract, the first one because of {name}"
            )
            text = shop_yaml(draft)
    return text


def rejected_rows(shop: Shop, draft: ShopDraft, table: TableDraft) -> Sequence[RejectedRow]:
    """Return the rows of the sample that the contract of a table rejects.

    Args:
        shop: The shop as the draft declares it.
        draft: The draft, which holds the sample.
        table: A table of the draft.
    """
    if not _has_sample(draft, table):
        return ()
    resource = shop.resource(table.name)
    rows: Sequence[Any]
    if table.endpoint:
        rows = table.endpoint.records
    else:
        parent = next(entry for entry in draft.tables if entry.name == table.parent)
        records = parent.endpoint.records if parent.endpoint else []
        rows = explode(records, resource, shop.parent_of(resource))[0]
    return contract_of(shop, resource).apply(rows).rejected


def _has_sample(draft: ShopDraft, table: TableDraft) -> bool:
    return any(
        entry.endpoint.records
        for entry in draft.tables
        if entry.endpoint and entry.name in (table.name, table.parent)
    )


def _loosen_columns(table: TableDraft, rejected: Sequence[RejectedRow]) -> bool:
    """Make the columns that reject a row nullable or give them a wider type; tell whether there were any."""
    reasons = {reason.partition(": ")[::2] for row in rejected for reason in row.reasons}
    changed = False
    for column in table.columns:
        for name, reason in sorted(reasons):
            if name != column.name:
                continue
            if reason.startswith("null"):
                if not column.nullable and "primary key" not in reason:
                    column.nullable = changed = True
                    column.evidence.append("loosened: null in the sample")
            elif column.type.data_type not in ("text", "json"):
                column.evidence.append(f"loosened: some values are no {column.type.data_type}")
                column.type = InferredType("text")
                changed = True
            elif column.type.data_type == "text":
                column.evidence.append("loosened: some values are no text")
                column.type = InferredType("json")
                changed = True
    return changed
