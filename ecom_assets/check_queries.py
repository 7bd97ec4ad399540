"""What the checks ask the warehouse: SQL generated from a contract, and what its answer means.

Which checks a table has, how severe they are and when they run is `checks`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from ecom_assets.ingest.declaration import Column, Resource, Shop

SAMPLE = 5
"""How many offending rows a finding shows."""

_TYPES: Mapping[str, str] = {
    "text": "VARCHAR",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
    "time": "TIME",
    "json": "JSON",
    "binary": "BLOB",
}


@dataclass(frozen=True)
class Finding:
    """Whether a table passed, one line that says so, figures by name, offending rows, the SQL that ran."""

    passed: bool
    description: str
    figures: Mapping[str, int] = field(default_factory=dict)
    sample: tuple[Mapping[str, Any], ...] = ()
    sql: str = ""


class UnanswerableError(Exception):
    """A query cannot be asked, because a table or a column is missing; the message says which."""


@dataclass(frozen=True)
class Subject:
    """A table under examination, on an open connection.

    `windows` are the partition keys to examine in the ledger; None is every one that was ever loaded.
    """

    connection: duckdb.DuckDBPyConnection
    shop: Shop
    resource: Resource
    windows: Collection[str] | None = None

    def columns(self, table: str, asset: str | None = None) -> dict[str, str]:
        """Return a table's column types by name; raises UnanswerableError when there is no such table."""
        rows = self.connection.execute(
            "select column_name, data_type from information_schema.columns "
            "where table_catalog = current_database() and table_schema = ? and table_name = ?",
            [self.shop.name, table],
        ).fetchall()
        if not rows:
            first = f"{self.shop.name}/{asset or table}"
            raise UnanswerableError(
                f"the table {self.shop.name}.{table} does not exist: materialise {first} first"
            )
        return dict(rows)

    def require(self, table: str, *names: str) -> None:
        """Raise UnanswerableError unless a table is there with these columns."""
        missing = [name for name in names if name not in self.columns(table)]
        if missing:
            raise UnanswerableError(f"{self.shop.name}.{table} has no column {', '.join(missing)}")

    def rows(self, sql: str, *parameters: Any) -> tuple[dict[str, Any], ...]:
        """Return the answer to a query as dicts."""
        cursor = self.connection.execute(sql, list(parameters))
        names = [entry[0] for entry in cursor.description or ()]
        return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())

    def table(self, name: str) -> str:
        """Return a table's qualified and quoted name."""
        return f'"{self.shop.name}"."{name}"'


Query = Callable[[Subject], Finding]


def examine(query: Query, subject: Subject) -> Finding:
    """Return what a query finds; what keeps it from being asked is a finding too, never an exception."""
    try:
        subject.columns(subject.resource.name)
        return query(subject)
    except UnanswerableError as problem:
        return Finding(passed=False, description=str(problem))
    except duckdb.Error as error:
        return Finding(
            passed=False, description=f"the warehouse did not answer: {str(error).splitlines()[0]}"
        )


def primary_key_unique(subject: Subject) -> Finding:
    """Find primary keys that more than one row has."""
    resource = subject.resource
    subject.require(resource.name, *resource.primary_key)
    keys = ", ".join(f'"{name}"' for name in resource.primary_key)
    sql = (
        f'select {keys}, count(*) as "rows", count(*) over () as "keys"\n'
        f"from {subject.table(resource.name)}\ngroup by {keys} having count(*) > 1\n"
        f"order by all limit {SAMPLE}"
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


def sql_type(column: Column) -> str:
    """Return the DuckDB type that a declared column has."""
    if column.data_type == "decimal":
        return f"DECIMAL({column.precision},{column.scale})"
    return _TYPES[column.data_type]


def schema_nullability(subject: Subject) -> Finding:
    """Find declared columns that are missing or of another type, and nulls where none may be."""
    resource = subject.resource
    actual = subject.columns(resource.name)
    problems: list[Mapping[str, Any]] = []
    for column in resource.columns:
        found = actual.get(column.name)
        if found != sql_type(column):
            problem = "is missing" if found is None else f"is {found} instead of {sql_type(column)}"
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
        description=text or f"{len(resource.columns)} declared columns are there, with their types",
        figures={"rows": total, "columns": len(resource.columns), "nulls": sum(nulls)},
        sample=tuple(problems),
        sql=sql,
    )


