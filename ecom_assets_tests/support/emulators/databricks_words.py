"""A statement of Databricks in the words of DuckDB, and what Databricks refuses in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

VIEWS = """
create schema dbx;
create table dbx.created (table_schema varchar, table_name varchar, made timestamptz);
create view dbx.tables as
select schema_name as table_schema, table_name, 'MANAGED' as table_type, comment,
    (select max(made) from dbx.created as c where c.table_schema = t.schema_name and c.table_name = t.table_name)
    as created
from duckdb_tables() as t where not internal and schema_name <> 'dbx'
union all
select schema_name, view_name, 'VIEW', comment, now() from duckdb_views() where not internal and schema_name <> 'dbx';
create view dbx.columns as
select schema_name as table_schema, table_name, column_index as ordinal_position, column_name, comment,
    if(is_nullable, 'YES', 'NO') as is_nullable,
    case data_type when 'VARCHAR' then 'string' when 'BLOB' then 'binary' when 'INTEGER' then 'int'
    when 'TIMESTAMP WITH TIME ZONE' then 'timestamp' when 'TIMESTAMP' then 'timestamp_ntz'
    else lower(data_type) end as full_data_type, upper(split_part(full_data_type, '(', 1)) as data_type
from duckdb_columns() where not internal and schema_name <> 'dbx';
"""
"""What stands for INFORMATION_SCHEMA."""


_OF_A_LOAD = re.compile(r"ecom_temp_([0-9a-f]{12})_")
_ANY_LOAD = "0" * 12


@dataclass
class Words:
    """A statement: its kind, what it is for DuckDB, the table that it writes or makes, the schema that it begins to
    use, and whether it is a query of INFORMATION_SCHEMA."""

    kind: type[Any]
    statements: list[str] = field(default_factory=list)
    target: str = ""
    schema: str = ""
    asks_for_columns: bool = False


def in_words_of_duckdb(sql: str, properties: dict[str, str], schema: str) -> Words:
    """Return a statement in the words of DuckDB. Raises duckdb.Error for what Databricks refuses.

    Args:
        sql: The statement.
        properties: The properties of each table. Those of a new one are added, and of a dropped one removed.
        schema: The schema of unqualified names.
    """
    load = _OF_A_LOAD.search(sql)
    if load is None or sql.startswith("create"):
        return _translated(sql, properties, schema)
    # the same statement of another load is not read again
    known = _known(sql.replace(load[1], _ANY_LOAD), schema)
    statements = [statement.replace(_ANY_LOAD, load[1]) for statement in known.statements]
    return replace(known, statements=statements, target=known.target.replace(_ANY_LOAD, load[1]))


@lru_cache(maxsize=4096)
def _known(sql: str, schema: str) -> Words:
    return _translated(sql, {}, schema)


def _translated(sql: str, properties: dict[str, str], schema: str) -> Words:
    # sqlglot cannot read this as Databricks' own
    drops_column = sql.lower().startswith("alter table") and " drop column " in sql.lower()
    tree: Any = sqlglot.parse_one(
        sql.replace("`", '"') if drops_column else sql, read="duckdb" if drops_column else "databricks"
    )
    if isinstance(tree, exp.Use):
        return Words(type(tree), schema=tree.this.name)
    _refuse(tree)
    words = Words(type(tree), target=_target(tree, schema))
    for table in tree.find_all(exp.Table):
        if table.db == "information_schema":
            table.set("db", exp.to_identifier("dbx"))
            words.asks_for_columns = True
    for node in tree.find_all(exp.Literal):
        if node.is_string and node.this == "array<array<string>>":
            node.set("this", '[["VARCHAR"]]')
    if isinstance(tree, exp.Create):
        words.statements = _made(tree, words.target, properties)
    elif isinstance(tree, exp.Alter):
        words.statements = _altered(tree, words.target, properties)
    else:
        for dropped in tree.find_all(exp.Table) if isinstance(tree, exp.Drop) else ():
            properties.pop(f"{dropped.db or schema}.{dropped.name}", None)
        words.statements = [tree.sql(dialect="duckdb")]
    return words


def _target(tree: Any, schema: str) -> str:
    if isinstance(tree, exp.Query):
        return ""
    table = tree.find(exp.Table) if isinstance(tree, exp.Insert | exp.Create) else tree.this
    return f"{table.db or schema}.{table.name}" if isinstance(table, exp.Table) else ""


def _refuse(tree: Any) -> None:
    for window in tree.find_all(exp.Window):
        if isinstance(window.this, exp.RowNumber) and not window.args.get("order"):
            raise duckdb.ParserException("[INVALID_SQL_SYNTAX] row_number() needs an order")
    if isinstance(tree, exp.Merge) and tree.args["on"].find(exp.Select):
        raise duckdb.ParserException("[DELTA_UNSUPPORTED_SUBQUERY] a sub-query in the condition of MERGE")
    if not isinstance(tree, exp.Delete | exp.Update):
        return
    if tree.args.get("using") or tree.args.get("from") or tree.args.get("from_"):
        raise duckdb.ParserException("[PARSE_SYNTAX_ERROR] at or near USING or FROM")
    if any(query.parent_select for query in tree.find_all(exp.Select)):
        raise duckdb.ParserException("[DELTA_UNSUPPORTED_SUBQUERY] a sub-query within a sub-query")


def _made(tree: exp.Create, target: str, properties: dict[str, str]) -> list[str]:
    kind = str(tree.kind).lower()
    found = tree.args.pop("properties", None)
    texts = [] if found is None else [entry.sql(dialect="databricks") for entry in found.expressions]
    if kind == "schema":
        return [tree.sql(dialect="duckdb")]
    if any(isinstance(entry, exp.TemporaryProperty) for entry in (found or exp.Properties()).expressions):
        raise duckdb.ParserException(
            "a temporary table: the manual does not say what transactions make of it"
        )
    name = ".".join(f'"{part}"' for part in target.split("."))
    comments = []
    for column in tree.find_all(exp.ColumnDef):
        comments += _without_comment(column, name)
    if kind == "view":
        comment = next(iter((found or exp.Properties()).find_all(exp.SchemaCommentProperty)), None)
        after = [] if comment is None else [f"comment on view {name} is '{comment.this.name}'"]
        return [tree.sql(dialect="duckdb"), *after]
    is_there = tree.args.get("exists") and target in properties
    if not is_there:
        properties[target] = " ".join(texts)
    schema, _, table = target.partition(".")
    made = f"insert into dbx.created values ('{schema}', '{table}', now())"
    return [tree.sql(dialect="duckdb"), *([] if is_there else [*comments, made])]


def _altered(tree: exp.Alter, target: str, properties: dict[str, str]) -> list[str]:
    name = ".".join(f'"{part}"' for part in target.split("."))
    statements = []
    for action in tree.args["actions"]:
        if isinstance(action, exp.Drop) and "columnMapping" not in properties.get(target, ""):
            raise duckdb.ParserException("[DELTA_UNSUPPORTED_DROP_COLUMN] DROP COLUMN is not supported")
        columns = list(action.find_all(exp.ColumnDef))
        if not columns:
            statements.append(f"alter table {name} {action.sql(dialect='duckdb')}")
        for column in columns:
            comments = _without_comment(column, name)
            statements += [f"alter table {name} add column {column.sql(dialect='duckdb')}", *comments]
    return statements


def _without_comment(column: exp.ColumnDef, table: str) -> list[str]:
    """Take the comment off a column, and return the statement of DuckDB that gives it one."""
    constraints = column.args.get("constraints") or []
    comments = [entry for entry in constraints if isinstance(entry.kind, exp.CommentColumnConstraint)]
    column.set("constraints", [entry for entry in constraints if entry not in comments])
    return [f"comment on column {table}.\"{column.name}\" is '{entry.kind.this.name}'" for entry in comments]
