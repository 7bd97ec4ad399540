"""The asset checks of a table, generated from its contract: names, severity, and how they run.

They belong to the op of the table's asset, so that they run after each load. Tables that loaded are checked even if
another table of the run failed. See `ecom_assets.load.checks.table` and `ecom_assets.load.checks.ledger` for the
queries.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    MetadataValue,
    PartitionsDefinition,
    PreviewWarning,
)

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.windows import Window
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.checks import ledger as ledger_checks
from ecom_assets.load.checks import table as table_checks
from ecom_assets.load.checks.finding import CheckedTable, Finding, Query, examine
from ecom_assets.orchestration.markdown import markdown_table
from ecom_assets.orchestration.translator import asset_key
from ecom_assets.warehouse.warehouse import Warehouse


class _Check(NamedTuple):
    """A check's query, whether its failure blocks downstream assets, and its description."""

    query: Query
    blocking: bool
    description: str


PARTITIONED_CHECKS = frozenset({"complete", "no_rejected_rows"})
"""The checks of windows: each has a result of its own for each partition. The others look at the whole table."""

_CHECKS: Mapping[str, _Check] = {
    "primary_key_unique": _Check(
        table_checks.primary_key_unique, True, "No two rows that are valid now have the same primary key."
    ),
    "schema_nullability": _Check(
        table_checks.schema_nullability,
        True,
        "Each declared column exists with its declared type. Columns that are not nullable contain no null.",
    ),
    "declared_columns_filled": _Check(
        table_checks.declared_columns_filled,
        False,
        "Each declared column has a value in some row. One that has none may be misspelt.",
    ),
    "complete": _Check(
        ledger_checks.complete,
        True,
        "By the ledger, kept plus rejected records equal the fetched records, and the total that the API reported.",
    ),
    "no_rejected_rows": _Check(
        ledger_checks.no_rejected_rows,
        False,
        "The newest load of each window rejected no record.",
    ),
    "references": _Check(
        table_checks.references, False, "Each foreign key has a row in the table that it references."
    ),
}


def check_specs(
    shop: Shop,
    resource: Resource,
    definition: PartitionsDefinition[str] | None = None,
    key: AssetKey | None = None,
) -> list[AssetCheckSpec]:
    """Return the checks of a table; those of keys only where the declaration has some.

    Args:
        shop: The declared shop.
        resource: The resource of the table.
        definition: The partitions of the table, which the checks of windows have too.
        key: The key of its asset, if it is not the declared one.
    """
    without = {
        "references": not any(column.references for column in resource.columns),
        "primary_key_unique": not resource.primary_key,
        "declared_columns_filled": not any(column.nullable for column in resource.columns),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PreviewWarning)  # of partitions_def
        return [
            AssetCheckSpec(
                name=name,
                asset=key or asset_key(shop, resource.name),
                description=check.description,
                blocking=check.blocking,
                partitions_def=definition if name in PARTITIONED_CHECKS else None,
            )
            for name, check in _CHECKS.items()
            if not without.get(name)
        ]


def run_checks(
    shop: Shop,
    warehouse: Warehouse,
    keys: Iterable[AssetCheckKey],
    windows: Collection[Window] | None,
    resources: Mapping[AssetKey, str],
    *,
    as_events: bool = False,
) -> Iterator[AssetCheckResult | AssetCheckEvaluation]:
    """Yield the result of each check, all of them read in one transaction.

    If the warehouse cannot be read, each check fails with the reason. Of a run of several windows, the checks of
    windows yield an evaluation of each window, then the result of all.

    Args:
        shop: The shop of all checks.
        warehouse: The warehouse that has its tables.
        keys: The checks to run, in any order.
        windows: The windows that the run loaded. None, as when checks run alone, stands for all.
        resources: The names of the resources by the keys of their assets.
        as_events: Yield evaluations only, for a run of partitioned assets without a partition. Dagster would fail to
            make them of results, because it looks for the partition of the assets that they depend on.
    """
    ordered = sorted(keys, key=lambda key: (key.asset_key.path, list(_CHECKS).index(key.name)))
    findings: list[tuple[AssetCheckKey, str | None, Finding]] = []
    tables: dict[AssetKey, CheckedTable] = {}
    if not ordered:
        return
    try:
        with warehouse.read(shop.name) as transaction:
            for key in ordered:
                resource = shop.resource(resources[key.asset_key])
                table = tables.setdefault(key.asset_key, CheckedTable(transaction, shop, resource, windows))
                query = _CHECKS[key.name].query
                if windows and len(windows) > 1 and key.name in PARTITIONED_CHECKS:
                    for window in windows:
                        finding = examine(query, table.of_windows((window,)))
                        findings.append((key, window.partition_key, finding))
                findings.append((key, None, examine(query, table)))
    except WarehouseError as error:
        findings = [(key, None, Finding(passed=False, description=str(error))) for key in ordered]
    # close the warehouse before Dagster writes the first event
    for key, partition, finding in findings:
        result = _check_result(key, finding)
        yield _evaluation(key, result, partition) if partition or as_events else result


def _evaluation(key: AssetCheckKey, result: AssetCheckResult, partition: str | None) -> AssetCheckEvaluation:
    """Return a result as an event, with the partition that Dagster's results lack in a run of several."""
    return AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
        blocking=_CHECKS[key.name].blocking,
        partition=partition,
    )


def _check_result(key: AssetCheckKey, finding: Finding) -> AssetCheckResult:
    """Return a finding as Dagster's result of a check."""
    is_error = _CHECKS[key.name].blocking and not finding.is_warning
    metadata: dict[str, Any] = dict(finding.figures)
    if finding.sample:
        metadata["sample"] = MetadataValue.md(markdown_table(finding.sample))
    if finding.sql:
        metadata["sql"] = MetadataValue.md(f"```sql\n{finding.sql}\n```")
    return AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=finding.passed,
        severity=AssetCheckSeverity.ERROR if is_error else AssetCheckSeverity.WARN,
        description=finding.description,
        metadata=metadata,
    )
