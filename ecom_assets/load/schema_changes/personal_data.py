"""Protects personal data that was stored before its column got a `pii`: in a table, and in its rejected rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

import pyarrow as pa

from ecom_assets.contract.privacy import MASK, hashed_value, protect_personal_data
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.foundation.json_text import json_text
from ecom_assets.load.own_tables import REJECTED_ROWS_TABLE
from ecom_assets.load.schema_changes.protection import plain_condition
from ecom_assets.warehouse.transaction import Transaction

_REASON = "rejected before the column had a pii"


def protect_stored_values(
    transaction: Transaction, shop: Shop, resource: Resource, plain: Mapping[str, str], pii_key: str
) -> None:
    """Protect the stored values of columns.

    A value that is a hash or a mask already stays, so that rows of later loads are not hashed twice.

    Args:
        transaction: The open transaction.
        shop: The shop.
        resource: The resource.
        plain: The columns of its table, each with its `pii`.
        pii_key: The key of hashes.
    """
    table = f'"{shop.name}"."{resource.name}"'
    # dropped columns first: DuckDB writes the table anew for them
    for name, kind in sorted(plain.items(), key=lambda entry: entry[1] != "drop"):
        if kind == "drop":
            transaction.drop_column(shop.name, resource.name, name)
        elif kind == "mask":
            transaction.execute(
                f"update {table} set \"{name}\" = '{MASK}' where {plain_condition(name, kind)}"
            )
        else:
            _hash_column(transaction, table, name, pii_key)
    if REJECTED_ROWS_TABLE in transaction.columns_of(shop.name):
        _protect_rejected_rows(transaction, shop, resource, plain, pii_key)


def _hash_column(transaction: Transaction, table: str, name: str, pii_key: str) -> None:
    values = transaction.fetch_arrow(
        f'select distinct "{name}" as _dlt_old from {table} where {plain_condition(name, "hash")}'
    )["_dlt_old"].to_pylist()
    hashes = pa.table(
        {
            "_dlt_old": pa.array(values, pa.string()),
            "_dlt_new": pa.array([hashed_value(value, pii_key) for value in values], pa.string()),
        }
    )
    with transaction.temporary_table("ecom_values", hashes):
        transaction.execute(
            f'update {table} set "{name}" = _dlt_new from ecom_values where "{name}" = _dlt_old'
        )


def _protect_rejected_rows(
    transaction: Transaction, shop: Shop, resource: Resource, plain: Mapping[str, str], pii_key: str
) -> None:
    """Protect the records of rejected rows, the reasons that may quote such a value, and the key if it has one."""
    rejected = f'"{shop.name}"."{REJECTED_ROWS_TABLE}"'
    rows = transaction.execute(
        f"select distinct record, reasons, primary_key from {rejected} where resource = ?", [resource.name]
    ).fetchall()
    key = set(resource.key_paths)
    is_key = any(column.path in key for column in resource.columns if column.name in plain)
    texts = []
    for record_text, reasons, primary_key in rows:
        record = json.loads(record_text, parse_float=Decimal)
        protect_personal_data(shop, resource, [record], pii_key, again=True)
        kept = [
            f"{name}: {_REASON}" if (name := reason.partition(":")[0]) in plain else reason
            for reason in reasons.split("; ")
        ]
        new = (json_text(record), "; ".join(kept), None if is_key else primary_key)
        texts.append((record_text, reasons, *new))
    if not texts:
        return
    names = ("old_record", "old_reasons", "new_record", "new_reasons", "new_key")
    columns = {
        name: pa.array(values, pa.string())
        for name, values in zip(names, zip(*texts, strict=True), strict=True)
    }
    with transaction.temporary_table("ecom_values", pa.table(columns)):
        transaction.execute(
            f"update {rejected} set record = new_record, reasons = new_reasons, primary_key = new_key "
            "from ecom_values where record = old_record and reasons = old_reasons and resource = ?",
            [resource.name],
        )
