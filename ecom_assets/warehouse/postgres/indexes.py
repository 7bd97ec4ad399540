"""Indexes on the keys by which a load finds rows, and the statistics that PostgreSQL's planner needs to use them.

`ecom_assets.load.row_keys` decides which keys these are. The indexes are not unique: duplicate keys are found by the
asset checks, and do not fail a load.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ecom_assets.warehouse.errors import one_line
from ecom_assets.warehouse.postgres.errors import DRIVER_ERRORS
from ecom_assets.warehouse.postgres.identifiers import MAX_IDENTIFIER_LENGTH, quote_identifier
from ecom_assets.warehouse.postgres.statements import run_statement

_log = logging.getLogger(__name__)

_PREFIX = "ecom."
"""Begins the names of our indexes. Tables and columns of a declaration or of dlt have no dot in their names."""

# a tenth of a table is new or changed since it was analysed: autovacuum's own measure, at which it looks once a minute
_CHANGED_TABLES = """
select c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = %s and c.relkind in ('r', 'p') and c.relhasindex and pg_has_role(c.relowner, 'usage')
    and pg_stat_get_mod_since_analyze(c.oid) > 50 + 0.1 * greatest(c.reltuples, 0)
order by 1
"""

# name, whether it has rows and was never analysed, columns of text, columns of each index
_TABLES = """
select c.relname,
    pg_stat_get_mod_since_analyze(c.oid) > 50
        and coalesce(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) is null,
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


def analyze_changed_tables(connection: Any, dataset: str) -> None:
    """Analyse the tables with an index of which a tenth has changed, so that the next statements are planned well.

    This takes a tenth of a second and more for a table, so it is done before a load takes the lock. Tables that another
    load changes in their form or analyses at this moment are left out.

    Args:
        connection: A connection of psycopg2.
        dataset: The schema of the tables.
    """
    with connection.cursor() as cursor:
        run_statement(cursor, _CHANGED_TABLES, [dataset])
        _analyze(
            cursor,
            [f"{quote_identifier(dataset)}.{quote_identifier(name)}" for (name,) in cursor.fetchall()],
        )


def create_missing_indexes(
    connection: Any, dataset: str, keys: Mapping[str, Sequence[Sequence[str]]]
) -> None:
    """Create the indexes that tables lack, in the open transaction, and analyse the tables that never were.

    If an index cannot be created, because the table belongs to another user for example, the load runs without it.
    Without statistics PostgreSQL assumes that a key has many rows, and reads the whole table.

    Args:
        connection: A connection of psycopg2.
        dataset: The schema of the tables.
        keys: For each table, the columns of each index. Tables that do not exist yet are skipped.
    """
    unknown: list[str] = []
    with connection.cursor() as cursor:
        run_statement(cursor, _TABLES, [dataset, list(keys)])
        for table, is_unknown, texts, indexes in cursor.fetchall():
            name = f"{quote_identifier(dataset)}.{quote_identifier(table)}"
            if is_unknown:
                unknown.append(name)
            for columns in keys[table]:
                if not any(set(columns) == set(index[: len(columns)]) for index in indexes):
                    _create_index(cursor, name, index_name(table, columns), columns, texts)
        _analyze(cursor, unknown)


def drop_indexes(connection: Any, dataset: str) -> None:
    """Drop the indexes that `create_missing_indexes` created in a dataset."""
    with connection.cursor() as cursor:
        run_statement(
            cursor,
            "select indexname from pg_indexes where schemaname = %s and starts_with(indexname, %s)",
            [dataset, _PREFIX],
        )
        for (name,) in cursor.fetchall():
            run_statement(cursor, f"drop index {quote_identifier(dataset)}.{quote_identifier(name)}")


def index_name(table: str, columns: Sequence[str]) -> str:
    """Return a name of at most 63 characters that no table and no other index has."""
    name = f"{_PREFIX}{'.'.join((table, *columns))}"
    if len(name) <= MAX_IDENTIFIER_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: MAX_IDENTIFIER_LENGTH - len(digest) - 1]}.{digest}"


def _analyze(cursor: Any, tables: Sequence[str]) -> None:
    """Analyse tables, named as SQL names them, but those that somebody else locks."""
    if tables:
        run_statement(cursor, f"analyze (skip_locked) {', '.join(tables)}")


def _create_index(cursor: Any, table: str, name: str, columns: Sequence[str], texts: Collection[str]) -> None:
    """Create an index, unless somebody else is writing into the table. Then the next load creates it.

    Args:
        cursor: A cursor of psycopg2.
        table: The table, as SQL names it.
        name: The name of the index.
        columns: The columns of the index, in order.
        texts: The table's columns of text.
    """
    # texts are compared byte by byte: it is faster than the order of a language, and the index stays right when an
    # update of the server's libraries changes that order
    listed = ", ".join(
        quote_identifier(column) + (" varchar_pattern_ops" if column in texts else "") for column in columns
    )
    try:
        run_statement(
            cursor,
            f"lock table {table} in share mode nowait; "
            f"create index if not exists {quote_identifier(name)} on {table} ({listed})",
        )
    except DRIVER_ERRORS as error:
        _log.info("%s has no index on %s: %s", table, ", ".join(columns), one_line(error))
