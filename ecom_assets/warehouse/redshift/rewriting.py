"""What Redshift says otherwise than sqlglot writes it."""

from __future__ import annotations

from sqlglot import exp

from ecom_assets.warehouse.redshift.types import MOST_BYTES
from ecom_assets.warehouse.remote.rewriting import filtered

_TEXTS = (exp.DataType.Type.VARCHAR, exp.DataType.Type.TEXT)


def rewritten(tree: exp.Expression) -> exp.Expression:
    """Return a statement with the forms of Redshift."""
    tree = tree.transform(_rewritten_part)
    if isinstance(tree, exp.Delete):
        _name_target(tree)
    return tree


def _rewritten_part(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Filter):
        return filtered(node)
    if isinstance(node, exp.NullSafeEQ):
        return _same(node)
    if isinstance(node, exp.NullSafeNEQ):
        return exp.Not(this=exp.paren(_same(node)))
    if isinstance(node, exp.Window):
        order = node.args.get("order")
        if order is not None and all(entry.find(exp.Null) for entry in order.expressions):
            node.set("order", None)  # no constant may stand there; rows are numbered without an order, too
    if isinstance(node, exp.DataType) and node.this in _TEXTS and not node.expressions:
        # without a length it would be 256 bytes, and a cast would cut off the rest
        return exp.DataType.build(f"varchar({MOST_BYTES})", dialect="redshift")
    return node


def _same(node: exp.Binary) -> exp.Expression:
    """Return IS NOT DISTINCT FROM, which Redshift lacks, as a condition that is never null."""
    left, right = node.this, node.expression

    def is_null(side: exp.Expression) -> exp.Expression:
        return exp.Is(this=side.copy(), expression=exp.Null())

    def is_not_null(side: exp.Expression) -> exp.Expression:
        return exp.Not(this=is_null(side))

    equal = exp.and_(is_not_null(left), is_not_null(right), exp.EQ(this=left.copy(), expression=right.copy()))
    return exp.paren(exp.or_(equal, exp.and_(is_null(left), is_null(right))))


def _name_target(tree: exp.Delete) -> None:
    """Let a DELETE name its table in full where it has an alias, which Redshift's has not.

    The name of the table alone might be that of another table in the condition.
    """
    table = tree.this
    alias = table.alias
    if not alias:
        return
    table.set("alias", None)
    for column in tree.find_all(exp.Column):
        if column.table == alias:
            column.set("table", table.this.copy())
            if database := table.args.get("db"):
                column.set("db", database.copy())
