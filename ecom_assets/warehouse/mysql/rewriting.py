"""What MariaDB says otherwise than sqlglot writes it for MySQL."""

from __future__ import annotations

import re

from sqlglot import exp

from ecom_assets.warehouse.remote.rewriting import filtered

_UTC = re.compile(r"(?:Z|[+-]00(?::?00)?)$")
_INSTANTS = (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ)
_TEXTS = (exp.DataType.Type.VARCHAR, exp.DataType.Type.TEXT)


def rewritten(tree: exp.Expression) -> exp.Expression:
    """Return a statement with the forms of MariaDB."""
    tree = tree.transform(_rewritten_part)
    return _with_target(tree) if isinstance(tree, exp.Delete) else tree


def _rewritten_part(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.AtTimeZone):
        # stored instants are in UTC, without an offset
        part: exp.Expression = node.this
        return part
    if isinstance(node, exp.Cast) and node.to.this in _INSTANTS:
        value = node.this
        if isinstance(value, exp.Literal) and value.is_string:
            value = exp.Literal.string(_UTC.sub("", value.this))
        return exp.Cast(this=value, to=exp.DataType.build("datetime(6)", dialect="mysql"))
    if isinstance(node, exp.ColumnDef) and node.kind is not None:
        if node.kind.this in _INSTANTS:
            node.set("kind", exp.DataType.build("datetime(6)", dialect="mysql"))
        elif node.kind.this in _TEXTS and not node.kind.expressions:
            node.set("kind", exp.DataType.build("longtext", dialect="mysql"))
    if isinstance(node, exp.Filter):
        return filtered(node)
    if isinstance(node, exp.Ordered) and isinstance(node.this, exp.Literal):
        # sqlglot cannot say where nulls come for a column that is named by its place; here they come first
        node.set("nulls_first", not node.args.get("desc"))
    if isinstance(node, exp.Func) and node.sql("postgres").lower() in (
        "current_database()",
        "current_catalog",
    ):
        # what is a database to others is a schema here, and all of them are in one catalog
        return exp.Literal.string("def")
    return node


def _with_target(tree: exp.Delete) -> exp.Expression:
    """Return a DELETE that names its table before FROM, which one with an alias needs."""
    table = tree.this
    if not table.alias:
        return tree
    others = tree.args.get("using") or []
    if joined := _joined_table(tree):
        # MariaDB refuses a query of the table whose rows it deletes, but no join with it
        others = [joined]
    for other in others:
        table.append("joins", exp.Join(this=other))
    tree.set("using", None)
    tree.set("tables", [exp.Table(this=exp.to_identifier(table.alias, quoted=True))])
    return tree


def _joined_table(tree: exp.Delete) -> exp.Table | None:
    """Turn the condition that a row of the warehouse exists into a join, and return its table; else None."""
    where = tree.args.get("where")
    if where is None or tree.args.get("using") or not isinstance(where.this, exp.Exists):
        return None
    query = where.this.this
    if not isinstance(query, exp.Select):
        return None
    parts = {name for name, value in query.args.items() if value}
    table = query.find(exp.From)
    if not parts <= {"expressions", "from_", "from", "where"} or "where" not in parts or table is None:
        return None
    if not isinstance(table.this, exp.Table) or not table.this.alias or not table.this.db:
        return None
    where.set("this", query.args["where"].this)
    return table.this
