"""Forms of SQL that several services write otherwise than sqlglot does."""

from __future__ import annotations

from sqlglot import exp


def filtered(node: exp.Filter) -> exp.Expression:
    """Return an aggregate over the rows of a condition: other rows are null for it."""
    aggregate, condition = node.this.copy(), node.expression.this
    distinct = aggregate.this if isinstance(aggregate.this, exp.Distinct) else None
    holder, value = (aggregate, aggregate.this) if distinct is None else (distinct, distinct.expressions[0])
    kept = exp.Literal.number(1) if isinstance(value, exp.Star) else value
    case = exp.Case(ifs=[exp.If(this=condition, true=kept)])
    if distinct is None:
        holder.set("this", case)
    else:
        holder.set("expressions", [case])
    result: exp.Expression = aggregate
    return result
