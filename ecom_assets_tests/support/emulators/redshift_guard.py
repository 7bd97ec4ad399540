"""Which statements Redshift would refuse that PostgreSQL takes, and what PostgreSQL needs to take Redshift's.

The forms are those that Redshift's documentation names as missing, or as allowed only outside of a transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import sqlglot
from sqlglot import exp

_COMMAND = re.compile(
    r"\s*(set|reset|begin|commit|rollback|lock\s+table|fetch\s+forward\s+\d+\s+from|close|comment\s+on\s+view|"
    r"create\s+schema|drop\s+schema)\b",
    re.IGNORECASE,
)
"""Begins statements that both databases have, and that sqlglot does not parse."""
_CURSOR = re.compile(r"\s*declare\s+\w+\s+cursor\s+for\s+", re.IGNORECASE)
_UNBOUND = re.compile(r"\s+with\s+no\s+schema\s+binding\s*$", re.IGNORECASE)
_ROWS = re.compile(r"insert into \S+ \([^()]*\) values \(")
"""Begins an INSERT of many rows, which would take long to parse."""
_TEXT = re.compile(r"'(?:[^'\\]|''|\\.)*'", re.DOTALL)
_MOST_BYTES = 16 * 1024 * 1024
_MISSING: dict[type[exp.Expression], str] = {
    exp.Filter: "FILTER",
    exp.Lateral: "LATERAL",
    exp.Array: "arrays",
    exp.ArrayAgg: "arrays",
    exp.Unnest: "arrays",
    exp.OnConflict: "ON CONFLICT",
    exp.Returning: "RETURNING",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
    exp.GenerateSeries: "GENERATE_SERIES on tables",
    exp.TruncateTable: "TRUNCATE in a transaction, which it commits",
    exp.AlterColumn: "ALTER COLUMN in a transaction",
}
_FUNCTIONS = re.compile(
    r"pg_(try_)?advisory\w*|jsonb?_\w+(?<!json_parse)(?<!json_serialize)|to_jsonb?|encode|clock_timestamp|array_\w+",
    re.IGNORECASE,
)
_STATEMENTS = (
    exp.Query,
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.TruncateTable,
)
_TEXTS = (exp.DataType.Type.VARCHAR, exp.DataType.Type.TEXT)


def refusal(sql: str) -> str:
    """Return what of a statement Redshift lacks, or nothing."""
    if len(sql.encode()) > _MOST_BYTES:
        return "statements of more than 16 MB"
    return _refusal(sql if _ROWS.match(sql) else _TEXT.sub("''", sql))


@lru_cache(maxsize=8192)
def _refusal(sql: str) -> str:
    """Return what a statement lacks of which the texts are empty, so that equal ones are parsed once."""
    if _ROWS.match(sql) or _COMMAND.match(sql):
        return ""
    try:
        tree = sqlglot.parse_one(_CURSOR.sub("", _UNBOUND.sub("", sql)), read="redshift")
    except sqlglot.ParseError as error:
        return f"what sqlglot cannot read: {error}"
    if not isinstance(tree, _STATEMENTS) or not isinstance(tree, exp.Expression):
        return f"statement {sql.split()[0].upper()}"
    return next(_refusals(tree), "")


def as_postgresql(sql: str) -> str:
    """Return a statement as PostgreSQL takes it."""
    if sql.startswith("set query_group"):
        return sql.replace("query_group", "redshift.query_group")
    return _UNBOUND.sub("", sql)


def _refusals(tree: exp.Expression) -> Iterator[str]:
    for node in tree.walk():
        for kind, words in _MISSING.items():
            if isinstance(node, kind):
                yield words
        if isinstance(node, exp.Distinct) and node.args.get("on"):
            yield "DISTINCT ON"
        if (
            isinstance(node, exp.SetOperation)
            and not node.args.get("distinct")
            and not isinstance(node, exp.Union)
        ):
            yield f"{node.key.upper()} ALL"
        if isinstance(node, exp.Delete) and node.this.alias:
            yield "an alias of the table of a DELETE"
        if isinstance(node, exp.Values) and not isinstance(node.parent, exp.Insert):
            yield "VALUES as a table"
        if isinstance(node, exp.Create):
            yield from _refused_creations(node)
        if isinstance(node, exp.Alter) and len(node.args.get("actions") or ()) > 1:
            yield "several changes in one ALTER TABLE"
        if isinstance(node, exp.ColumnDef) and node.args.get("exists"):
            yield "ADD COLUMN IF NOT EXISTS"
        if isinstance(node, exp.DataType):
            if node.this in _TEXTS and not node.expressions and not node.find_ancestor(exp.TableAlias):
                yield "texts without a length, which cut off at 256 bytes"
            if node.this == exp.DataType.Type.ARRAY:
                yield "arrays"
        if isinstance(node, exp.Window):
            order = node.args.get("order")
            if order and any(isinstance(entry.this, exp.Null | exp.Literal) for entry in order.expressions):
                yield "a constant in ORDER BY of a window"
        if isinstance(node, exp.Anonymous) and _FUNCTIONS.fullmatch(node.name):
            yield f"the function {node.name}"
    yield from _skipped_levels(tree, [])


def _refused_creations(node: exp.Create) -> Iterator[str]:
    if node.kind == "INDEX":
        yield "indexes"
    if node.kind == "TABLE" and node.args.get("replace"):
        yield "CREATE OR REPLACE TABLE"


def _skipped_levels(tree: exp.Expression, outer: list[set[str]]) -> Iterator[str]:
    """Yield a refusal for each column of a table that is neither of its own query nor of the query around it."""
    own = [entry for entry in _of_this_query(tree) if isinstance(entry, exp.Table)]
    derived = [entry for entry in _of_this_query(tree) if isinstance(entry, exp.Subquery) and entry.alias]
    names = {entry.alias_or_name for entry in (*own, *derived)}
    for node in _of_this_query(tree):
        if isinstance(node, exp.Column) and node.table and not node.args.get("db"):
            near = names | (outer[-1] if outer else set())
            if node.table not in near and any(node.table in level for level in outer[:-1]):
                yield f"a correlation that skips a level: {node.sql()}"
        if isinstance(node, exp.Select):
            yield from _skipped_levels(node, [*outer, names])


def _of_this_query(tree: exp.Expression) -> Iterator[exp.Expression]:
    """Yield the nodes of a query, with its sub-queries but without their parts."""
    found = list(tree.iter_expressions())
    while found:
        node = found.pop()
        yield node
        if not isinstance(node, exp.Select):
            found += list(node.iter_expressions())
