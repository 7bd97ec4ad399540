"""Times of the day, which are texts in Databricks: which columns of an answer have them, and as Arrow has them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import time
from functools import lru_cache

import pyarrow as pa
import sqlglot
from sqlglot import exp

from ecom_assets.warehouse.databricks.types import TIME


def time_columns(sql: str, types_of: Callable[[str, str], Mapping[str, str]]) -> Collection[str]:
    """Return the columns of an answer that are columns of times of a stored table.

    Args:
        sql: The query, as DuckDB and PostgreSQL take it.
        types_of: Returns the type of each column of a table, by its dataset and its name.
    """
    tables, selected = _stored_in(sql)
    found = {
        name
        for dataset, table in tables
        for name, kind in types_of(dataset, table).items()
        if kind == TIME and (selected is None or name in selected)
    }
    return sorted(found)


def with_times(table: pa.Table, names: Collection[str]) -> pa.Table:
    """Return an Arrow table with times of the day in these columns, in place of texts."""
    for name in names:
        place = table.schema.get_field_index(name)
        if place >= 0 and pa.types.is_string(table.schema.field(place).type):
            values = [
                None if text is None else time.fromisoformat(text) for text in table.column(place).to_pylist()
            ]
            table = table.set_column(place, name, pa.array(values, pa.time64("us")))
    return table


@lru_cache(maxsize=1024)
def _stored_in(sql: str) -> tuple[tuple[tuple[str, str], ...], frozenset[str] | None]:
    """Return the stored tables of a query, and its columns that are columns of tables: None if all of them are."""
    tree = sqlglot.parse_one(sql, read="postgres")
    if not isinstance(tree, exp.Query):
        return (), frozenset()
    tables = tuple(sorted({(table.db, table.name) for table in tree.find_all(exp.Table) if table.db}))
    if any(isinstance(entry, exp.Star) for entry in tree.selects):
        return tables, None
    return tables, frozenset(entry.name for entry in tree.selects if isinstance(entry, exp.Column))
