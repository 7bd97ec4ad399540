"""What BigQuery says otherwise than sqlglot writes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from sqlglot import exp

from ecom_assets.warehouse.remote.rewriting import filtered
from ecom_assets.warehouse.remote.transaction import TEMPORARY

FILES = f"{TEMPORARY}files_"
"""Begins the names of the tables of a dataset into which files are loaded. Other temporary tables are of a session."""


@cache
def rewriting(dataset: str) -> Callable[[exp.Expression], exp.Expression]:
    """Return a function that returns a statement with the forms of BigQuery.

    Args:
        dataset: What unqualified names mean, unless they are those of a session's temporary tables.
    """

    def rewritten(tree: exp.Expression) -> exp.Expression:
        tree = tree.transform(_rewritten_part)
        if isinstance(tree, exp.Delete):
            _look_up(tree)
        if isinstance(tree, exp.Delete | exp.Update) and not tree.args.get("where"):
            tree.set("where", exp.Where(this=exp.true()))
        local = {entry.alias for entry in tree.find_all(exp.CTE)}
        for table in tree.find_all(exp.Table):
            name = table.name
            if table.args.get("db") or name in local or not isinstance(table.this, exp.Identifier):
                continue
            if name.startswith(FILES) or not name.startswith(TEMPORARY):
                table.set("db", exp.to_identifier(dataset, quoted=True))
        return tree

    return rewritten


def _look_up(tree: exp.Delete) -> None:
    """Let a DELETE look up the rows of other tables in a sub-query: BigQuery's has no USING."""
    others = tree.args.get("using")
    where = tree.args.get("where")
    if not others or where is None:
        return
    query = exp.select("1").from_(others[0])
    for other in others[1:]:
        query = query.join(other, join_type="cross")
    tree.set("using", None)
    tree.set("where", exp.Where(this=exp.Exists(this=query.where(where.this))))


def _rewritten_part(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Filter):
        return filtered(node)
    if isinstance(node, exp.Window):
        order = node.args.get("order")
        if order is not None and all(entry.find(exp.Null) for entry in order.expressions):
            # rows are numbered without an order, too
            node.set("order", None)
            if isinstance(node.parent, exp.Alias) and node.parent.alias == "ecom_number":
                # doubles are no columns of a partition
                texts = [exp.func("TO_JSON_STRING", part.copy()) for part in node.args["partition_by"]]
                node.set("partition_by", texts)
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.JSON:
        return exp.DataType.build("text")
    return node
