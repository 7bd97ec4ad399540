"""The asset checks of the ledger and of the rejected rows: is all there that the API said it had.

See `ecom_assets.orchestration.checks` for how severe a finding is and when a check runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from ecom_assets.extract.paging.last_page import NOTHING
from ecom_assets.extract.windows import Window
from ecom_assets.load.checks.finding import SAMPLE_ROWS, CheckedTable, Finding, runnable_sql
from ecom_assets.load.ledger.coverage import (
    MISSING,
    PARTLY,
    Coverage,
    LedgerEntry,
    coverage_of,
    newest_entries,
    newest_entries_sql,
    newest_unfiltered_entries,
)
from ecom_assets.load.ledger.rejected_rows import rejected_counts
from ecom_assets.load.own_tables import LEDGER_TABLE, REJECTED_ROWS_TABLE


def _ledger_columns(checked: CheckedTable) -> Collection[str]:
    return checked.columns_of(LEDGER_TABLE, checked.resource.name)


def _coverage(checked: CheckedTable) -> Coverage:
    """Return what the newest entries of a resource cover; older ones are history."""
    _ledger_columns(checked)
    return checked.remembered(
        "coverage",
        lambda: coverage_of(newest_entries(checked.transaction, checked.shop, checked.resource)),
    )


def _entries_in_force(checked: CheckedTable, coverage: Coverage) -> list[LedgerEntry]:
    """Return the entries that count in the windows to examine, or all that count."""
    if checked.windows is None:
        return coverage.in_force
    pieces = (piece for window in checked.windows for piece in coverage.pieces_in(window.start, window.end))
    return list({id(entry): entry for _, _, entry in pieces}.values())


def _unfiltered(checked: CheckedTable) -> Sequence[LedgerEntry]:
    """Return the newest load of records that no window brings."""
    return checked.remembered(
        "unfiltered",
        lambda: newest_unfiltered_entries(checked.transaction, checked.shop, checked.resource),
    )


def complete(checked: CheckedTable) -> Finding:
    """Find windows whose ledger does not add up: kept + rejected = fetched = what the API said it had.

    A list whose end nothing confirms is a warning: it has no total, and nothing says that there is no further page.
    """
    name, partitions = checked.resource.name, checked.shop.partitions
    coverage = _coverage(checked)
    rows = sorted(_entries_in_force(checked, coverage), key=lambda entry: entry.start or entry.loaded_at)
    missing: list[Window] = []
    partly: list[Window] = []
    if checked.windows is not None:
        bounds = {(window.start, window.end) for window in checked.windows}
        rows = [entry for entry in rows if (entry.start, entry.end) in bounds]
        states = {window: coverage.state_of(window) for window in checked.windows}
        missing = sorted(window for window, state in states.items() if state == MISSING)
        partly = sorted(window for window, state in states.items() if state == PARTLY)
    elif partitions is not None and checked.resource.windowed:
        partly = coverage.windows_in_part(partitions, datetime.now(timezone.utc))
    incomplete = [entry for entry in rows if not entry.adds_up]
    problems = [_entry_problem(entry) for entry in incomplete[:SAMPLE_ROWS]]
    problems += [f"{window.partition_key}: not in the ledger" for window in missing[:SAMPLE_ROWS]]
    problems += [
        f"{window.partition_key}: only partly loaded, by windows of another cadence: load it again"
        for window in partly[:SAMPLE_ROWS]
    ]
    if not rows and not missing and not partly:
        problems = [f"the ledger has no load of {name}: materialise {checked.shop.name}/{name} first"]
    without_total = sum(entry.source_total is None for entry in rows)
    total_text = "the API says no total" if without_total == len(rows) else "as many as the API said it had"
    loads = "1 load" if len(rows) == 1 else f"{len(rows)} loads"
    fetched = sum(entry.fetched for entry in rows)
    unconfirmed = [entry for entry in rows if entry.confirmed_by == NOTHING]
    description = f"{fetched} records in {loads}: {total_text}"
    if unconfirmed and not problems:
        example = unconfirmed[0].partition_key or "the snapshot"
        if unconfirmed[0].source_total is None:
            reason = (
                "the list has no total and no end. Declare total_path or total_header, a paginator with has_more_path "
                "or a pointer to the next page, or the page size among the endpoint's params"
            )
        else:
            reason = (
                f"only its total of {unconfirmed[0].source_total} says that the list ends there, and it may be a "
                "maximum, or the number of records on the page. Look up the number of records in the API; if it has "
                "more, declare smaller windows, a paginator, or the page size among the endpoint's params"
            )
        description += f". {len(unconfirmed)} of {loads} may lack records, such as {example}: {reason}"
    return Finding(
        passed=not problems and not unconfirmed,
        is_warning=not problems,
        description="; ".join(problems) or description,
        figures={
            "loads": len(rows),
            "fetched": fetched,
            "kept": sum(entry.kept for entry in rows),
            "rejected": sum(entry.rejected for entry in rows),
            "loads_without_total": without_total,
            "loads_without_end": len(unconfirmed),
            "incomplete": len(incomplete) + len(missing) + len(partly),
        },
        sample=tuple(asdict(entry) for entry in (incomplete or unconfirmed)[:SAMPLE_ROWS]),
        sql=runnable_sql(newest_entries_sql(checked.shop, _ledger_columns(checked)), name),
    )


def _entry_problem(entry: LedgerEntry) -> str:
    """Return the figures of a ledger entry that does not add up, for a person."""
    total = "no total" if entry.source_total is None else f"a total of {entry.source_total}"
    where = entry.partition_key or "snapshot"
    return f"{where}: {entry.kept} kept + {entry.rejected} rejected, {entry.fetched} fetched, {total}"


def no_rejected_rows(checked: CheckedTable) -> Finding:
    """Find rows that the newest load of each window rejected."""
    coverage = _coverage(checked)
    checked.columns_of(REJECTED_ROWS_TABLE, checked.resource.name)
    counted = checked.remembered(
        "rejected",
        lambda: rejected_counts(
            checked.transaction, checked.shop, checked.resource, [*coverage.in_force, *_unfiltered(checked)]
        ),
    )
    in_force = set(_entries_in_force(checked, coverage))
    if checked.windows is None:
        in_force |= set(_unfiltered(checked))
    counts = {entry: count for entry, count in counted.items() if entry in in_force}
    total = sum(counts.values())
    sql = (
        "select partition_key, primary_key, reasons\n"
        f"from {checked.quoted(REJECTED_ROWS_TABLE)} where resource = ? and load_id = ?\n"
        f"and partition_key is not distinct from ? order by 1, 2, 3 limit {SAMPLE_ROWS}"
    )
    sample: list[Mapping[str, Any]] = []
    for entry in sorted(counts, key=lambda entry: (entry.partition_key or "", entry.load_id))[:SAMPLE_ROWS]:
        sample += checked.query(sql, checked.resource.name, entry.load_id, entry.partition_key)
    return Finding(
        passed=not total,
        description=f"{total} records break the contract: see {checked.shop.name}.rejected_rows"
        if total
        else "no record breaks the contract",
        figures={"rejected": total},
        sample=tuple(sample[:SAMPLE_ROWS]),
        sql=_rejected_rows_sql(checked, counts),
    )


def _rejected_rows_sql(checked: CheckedTable, entries: Collection[LedgerEntry]) -> str:
    """Return the query of the rejected rows of these loads; of no load, those of the windows to examine."""
    conditions, parameters = ["resource = ?"], [checked.resource.name]
    keys = sorted(window.partition_key for window in checked.windows or ())
    if keys:
        conditions.append("partition_key between ? and ?")
        parameters += [keys[0], keys[-1]]
    loads = sorted({entry.load_id for entry in entries})
    if loads:
        conditions.append(f"load_id in ({', '.join('?' * len(loads))})")
        parameters += loads
    sql = (
        f"select partition_key, primary_key, reasons\nfrom {checked.quoted(REJECTED_ROWS_TABLE)}\n"
        f"where {' and '.join(conditions)}\norder by 1, 2, 3"
    )
    return runnable_sql(sql, *parameters)