def _newest(subject: Subject) -> str:
    """Return the SQL of the ledger rows that count: the newest of each window of a resource."""
    subject.columns("load_ledger", subject.resource.name)
    return (
        "select load_id, resource, partition_key, source_total, fetched, kept, rejected\n"
        f"from {subject.table('load_ledger')} where resource = ?\n"
        "qualify row_number() over (partition by partition_key order by loaded_at desc) = 1"
    )


def complete(subject: Subject) -> Finding:
    """Find windows whose ledger does not add up: kept + rejected = fetched = what the API said it had."""
    name = subject.resource.name
    sql = f"{_newest(subject)}\norder by partition_key"
    rows = subject.rows(sql, name)
    if subject.windows is not None:
        rows = tuple(row for row in rows if row["partition_key"] in subject.windows)
    missing = sorted(set(subject.windows or ()) - {row["partition_key"] for row in rows})
    wrong = tuple(
        row
        for row in rows
        if row["kept"] + row["rejected"] != row["fetched"]
        or row["source_total"] not in (None, row["fetched"])
    )
    problems = [_incomplete(row) for row in wrong[:SAMPLE]]
    problems += [f"{key}: not in the ledger" for key in missing[:SAMPLE]]
    if not rows and not missing:
        problems = [f"the ledger has no load of {name}: materialise {subject.shop.name}/{name} first"]
    unknown = sum(row["source_total"] is None for row in rows)
    said = "the API says no total" if unknown == len(rows) else "as many as the API said it had"
    loads = "1 load" if len(rows) == 1 else f"{len(rows)} loads"
    fetched = sum(row["fetched"] for row in rows)
    return Finding(
        passed=not problems,
        description="; ".join(problems) or f"{fetched} records in {loads}: {said}",
        figures={
            "loads": len(rows),
            "fetched": fetched,
            "kept": sum(row["kept"] for row in rows),
            "rejected": sum(row["rejected"] for row in rows),
            "loads_without_total": unknown,
            "incomplete": len(wrong) + len(missing),
        },
        sample=wrong[:SAMPLE],
        sql=sql,
    )


def _incomplete(row: Mapping[str, Any]) -> str:
    """Say what a ledger row's figures are."""
    total = "no total" if row["source_total"] is None else f"a total of {row['source_total']}"
    where = row["partition_key"] or "snapshot"
    return f"{where}: {row['kept']} kept + {row['rejected']} rejected, {row['fetched']} fetched, {total}"


def no_rejected_rows(subject: Subject) -> Finding:
    """Find rows that the newest load of each window rejected."""
    newest = _newest(subject)
    subject.columns("rejected_rows", subject.resource.name)
    sql = (
        f"with newest as (\n{newest}\n)\n"
        "select bad.partition_key, bad.primary_key, bad.reasons, count(*) over () as total\n"
        f"from {subject.table('rejected_rows')} as bad join newest on bad.load_id = newest.load_id\n"
        "and bad.resource = newest.resource and bad.partition_key is not distinct from newest.partition_key\n"
        f"order by all limit {SAMPLE}"
    )
    found = subject.rows(sql, subject.resource.name)
    total = int(found[0]["total"]) if found else 0
    return Finding(
        passed=not found,
        description=f"{total} records break the contract: see {subject.shop.name}.rejected_rows"
        if found
        else "no record breaks the contract",
        figures={"rejected": total},
        sample=tuple({key: row[key] for key in ("partition_key", "primary_key", "reasons")} for row in found),
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
            f"  from {subject.table(column.references.resource)} as parent\n"
            f'  where parent."{column.references.column}" = child."{column.name}"\n)\n'
            f"group by all order by all limit {SAMPLE}"
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
