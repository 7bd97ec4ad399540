"""The checks of a table, generated from its contract: their names, their severity, and running them.

They belong to the asset's own op (see `assets`), so that they run after each load, also of the resources that
loaded while a sibling failed. What they ask the warehouse is `check_queries`'s and `ledger_queries`'s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    MetadataValue,
)

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load import ledger_checks as ledger_queries
from ecom_assets.load import table_checks as check_queries
from ecom_assets.load.check_finding import CheckedTable, Finding, Query, examine
from ecom_assets.orchestration.markdown import markdown_table
from ecom_assets.orchestration.translator import asset_key
from ecom_assets.warehouse.warehouse import Warehouse


class _Check(NamedTuple):
    """What a check asks, whether a failure stops what comes after, and what it is for."""

    query: Query
    blocking: bool
    description: str


_CHECKS: Mapping[str, _Check] = {
    "primary_key_unique": _Check(
        check_queries.primary_key_unique, True, "No two rows have the same primary key."
    ),
    "schema_nullability": _Check(
        check_queries.schema_nullability,
        True,
        "Each declared column exists with its type, and no column that may not be null is.",
    ),
    "complete": _Check(
        ledger_queries.complete,
        True,
        "By the ledger, the records kept and rejected are those fetched, and as many as the API said it had.",
    ),
    "no_rejected_rows": _Check(
        ledger_queries.no_rejected_rows,
        False,
        "The newest loads rejected no record for breaking the contract.",
    ),
    "references": _Check(check_queries.references, False, "Each foreign key points to a row of its table."),
}


def check_specs(shop: Shop, resource: Resource) -> list[AssetCheckSpec]:
    """Return the checks of a table; `references` only where a column declares one."""
    has_references = any(column.references for column in resource.columns)
    return [
        AssetCheckSpec(
            name=name,
            asset=asset_key(shop, resource.name),
            description=check.description,
            blocking=check.blocking,
        )
        for name, check in _CHECKS.items()
        if name != "references" or has_references
    ]


def run_checks(
    shop: Shop,
    warehouse: Warehouse,
    keys: Iterable[AssetCheckKey],
    windows: Collection[str] | None = None,
) -> Iterator[AssetCheckResult]:
    """Yield the result of each check, on one connection.

    `windows` are the partition keys that a run has loaded; None, as when checks run alone, is all. A
    warehouse that cannot be read fails each check with the reason.
    """
    ordered = sorted(keys, key=lambda key: (key.asset_key.path, list(_CHECKS).index(key.name)))
    findings: list[tuple[AssetCheckKey, Finding]] = []
    if not ordered:
        return
    try:
        with warehouse.read(shop.name) as connection:
            for key in ordered:
                subject = CheckedTable(connection, shop, shop.resource(key.asset_key.path[-1]), windows)
                findings.append((key, examine(_CHECKS[key.name].query, subject)))
    except WarehouseError as error:
        findings = [(key, Finding(passed=False, description=str(error))) for key in ordered]
    # the file is let go before Dagster writes down the first event
    for key, finding in findings:
        yield _result(key, finding)


def _result(key: AssetCheckKey, finding: Finding) -> AssetCheckResult:
    """Put a finding in Dagster's words."""
    metadata: dict[str, Any] = dict(finding.figures)
    if finding.sample:
        metadata["sample"] = MetadataValue.md(markdown_table(finding.sample))
    if finding.sql:
        metadata["sql"] = MetadataValue.md(f"```sql\n{finding.sql}\n```")
    return AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=finding.passed,
        severity=AssetCheckSeverity.ERROR if _CHECKS[key.name].blocking else AssetCheckSeverity.WARN,
        description=finding.description,
        metadata=metadata,
    )
