"""A discovered declaration put to the proof: it must load, and its contract must keep every record of the sample."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ecom_assets.contract.contract import RejectedRow, contract_of
from ecom_assets.contract.nested_values import explode
from ecom_assets.declaration.reading import Shop, load_shop, shown_path
from ecom_assets.discovery.output.document import ShopDraft, written
from ecom_assets.discovery.tables.tables import TableDraft
from ecom_assets.discovery.tables.type_inference import Kind
from ecom_assets.foundation.errors import IngestError

_ROUNDS = 4


def load_text(text: str, name: str, beside: Path | None = None) -> Shop:
    """Return the shop that a text declares, as if it stood beside a file, others of whose folder it may start from.

    Raises DeclarationError as for a file of that name, IngestError where none can be written.
    """
    with tempfile.TemporaryDirectory(prefix="ecom_assets_") as folder:
        file = Path(folder) / f"{name}.yaml"
        if beside is not None:
            file = beside.with_name(f"_{Path(folder).name}.new")
        try:
            file.write_text(text, "utf-8")
            return load_shop(file)
        except OSError as error:
            raise IngestError(f"{shown_path(file.parent)} cannot be written into: {error.strerror}") from None
        finally:
            file.unlink(missing_ok=True)


def proved(draft: ShopDraft) -> str:
    """Return the text of a draft that keeps all records it was drawn from; what breaks it is loosened.

    A record without its key or its cursor stays rejected, and a note says so. Raises DeclarationError.
    """
    for _ in range(_ROUNDS):
        text = written(draft)
        shop = load_text(text, draft.name)
        loosened = [_loosen(table, rejected_rows(shop, draft, table)) for table in draft.tables]
        if not any(loosened):
            break
    for table in draft.tables:
        left = rejected_rows(shop, draft, table)
        if left:
            # the reason itself would repeat a value, which may be personal
            name = left[0].reasons[0].partition(": ")[0]
            table.notes.append(
                f"{len(left)} records of the sample break this, the first one because of {name}"
            )
            text = written(draft)
    return text


def rejected_rows(shop: Shop, draft: ShopDraft, table: TableDraft) -> Sequence[RejectedRow]:
    """Return what the contract of a drafted table rejects of the sample."""
    resource = shop.resource(table.name)
    rows: Sequence[Any]
    if table.found:
        rows = table.found.records
    else:
        parent = next(entry for entry in draft.tables if entry.name == table.parent)
        rows = explode(parent.found.records if parent.found else [], resource, shop.parent_of(resource))[0]
    return contract_of(shop, resource).apply(rows).rejected


def _loosen(table: TableDraft, rejected: Sequence[RejectedRow]) -> bool:
    """Make the columns of a table that reject a row wider, and tell whether there were any."""
    reasons = {reason.partition(": ")[::2] for row in rejected for reason in row.reasons}
    changed = False
    for column in table.columns:
        for name, reason in sorted(reasons):
            if name != column.name:
                continue
            if reason.startswith("null"):
                if not column.nullable and "primary key" not in reason:
                    column.nullable = changed = True
                    column.why.append("loosened: null in the sample")
            elif column.kind.data_type not in ("text", "json"):
                column.why.append(f"loosened: some values are no {column.kind.data_type}")
                column.kind = Kind("text")
                changed = True
            elif column.kind.data_type == "text":
                column.why.append("loosened: some values are no text")
                column.kind = Kind("json")
                changed = True
    return changed
