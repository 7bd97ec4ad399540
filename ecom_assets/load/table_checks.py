"""What the checks ask of a table itself: SQL generated from its contract, and what the answer means.

What they ask of the ledger is `ledger_queries`'s; how severe a finding is and when it is made is `checks`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecom_assets.load.check_finding import SAMPLE, Finding, Subject


def primary_key_unique(subject: Subject) -> Finding:
    """Find primary keys that more than one row has."""
    resource = subject.resource
    subject.require(resource.name, *resource.primary_key)
    keys = ", ".join(f'"{name}"' for name in resource.primary_key)
    sql = (
        f'select {keys}, count(*) as "rows", count(*) over () as "keys"\n'
        f"from {subject.table(resource.name)}\ngroup by {keys} having count(*) > 1\n"
        f"order by {', '.join(str(place + 1) for place in range(len(resource.primary_key)))} limit {SAMPLE}"
    )
    found = subject.rows(sql)
    repeated = int(found[0]["keys"]) if found else 0
    names = ", ".join(resource.primary_key)
    return Finding(
        passed=not found,
        description=f"{repeated} values of {names} stand in more than one row"
        if found
        else f"{names} is unique",
        figures={"repeated_keys": repeated},
        sample=tuple({name: row[name] for name in (*resource.primary_key, "rows")} for row in found),
        sql=sql,
    )


def schema_nullability(subject: Subject) -> Finding:
    """Find declared columns that are missing or of another type, and nulls where none may be."""
    resource = subject.resource
    actual = subject.columns(resource.name)
    problems: list[Mapping[str, Any]] = []
    for column in resource.table_columns:
        found = actual.get(column.name)
        right = subject.connection.type_of(column)
        if found != right:
            problem = "is missing" if found is None else f"is {found} instead of {right}"
            problems.append({"column": column.name, "problem": problem})
    guarded = [column.name for column in resource.columns if not column.nullable and column.name in actual]
    counts = ", ".join(["count(*)", *(f'count(*) - count("{name}")' for name in guarded)])
    sql = f"select {counts}\nfrom {subject.table(resource.name)}"
    total, *nulls = subject.connection.execute(sql).fetchall()[0]
    for name, count in zip(guarded, nulls, strict=True):
        if count:
            problems.append({"column": name, "problem": f"is null in {count} rows"})
    text = "; ".join(f"{problem['column']} {problem['problem']}" for problem in problems)
    return Finding(
        passed=not problems,
        description=text or f"{len(resource.table_columns)} declared columns are there, with their types",
        figures={"rows": total, "columns": len(resource.table_columns), "nulls": sum(nulls)},
        sample=tuple(problems),
        sql=sql,
    )


def references(subject: Subject) -> Finding:
    """Find foreign keys that point to no row; a null points nowhere, and is none."""
    resource, problems, statements = subject.resource, [], []
    sample: list[Mapping[str, Any]] = []
    figures: dict[str, int] = {}
    for column in resource.columns:
        if column.references is None:
            continue
        subject.require(resource.name, column.name)
        subject.require(column.references.resource, column.references.column)
        sql = (
            f'select "{column.name}" as "value", count(*) as "rows", sum(count(*)) over () as total\n'
            f"from {subject.table(resource.name)} as child\n"
            f'where "{column.name}" is not null and not exists (\n'
            f"  select 1 from {subject.table(column.references.resource)} as parent\n"
            f'  where parent."{column.references.column}" = child."{column.name}"\n)\n'
            f"group by 1 order by 1 limit {SAMPLE}"
        )
        statements.append(sql)
        found = subject.rows(sql)
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
