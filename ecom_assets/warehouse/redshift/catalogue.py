"""Queries of Redshift's catalogue, in its own words. `:p0` and so on are the places of parameters."""

from __future__ import annotations

from ecom_assets.warehouse.remote.lock import LOCK_TABLE

COLUMNS_QUERY = (
    "select cast(c.relname as varchar(127)), cast(a.attnum as integer), cast(a.attname as varchar(127)), "
    "cast(format_type(a.atttypid, a.atttypmod) as varchar(127)), not a.attnotnull "
    "from pg_attribute as a join pg_class as c on c.oid = a.attrelid join pg_namespace as n on n.oid = c.relnamespace "
    f"where n.nspname = :p0 and c.relkind in ('r', 'v') and c.relname <> '{LOCK_TABLE}' "
    "and a.attnum > 0 and not a.attisdropped "
    "union all select cast(view_name as varchar(127)), column_number, cast(column_name as varchar(127)), "
    "cast(column_type as varchar(127)), true from pg_get_late_binding_view_cols() "
    "as v(view_schema name, view_name name, column_name name, column_type varchar, column_number integer) "
    "where view_schema = :p0"
)
"""A query for the columns of a dataset but for the lock's, in Redshift's own words.

Redshift does not know the columns of a view WITH NO SCHEMA BINDING before somebody asks for them.
"""
TEMPORARY_COLUMNS_QUERY = (
    "select a.attname, format_type(a.atttypid, a.atttypmod) from pg_attribute as a join pg_class as c "
    "on c.oid = a.attrelid where c.relname = :p0 and pg_table_is_visible(c.oid) and a.attnum > 0 order by a.attnum"
)
"""A query for the columns of a temporary table."""
TABLES_QUERY = (
    "select c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
    "where n.nspname = :p0 and c.relkind = 'r'"
)
"""A query for the tables of a dataset that are no views."""
TABLE_QUERY = f"{TABLES_QUERY} and c.relname = :p1"
"""A query for one of them."""
VIEWS_QUERY = (
    "select n.nspname, c.relname, obj_description(c.oid) from pg_class as c "
    "join pg_namespace as n on n.oid = c.relnamespace where c.relkind = 'v' "
    "and n.nspname not in ('pg_catalog', 'information_schema', 'pg_internal') order by 1, 2"
)
"""A query for all views, and their comments."""
LOCK_HOLDER_QUERY = (
    "select t.pid, t.txn_owner, t.txn_start from svv_transactions as t join pg_class as c on c.oid = t.relation "
    "join pg_namespace as n on n.oid = c.relnamespace where n.nspname = :p0 and c.relname = :p1 "
    "and t.lock_mode = 'AccessExclusiveLock' and t.granted = 't'"
)
"""A query for the sessions that have locked a table: their number, user and beginning. Others than superusers see their
own."""
