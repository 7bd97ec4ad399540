"""What the checks ask of the ledger and of the rejected rows: is all there that the API said it had.

Who writes these tables is `ecom_assets.load.run`; what is asked of a table itself is `check_queries`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecom_assets.load.check_finding import SAMPLE, Finding, Subject


def _newest(subject: Subject) -> str:
    """Return the SQL of the ledger rows that count: the newest of each window of a resource."""
    subject.columns("load_ledger", subject.resource.name)
    return (
        "select load_id, resource, partition_key, source_total, fetched, kept, rejected from (\n"
        "select *, row_number() over (partition by partition_key order by loaded_at desc) as age\n"
        f"from {subject.table('load_ledger')} where resource = ?\n"
        ") as entries where age = 1"
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
        f"order by 1, 2, 3 limit {SAMPLE}"
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
