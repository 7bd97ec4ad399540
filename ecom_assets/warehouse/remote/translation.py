"""The SQL of this project in the words of another engine.

The SQL is written once, so that DuckDB and PostgreSQL both take it. sqlglot reads it as PostgreSQL's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

import sqlglot
from sqlglot import exp

_TEMPORARY_QUERY = re.compile(r"\s*create\s+temporary\s+table\s+(\w+)\s+as\s+(.*)", re.IGNORECASE | re.DOTALL)
_TEMPORARY_DROP = re.compile(r"\s*drop\s+table\s+(\w+)\s*", re.IGNORECASE)
_ANALYZE = re.compile(r"\s*analyze\s", re.IGNORECASE)
_CHANGE = re.compile(r"\s*(create|alter|drop|comment|truncate)\b", re.IGNORECASE)
_RENAME = re.compile(r"\s*alter\s+table\s+\S+\s+rename\s+to\b", re.IGNORECASE)
_DROP = re.compile(r"\s*drop\s+(table|view|schema)\b(?:\s+if\s+exists)?\s+(.*?)\s*", re.IGNORECASE)
_WRITE = re.compile(r'\s*(?:insert\s+into|update|delete\s+from)\s+("[^"]*"|\w+)(\s*\.)?', re.IGNORECASE)


def temporary_query_in(sql: str) -> tuple[str, str] | None:
    """Return name and query if a statement makes a temporary table of the answer of a query."""
    found = _TEMPORARY_QUERY.fullmatch(sql)
    return (found[1], found[2]) if found else None


def dropped_temporary_in(sql: str) -> str | None:
    """Return the name if a statement drops a table without a schema."""
    found = _TEMPORARY_DROP.fullmatch(sql)
    return found[1] if found else None


def dropped_in(sql: str) -> tuple[str, str] | None:
    """Return the kind and the name of what a statement drops: a table, a view or a schema."""
    found = _DROP.fullmatch(sql)
    return (found[1].lower(), found[2]) if found else None


def written_in(sql: str) -> tuple[str, bool] | None:
    """Return the table whose rows a statement writes, and whether a schema is named with it; None if it writes none."""
    found = _WRITE.match(sql)
    if not found:
        return None
    return found[1].strip('"'), bool(found[2])


def changes_structure(sql: str) -> bool:
    """Tell whether a statement changes which tables, columns or views there are."""
    return bool(_CHANGE.match(sql))


def renames_table(sql: str) -> bool:
    """Tell whether a statement gives a table another name."""
    return bool(_RENAME.match(sql))


def is_analysis(sql: str) -> bool:
    """Tell whether a statement collects statistics, which the engines here do by themselves."""
    return bool(_ANALYZE.match(sql))


def translate(
    sql: str,
    dialect: str,
    spelled: Callable[[str], str],
    temporary: Mapping[str, str],
    rewritten: Callable[[exp.Expression], exp.Expression] = lambda tree: tree,
) -> str:
    """Return a statement in the words of an engine.

    Args:
        sql: The statement, as DuckDB and PostgreSQL take it, with `?` for parameters.
        dialect: sqlglot's name of the engine.
        spelled: Returns how the engine spells an identifier.
        temporary: The tables that stand for temporary ones, by the names that the statement has for them.
        rewritten: Returns a statement with the forms of the engine that sqlglot does not write.
    """
    return _translate(sql, dialect, spelled, tuple(sorted(temporary.items())), rewritten)


@lru_cache(maxsize=4096)
def _translate(
    sql: str,
    dialect: str,
    spelled: Callable[[str], str],
    temporary: tuple[tuple[str, str], ...],
    rewritten: Callable[[exp.Expression], exp.Expression],
) -> str:
    tree = sqlglot.parse_one(sql, read="postgres").transform(_in_common_words)
    assert isinstance(tree, exp.Expression)
    names = dict(temporary)
    for table in tree.find_all(exp.Table):
        name = table.name
        if table.args.get("db") or name not in names:
            continue
        if not table.alias and not isinstance(
            table.parent, exp.Insert | exp.Schema | exp.Delete | exp.Update
        ):
            table.set("alias", exp.TableAlias(this=exp.to_identifier(name)))
        table.set("this", exp.to_identifier(names[name]))
    for identifier in tree.find_all(exp.Identifier):
        identifier.set("this", spelled(identifier.this))
        identifier.set("quoted", True)
    return rewritten(tree).sql(dialect=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)


def _in_common_words(node: exp.Expression) -> exp.Expression:
    """Return a part of a statement as every engine takes it.

    Some engines number rows in a declared order only. Some have no EXCEPT ALL: rows that are numbered among those that
    are equal to them differ, so that EXCEPT leaves as many.
    """
    if isinstance(node, exp.Window) and isinstance(node.this, exp.RowNumber) and not node.args.get("order"):
        node.set("order", exp.Order(expressions=[exp.Null()]))
    if isinstance(node, exp.Except) and not node.args.get("distinct"):
        columns = [column.name for column in node.this.selects]
        listed = ", ".join(f'"{column}"' for column in columns)
        number = f"row_number() over (partition by {listed} order by null) as ecom_number"
        left, right = (
            f"select {listed}, {number} from ({side.sql(dialect='postgres')}) as ecom_side"
            for side in (node.this, node.expression)
        )
        rest = f"select {listed} from ({left} except {right}) as ecom_rest"
        parsed = sqlglot.parse_one(rest, read="postgres")
        assert isinstance(parsed, exp.Expression)
        return parsed
    return node
