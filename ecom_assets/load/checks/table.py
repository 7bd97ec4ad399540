"""The asset checks of a table itself: SQL generated from its contract, and what the answer means.

See `ecom_assets.orchestration.checks` for how severe a finding is and when a check runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecom_assets.declaration.reading import Resource
from ecom_assets.load.checks.finding import SAMPLE_ROWS, CheckedTable, Finding
from ecom_assets.load.checks.windows_with_nulls import windows_with_nulls
from ecom_assets.load.dispositions.history_table import is_open


def primary_key_unique(checked: CheckedTable) -> Finding:
    """Find primary keys that are in more than one row, or with history, in more than one row that is valid now."""
    resource = checked.resource
    checked.require_columns(resource.name, *resource.primary_key)
    keys = ", ".join(f'"{name}"' for name in resource.primary_key)
    sql = (
        f'select {keys}, count(*) as "rows", count(*) over () as "keys"\n'
        f"from {checked.quoted(resource.name)} as checked{_valid_now(checked)}\n"
        f"group by {keys} having count(*) > 1\n"
        f"order by {', '.join(str(place + 1) for place in range(len(resource.primary_key)))} limit {SAMPLE_ROWS}"
    )
    found = checked.query(sql)
    repeated = int(found[0]["keys"]) if found else 0
    names = ", ".join(resource.primary_key)
    return Finding(
        passed=not found,
        description=f"{repeated} values of {names} are in more than one row"
        if found
        else f"{names} is unique",
        figures={"repeated_keys": repeated},
        sample=tuple({name: row[name] for name in (*resource.primary_key, "rows")} for row in found),
        sql=sql,
    )


def _valid_now(checked: CheckedTable, word: str = "where", rows: str = "checked") -> str:
    """Return the SQL condition that a row is valid now, after a word; nothing where the table has no history."""
    history = checked.resource.history
    if history is None:
        return ""
    checked.require_columns(checked.resource.name, *history.validity_column_names)
    return f" {word} {is_open(history, rows)}"


def schema_nullability(checked: CheckedTable) -> Finding:
    """Find declared columns that are missing or of another type, and nulls in columns that are not nullable.

    Of undeclared columns of key and cursor, the type is whatever the records needed. The sample also names the windows
    of the rows with nulls: a column that became required is null in rows that were loaded before.
    """
    resource = checked.resource
    actual = checked.columns_of(resource.name)
    problems: list[Mapping[str, Any]] = []
    for column in resource.table_columns:
        found = actual.get(column.name)
        declared = checked.transaction.type_of(column)
        if found is None or (found != declared and not column.inferred):
            problem = "is missing" if found is None else f"is {found} instead of {declared}"
            problems.append({"column": column.name, "problem": problem})
    not_nullable = [
        column.name for column in resource.columns if not column.nullable and column.name in actual
    ]
    counts = ", ".join(["count(*)", *(f'count(*) - count("{name}")' for name in not_nullable)])
    sql = f"select {counts}\nfrom {checked.quoted(resource.name)}"
    total, *nulls = checked.transaction.execute(sql).fetchall()[0]
    for name, count in zip(not_nullable, nulls, strict=True):
        if count:
            problems.append({"column": name, "problem": f"is null in {count} rows"})
    text = "; ".join(f"{problem['column']} {problem['problem']}" for problem in problems)
    passed = not problems
    for name, count in zip(not_nullable, nulls, strict=True):
        for windows in windows_with_nulls(checked, name) if count else ():
            problems.append({"column": name, "problem": f"load again: {windows}"})
    return Finding(
        passed=passed,
        description=text or _columns_are_there(resource),
        figures={"rows": total, "columns": len(resource.table_columns), "nulls": sum(nulls)},
        sample=tuple(problems),
        sql=sql,
    )


def declared_columns_filled(checked: CheckedTable) -> Finding:
    """Find declared columns that are null in every row: a field may be misspelt."""
    resource = checked.resource
    actual = checked.columns_of(resource.name)
    names = [column.name for column in resource.columns if column.nullable and column.name in actual]
    counts = ", ".join(["count(*)", *(f'count("{name}")' for name in names)])
    sql = f"select {counts}\nfrom {checked.quoted(resource.name)}"
    rows, *filled = checked.transaction.execute(sql).fetchall()[0]
    empty = [name for name, count in zip(names, filled, strict=True) if rows and not count]
    text = (
        f"{', '.join(empty)}: null in all {rows} rows. Check the names of the fields, and path of the columns"
    )
    return Finding(
        passed=not empty,
        description=text
        if empty
        else "every declared column has a value in some row"
        if rows
        else "there are no rows",
        figures={"rows": rows, "empty_columns": len(empty)},
        sample=tuple({"column": name} for name in empty[:SAMPLE_ROWS]),
        sql=sql,
    )


def _columns_are_there(resource: Resource) -> str:
    inferred = [column.name for column in resource.table_columns if column.inferred]
    text = f"{len(resource.table_columns) - len(inferred)} declared columns are there, with their types"
    return f"{text}; {', '.join(inferred)}, which is not declared, is never null" if inferred else text


def references(checked: CheckedTable) -> Finding:
    """Find foreign keys that point to no row. A null is no foreign key. Of a history, only rows valid now count."""
    resource, problems, statements = checked.resource, [], []
    sample: list[Mapping[str, Any]] = []
    figures: dict[str, int] = {}
    for column in resource.columns:
        if column.references is None:
            continue
        checked.require_columns(resource.name, column.name)
        checked.require_columns(column.references.resource, column.references.column)
        sql = (
            f'select "{column.name}" as "value", count(*) as "rows", sum(count(*)) over () as total\n'
            f"from {checked.quoted(resource.name)} as child\n"
            f'where "{column.name}" is not null{_valid_now(checked, "and", "child")} and not exists (\n'
            f"  select 1 from {checked.quoted(column.references.resource)} as parent\n"
            f'  where parent."{column.references.column}" = child."{column.name}"\n)\n'
            f"group by 1 order by 1 limit {SAMPLE_ROWS}"
        )
        statements.append(sql)
        found = checked.query(sql)
        orphans = int(found[0]["total"]) if found else 0
        figures[f"orphans_{column.name}"] = orphans
        if orphans:
            problems.append(
                f"{orphans} rows have a {column.name} that {'.'.join(column.references)} does not have"
            )
        sample += [{"column": column.name, "value": row["value"], "rows": row["rows"]} for row in found]
    return Finding(
        passed=not problems,
        description="; ".join(problems) or "every foreign key points to a row",
        figures=figures,
        sample=tuple(sample),
        sql=";\n\n".join(statements),
    )
