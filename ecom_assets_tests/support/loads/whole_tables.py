"""All rows of all tables of a DuckDB file, without what differs from one run to the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

Dump = dict[str, list[tuple[Any, ...]]]

_OF_A_RUN = {"load_id", "loaded_at", "rejected_at", "seconds", "requests", "retries", "restarts"}


def dump(file: Path) -> Dump:
    """Return the rows of each table of the sandbox's dataset, sorted; of the ledger the newest of each window."""
    found: Dump = {}
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for schema, table in connection.execute(
            "select table_schema, table_name from information_schema.tables order by all"
        ).fetchall():
            if table.startswith("_dlt"):
                continue
            described = connection.execute(f"describe {schema}.{table}").fetchall()
            columns = ", ".join(f'"{row[0]}"' for row in described if row[0] not in _OF_A_RUN)
            newest = (
                "qualify row_number() over (partition by resource, partition_key order by loaded_at desc) = 1"
                if table == "load_ledger"
                else ""
            )
            found[f"{schema}.{table}"] = connection.execute(
                f"select {columns} from {schema}.{table} {newest} order by {columns}"
            ).fetchall()
    return found
