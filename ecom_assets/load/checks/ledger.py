"""The asset checks of the ledger and of the rejected rows: is all there that the API said it had.

See `ecom_assets.orchestration.checks` for how severe a finding is and when a check runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecom_assets.extract.paging.end_of_list import NOTHING
from ecom_assets.load.checks.finding import SAMPLE_ROWS, CheckedTable, Finding
from ecom_assets.load.ledger import LEDGER_TABLE
from ecom_assets.load.rejected_rows import REJECTED_ROWS_TABLE


def _newest_entries_sql(checked: CheckedTable) -> str:
    """Return the SQL of the newest ledger row of each window of a resource; older rows are history."""
    columns = checked.columns_of(LEDGER_TABLE, checked.resource.name)
    # a ledger of an earlier version has no such column until the next load
    confirmed_by = "confirmed_by" if "confirmed_by" in columns else "null as confirmed_by"
    return (
        f"select load_id, resource, partition_key, source_total, fetched, kept, rejected, {confirmed_by} from (\n"
        "select *, row_number() over (partition by partition_key order by loaded_at desc) as age\n"
        f"from {checked.quoted(LEDGER_TABLE)} where resource = ?\n"
        ") as entries where age = 1"
    )


def complete(checked: CheckedTable) -> Finding:
    """Find windows whose ledger does not add up: kept + rejected = fetched = what the API said it had.

    A list whose end nothing confirms is a warning: it has no total, and nothing says that there is no further page.
    """
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
    unconfirmed = tuple(row for row in rows if row["confirmed_by"] == NOTHING)
    description = f"{fetched} records in {loads}: {total_text}"
    if unconfirmed and not problems:
        example = unconfirmed[0]["partition_key"] or "the snapshot"
        description += (
            f". {len(unconfirmed)} of {loads} may lack records, such as {example}: the list has no total and no end. "
            "Declare total_path or total_header, a paginator with has_more_path or a pointer to the next page, or the "
            "page size among the endpoint's params"
        )
    return Finding(
        passed=not problems and not unconfirmed,
        is_warning=not problems,
        description="; ".join(problems) or description,
        figures={
            "loads": len(rows),
            "fetched": fetched,
            "kept": sum(row["kept"] for row in rows),
            "rejected": sum(row["rejected"] for row in rows),
            "loads_without_total": without_total,
            "loads_without_end": len(unconfirmed),
            "incomplete": len(incomplete) + len(missing),
        },
        sample=(incomplete or unconfirmed)[:SAMPLE_ROWS],
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
