"""What Databricks says otherwise than sqlglot writes it.

Its DELETE has no USING and its UPDATE no FROM, and neither takes a sub-query within a sub-query. Such a statement
becomes a MERGE: a query finds the rows, and with them the values of all columns of the table that it looks at. Rows of
the table with these values are the ones to change.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import sqlglot
from sqlglot import exp

from ecom_assets.warehouse.databricks.types import COLUMNS_BY_NAME

_STRING_TYPES = (exp.DataType.Type.TIME, exp.DataType.Type.JSON, exp.DataType.Type.JSONB)
_FOUND = "ecom_found"


def rewritten(tree: exp.Expression) -> exp.Expression:
    """Return a statement with the forms of Databricks."""
    tree = tree.transform(_rewritten_part)
    if isinstance(tree, exp.Create) and tree.kind == "TABLE" and not tree.args.get("properties"):
        tree.set("properties", _properties().copy())
    if not isinstance(tree, exp.Delete | exp.Update) or not _needs_merge(tree):
        return tree
    return _as_merge(tree)


@cache
def _properties() -> exp.Expression:
    """Return the properties without which no transaction writes a table."""
    made = sqlglot.parse_one(f"create table t (c STRING) {COLUMNS_BY_NAME}", read="databricks")
    found: exp.Expression = made.args["properties"]
    return found


def _rewritten_part(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.AtTimeZone):
        # a TIMESTAMP is an instant, and sessions are in UTC
        part: exp.Expression = node.this
        return part
    if isinstance(node, exp.DataType) and node.this in _STRING_TYPES:
        return exp.DataType.build("text")
    if isinstance(node, exp.Window):
        order = node.args.get("order")
        if order is not None and all(entry.find(exp.Null) for entry in order.expressions):
            # rows are numbered in an order only, and nulls without a type may have none
            node.set("order", exp.Order(expressions=[exp.Literal.number(1)]))
    return node


def _needs_merge(tree: exp.Delete | exp.Update) -> bool:
    if _others(tree):
        return True
    where = tree.args.get("where")
    queries = list(where.find_all(exp.Select)) if where is not None else []
    return any(query.parent_select is not None for query in queries)


def _others(tree: exp.Delete | exp.Update) -> list[exp.Expression]:
    """Return the other tables of a statement."""
    if isinstance(tree, exp.Delete):
        return list(tree.args.get("using") or [])
    source = tree.args.get("from_") or tree.args.get("from")
    return [] if source is None else [source.this]


def _as_merge(tree: exp.Delete | exp.Update) -> exp.Expression:
    """Return a MERGE for a statement whose columns are named with their tables, with its parameters in their order."""
    target = tree.this
    alias = target.alias or target.name
    where = tree.args.get("where")
    condition = exp.true() if where is None else where.this
    changes = tree.expressions if isinstance(tree, exp.Update) else []
    values = {f"ecom_value_{number}": entry.expression for number, entry in enumerate(changes)}
    used = {
        column.name: f"ecom_key_{column.name}"
        for part in (condition, *values.values())
        for column in part.find_all(exp.Column)
        if column.table == alias
    }
    query = exp.Select(distinct=exp.Distinct())
    for name, value in values.items():
        query = query.select(exp.alias_(value.copy(), name, quoted=True), copy=False)
    for column, name in used.items():
        query = query.select(exp.alias_(_column(column, alias), name, quoted=True), copy=False)
    if not values and not used:
        query = query.select(exp.alias_(exp.Literal.number(1), "ecom_value", quoted=True), copy=False)
    query = query.from_(target.copy(), copy=False)
    for other in _others(tree):
        query = query.join(other.copy(), join_type="cross", copy=False)
    query = query.where(condition.copy(), copy=False)
    return exp.Merge(
        this=target.copy(),
        using=exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier(_FOUND, quoted=True))),
        on=_same(used, alias),
        whens=exp.Whens(expressions=[exp.When(matched=True, then=_then(tree, changes, values))]),
    )


def _then(
    tree: exp.Expression, changes: list[exp.Expression], values: Mapping[str, exp.Expression]
) -> exp.Expression:
    if isinstance(tree, exp.Delete):
        return exp.Var(this="DELETE")
    return exp.Update(
        expressions=[
            exp.EQ(this=_column(entry.this.name), expression=_column(name, _FOUND))
            for entry, name in zip(changes, values, strict=True)
        ]
    )


def _same(used: Mapping[str, str], alias: str) -> exp.Condition:
    """Return the condition that a row of the table has the values that were found."""
    pairs = [
        exp.NullSafeEQ(this=_column(column, alias), expression=_column(name, _FOUND))
        for column, name in used.items()
    ]
    return exp.and_(*pairs) if pairs else exp.true()


def _column(name: str, table: str | None = None) -> exp.Column:
    return exp.column(name, table, quoted=True)
