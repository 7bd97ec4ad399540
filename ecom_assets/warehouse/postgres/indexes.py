"""Indexes on the keys that a load finds rows by, and what PostgreSQL's planner has to know to use them.

Which keys these are is `row_keys`'. The indexes are not unique: that rows share a key is a check's to tell, and ends no
load.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import psycopg2

from ecom_assets.warehouse.errors import one_line
from ecom_assets.warehouse.postgres.copy import quoted
from ecom_assets.warehouse.postgres.database import LONGEST_NAME
from ecom_assets.warehouse.postgres.statements import run

_log = logging.getLogger(__name__)

_PREFIX = "ecom."
"""Begins our indexes' names. There is no point in the names of a declaration's or of dlt's tables and columns."""

# grown or changed by a tenth since it was analysed last: autovacuum's own measure, which it looks at once a minute
_TABLES = """
select c.relname,
    pg_stat_get_mod_since_analyze(c.oid) > 50 + 0.1 * greatest(c.reltuples, 0),
    array(select attname from pg_attribute where attrelid = c.oid and atttypid = 'varchar'::regtype),
    (select coalesce(json_agg((
        select json_agg(a.attname order by k.place)
        from unnest(i.indkey::int2[]) with ordinality as k (number, place)
        left join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.number
        where k.place <= i.indnkeyatts
    )), '[]') from pg_index as i join pg_class as b on b.oid = i.indexrelid join pg_am as m on m.oid = b.relam
    where i.indrelid = c.oid and i.indisvalid and i.indpred is null and m.amname = 'btree')
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = %s and c.relname = any(%s) and c.relkind in ('r', 'p')
"""


def index_keys(connection: Any, dataset: str, keys: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Make the indexes that tables lack, in the open transaction, and analyse the tables that need it.

    Where an index cannot be made, because the table is another user's for example, rows are found without it. Without
    figures of how many rows have a key, PostgreSQL takes it for so many that it reads the whole table.
    """
    stale: list[str] = []
    with connection.cursor() as cursor:
        run(cursor, _TABLES, [dataset, list(keys)])
        for table, changed, texts, present in cursor.fetchall():
            name = f"{quoted(dataset)}.{quoted(table)}"
            if changed:
                stale.append(name)
            for columns in keys[table]:
                if not any(set(columns) == set(index[: len(columns)]) for index in present):
                    _make(cursor, name, index_name(table, columns), columns, texts)
        if stale:
            run(cursor, f"analyze (skip_locked) {', '.join(stale)}")


def drop_indexes(connection: Any, dataset: str) -> None:
    """Drop the indexes that `index_keys` made in a dataset."""
    with connection.cursor() as cursor:
        run(
            cursor,
            "select indexname from pg_indexes where schemaname = %s and starts_with(indexname, %s)",
            [dataset, _PREFIX],
        )
        for (name,) in cursor.fetchall():
            run(cursor, f"drop index {quoted(dataset)}.{quoted(name)}")


def index_name(table: str, columns: Sequence[str]) -> str:
    """Return a name that no table has and no other index, of 63 characters at most."""
    name = f"{_PREFIX}{'.'.join((table, *columns))}"
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: LONGEST_NAME - len(digest) - 1]}.{digest}"


def _make(cursor: Any, table: str, name: str, columns: Sequence[str], texts: Collection[str]) -> None:
    """Make an index, unless somebody else is writing into the table; then it is the next load's to make."""
    # byte by byte: faster than in the order of a language, and still right when the server's libraries sort anew
    listed = ", ".join(
        quoted(column) + (" varchar_pattern_ops" if column in texts else "") for column in columns
    )
    try:
        run(
            cursor,
            f"lock table {table} in share mode nowait; create index if not exists {quoted(name)} on {table} ({listed})",
        )
    except psycopg2.Error as error:
        _log.info("%s has no index on %s: %s", table, ", ".join(columns), one_line(error))
