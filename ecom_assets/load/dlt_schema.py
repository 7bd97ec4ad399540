"""dlt's schema as a warehouse keeps it: in the tables `_dlt_version` and `_dlt_loads`, as dlt itself writes them.

The schema remembers what the tables alone do not tell, such as the declaration of the last load.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

import dlt
import pyarrow as pa
from dlt.common.schema import Schema
from dlt.common.schema.typing import LOADS_TABLE_NAME, VERSION_TABLE_NAME

from ecom_assets.declaration.reading import Shop
from ecom_assets.load.own_tables import append_rows
from ecom_assets.warehouse.transaction import Transaction

_INSTANT = pa.timestamp("us", "UTC")
_VERSIONS = pa.schema(
    [
        pa.field("version", pa.int64(), nullable=False),
        pa.field("engine_version", pa.int64(), nullable=False),
        pa.field("inserted_at", _INSTANT, nullable=False),
        pa.field("schema_name", pa.string(), nullable=False),
        pa.field("version_hash", pa.string(), nullable=False),
        pa.field("schema", pa.string(), nullable=False),
    ]
)
_LOADS = pa.schema(
    [
        pa.field("load_id", pa.string(), nullable=False),
        pa.field("schema_name", pa.string()),
        pa.field("status", pa.int64(), nullable=False),
        pa.field("inserted_at", _INSTANT, nullable=False),
        pa.field("schema_version_hash", pa.string()),
    ]
)
_LOADED = 0
"""The status of a package that dlt has loaded."""


def restore_schema(transaction: Transaction, pipeline: dlt.Pipeline, shop: Shop) -> None:
    """Let a pipeline go on with the schema that the last load of a shop has stored, if there is one."""
    if VERSION_TABLE_NAME not in transaction.columns_of(shop.name):
        return
    rows = transaction.execute(
        f'select schema from "{shop.name}"."{VERSION_TABLE_NAME}" where schema_name = ? '
        "order by inserted_at desc limit 1",
        [shop.name],
    ).fetchall()
    for (text,) in rows:
        schema = Schema.from_stored_schema(json.loads(_unpacked(text)))
        pipeline.schemas.save_schema(schema)
        if pipeline.default_schema_name is None:
            pipeline._set_default_schema_name(schema)


def store_schema(transaction: Transaction, shop: Shop, schema: Schema) -> str:
    """Store a schema in the open transaction, unless the newest one there is the same, and return its hash."""
    stored = schema.to_dict()  # with the version and the hash of what it has now
    version_hash = stored["version_hash"]
    table, stored_at = f'"{shop.name}"."{VERSION_TABLE_NAME}"', datetime.now(timezone.utc)
    if VERSION_TABLE_NAME in transaction.columns_of(shop.name) and not transaction.is_rehearsal:
        newest = transaction.execute(
            f"select version_hash, inserted_at from {table} where schema_name = ? order by inserted_at desc limit 1",
            [shop.name],
        ).fetchall()
        for newest_hash, newest_at in newest:
            if newest_hash == version_hash:
                return version_hash
            # later than the newest one, also if that was stored by a machine whose clock is ahead
            stored_at = max(stored_at, newest_at + timedelta(microseconds=1))
        # of a schema that comes back only the newest row stays, because the newest row is the one that counts
        transaction.execute(
            f"delete from {table} where schema_name = ? and version_hash = ?",
            [shop.name, version_hash],
        )
    row = {
        "version": stored["version"],
        "engine_version": stored["engine_version"],
        "inserted_at": stored_at,
        "schema_name": shop.name,
        "version_hash": version_hash,
        "schema": _packed(json.dumps(stored), transaction.longest_text),
    }
    append_rows(transaction, shop, VERSION_TABLE_NAME, pa.Table.from_pylist([row], _VERSIONS))
    return version_hash


def _packed(text: str, longest: int | None) -> str:
    """Return the text of a schema, compressed as dlt does it where the engine cannot store it as it is."""
    content = text.encode()
    if longest is None or len(content) <= longest:
        return text
    return base64.b64encode(zlib.compress(content, level=9)).decode()


def _unpacked(text: str) -> str:
    """Return the text of a schema that may be compressed."""
    return text if text.startswith("{") else zlib.decompress(base64.b64decode(text)).decode()


def record_packages(transaction: Transaction, shop: Shop, load_ids: Iterable[str], version_hash: str) -> None:
    """Record in the open transaction that packages of dlt were loaded with a schema."""
    now = datetime.now(timezone.utc)
    rows = [
        {
            "load_id": load_id,
            "schema_name": shop.name,
            "status": _LOADED,
            "inserted_at": now,
            "schema_version_hash": version_hash,
        }
        for load_id in load_ids
    ]
    append_rows(transaction, shop, LOADS_TABLE_NAME, pa.Table.from_pylist(rows, _LOADS))
