"""The asset checks of the ledger and of the rejected rows: is all there that the API said it had.

See `ecom_assets.orchestration.checks` for how severe a finding is and when a check runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecom_assets.load.checks.finding import SAMPLE_ROWS, CheckedTable, Finding
from ecom_assets.load.ledger import LEDGER_TABLE
from ecom_assets.load.rejected_rows import REJECTED_ROWS_TABLE


def _newest_entries_sql(checked: CheckedTable) -> str:
    """Return the SQL of the newest ledger row of each window of a resource; older rows are history."""
    checked.columns_of(LEDGER_TABLE, checked.resource.name)
    return (
        "select load_id, resource, partition_key, source_total, fetched, kept, rejected from (\n"
        "select *, row_number() over (partition by partition_key order by loaded_at desc) as age\n"
        f"from {checked.quoted(LEDGER_TABLE)} where resource = ?\n"
        ") as entries where age = 1"
    )


def complete(checked: CheckedTable) -> Finding:
    """Find windows whose ledger does not add up: kept + rejected = fetched = what the API said it had."""
    name = checked.resource.name
    sql = f"{_newest_entries_sql(checked)}\norder by partition_key"
    rows = checked.query(sql, name)
    if checked.windows is not None:
        rows = tuple(row for row in rows if row["partition_key"] in checked.windows)
    missing = sorted(set(checked.windows or ()) - {row["partition_key"] for row in rows})
    incomplete = tuple(
        row
        for row in rows
        if row["kept"] + row["rejected"] != row["fetched"]
        or row["source_total"] not in (None, row["fetched"])
    )
    problems = [_row_problem(row) for row in incomplete[:SAMPLE_ROWS]]
    problems += [f"{key}: not in the ledger" for key in missing[:SAMPLE_ROWS]]
    if not rows and not missing:
        problems = [f"the ledger has no load of {name}: materialise {checked.shop.name}/{name} first"]
    without_total = sum(row["source_total"] is None for row in rows)
    total_text = "the API says no total" if without_total == len(rows) else "as many as the API said it had"
    loads = "1 load" if len(rows) == 1 else f"{len(rows)} loads"
    fetched = sum(row["fetched"] for row in rows)
    return Finding(
        passed=not problems,
        description="; ".join(problems) or f"{fetched} records in {loads}: {total_text}",
        figures={
            "loads": len(rows),
            "fetched": fetched,
            "kept": sum(row["kept"] for row in rows),
            "rejected": sum(row["rejected"] for row in rows),
            "loads_without_total": without_total,
            "incomplete": len(incomplete) + len(missing),
        },
        sample=incomplete[:SAMPLE_ROWS],
        sql=sql,
    )


def _row_problem(row: Mapping[str, Any]) -> str:
    """Return the figures of a ledger row that does not add up, for a person."""
    total = "no total" if row["source_total"] is None else f"a total of {row['source_total']}"
    where = row["partition_key"] or "snapshot"
    return f"{where}: {row['kept']} kept + {row['rejected']} rejected, {row['fetched']} fetched, {total}"


def no_rejected_rows(checked: CheckedTable) -> Finding:
    """Find rows that the newest load of each window rejected."""
    newest = _newest_entries_sql(checked)
    checked.columns_of(REJECTED_ROWS_TABLE, checked.resource.name)
    sql = (
        f"with newest as (\n{newest}\n)\n"
        "select bad.partition_key, bad.primary_key, bad.reasons, count(*) over () as total\n"
        f"from {checked.quoted(REJECTED_ROWS_TABLE)} as bad join newest on bad.load_id = newest.load_id\n"
        "and bad.resource = newest.resource and bad.partition_key is not distinct from newest.partition_key\n"
        f"order by 1, 2, 3 limit {SAMPLE_ROWS}"
    )
    found = checked.query(sql, checked.resource.name)
    total = int(found[0]["total"]) if found else 0
    return Finding(
        passed=not found,
        description=f"{total} records break the contract: see {checked.shop.name}.rejected_rows"
        if found
        else "no record breaks the contract",
        figures={"rejected": total},
        sample=tuple({key: row[key] for key in ("partition_key", "primary_key", "reasons")} for row in found),
        sql=sql,
    )
