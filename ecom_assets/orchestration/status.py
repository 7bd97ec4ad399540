"""The asset `[shop, "status"]`: whether a shop is healthy, on one page, without a request to the API.

Each load reports it at its end, as an event without a run. A person may materialise it at any time. Its figures are
those of `ecom-assets status`, and in addition the failed runs and the next ones, which the Dagster instance knows.
"""

# no postponed annotations here: Dagster reads that of `context` as a type
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any, TypeAlias

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetsDefinition,
    AssetSpec,
    DagsterInstance,
    Failure,
    MaterializeResult,
    MetadataValue,
    multi_asset,
)

from ecom_assets.declaration.reading import Shop
from ecom_assets.declaration.table.deletes import deletions_name
from ecom_assets.foundation.errors import IngestError
from ecom_assets.load.ledger.status import ResourceStatus, status, status_before_loads
from ecom_assets.orchestration.failed_loads import failed_loads
from ecom_assets.orchestration.links import links
from ecom_assets.orchestration.markdown import markdown_table
from ecom_assets.orchestration.next_runs import next_runs
from ecom_assets.orchestration.translator import (
    WINDOW_LENGTHS,
    asset_key,
    key_prefix,
    load_freshness,
    look_of,
    look_of_spec,
)
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.warehouse import Warehouse

_CHECKS: Mapping[str, str] = {
    "healthy": "No window has figures that do not add up, no row is rejected, and the last load of nothing failed.",
    "up_to_date": (
        "The newest window that is due is loaded, of each table with windows. It is due half a window after its end. "
        "The other tables were loaded in the last 36 hours."
    ),
}
_TROUBLE = ("rejected", "partly", "inconsistent", "failed loads")
"""Columns of the table of tables that are left out while nothing is in them: the page is narrow."""
_OVERDUE = timedelta(hours=36)

_Specs: TypeAlias = Mapping[AssetKey, AssetSpec]
_DECLARED: _Specs = MappingProxyType({})


@dataclass(frozen=True)
class ShopStatus:
    """What the asset shows: counts and tables as metadata, and what is wrong, by check."""

    metadata: Mapping[str, Any]
    problems: Mapping[str, Sequence[str]] = field(default_factory=dict)


def status_spec(shop: Shop, specs: _Specs = _DECLARED) -> AssetSpec:
    """Return the spec of the asset. It has the prefix, group, owners and tags of the shop.

    A translator changes them as it changes those of the tables; of most tables, if it does not treat all alike. A table
    that declares its own does not count. Several shops may have one prefix: unless it ends with the shop's name, the
    asset is called `<shop>_status`. A table called `status` keeps its key.

    Args:
        shop: The declared shop.
        specs: The specs of its tables by their declared keys, if a translator changed them.
    """
    look = {"key_prefix": list(key_prefix(shop)), **look_of(shop)}
    tables = [
        (
            {"key_prefix": list(key_prefix(shop, entry)), **look_of(shop, entry)},
            {"key_prefix": list(spec.key.path[:-1]), **look_of_spec(spec)},
        )
        for entry in shop.tables
        if (spec := specs.get(asset_key(shop, entry.name)))
    ]
    for part, of_shop in look.items():
        found = [made[part] for declared, made in tables if declared[part] == of_shop]
        look[part] = max(found, key=found.count, default=of_shop)
    prefix = look.pop("key_prefix")
    names = {entry.name for entry in shop.tables} | {spec.key.path[-1] for spec in specs.values()}
    name = "status" if prefix[-1:] == [shop.name] else f"{shop.name}_status"
    while name in names or name in map(deletions_name, names):
        name = f"shop_{name}"
    return AssetSpec(
        AssetKey([*prefix, name]),
        description=(
            f"Whether {shop.name} is healthy: what is loaded, missing, failed and rejected, and the next run. "
            "Each load reports it; materialise it to see it anew. It sends no request to the API."
        ),
        metadata=links(shop),
        freshness_policy=load_freshness(shop),
        **{**look, "kinds": {"report"}},
    )


def status_asset(shop: Shop, specs: _Specs = _DECLARED) -> AssetsDefinition:
    """Return the asset. It depends on no other one: Dagster would call it out of date after each load.

    Args:
        shop: The declared shop.
        specs: As in `status_spec`.
    """
    spec = status_spec(shop, specs)
    key = spec.key

    @multi_asset(
        name=f"show_{shop.name}_status",
        specs=[spec],
        check_specs=[AssetCheckSpec(name, asset=key, description=text) for name, text in _CHECKS.items()],
    )
    def show_status(context: AssetExecutionContext) -> Iterator[MaterializeResult[Any] | AssetCheckResult]:
        try:
            found = shop_status(shop, warehouse_from_environment(), context.instance, specs)
        except IngestError as error:
            raise Failure(description=str(error), metadata={"shop": shop.name}) from None
        yield MaterializeResult(asset_key=key, metadata=found.metadata)
        for name in _CHECKS:
            yield AssetCheckResult(asset_key=key, check_name=name, **_outcome(found, name))

    return show_status


def report_status(
    context: AssetExecutionContext,
    shop: Shop,
    warehouse: Warehouse,
    specs: _Specs,
    failed: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Report the status at the end of a run, as an event of no run. A warehouse in use is no failure of the load.

    Args:
        context: Of the run.
        shop: The shop that was loaded.
        warehouse: Where it was loaded.
        specs: As in `status_spec`.
        failed: How many windows of each table failed in this run, which Dagster does not know before its end.
    """
    key = status_spec(shop, specs).key
    try:
        found = shop_status(shop, warehouse, context.instance, specs, failed)
    except IngestError as error:
        context.log.warning(f"the status of {shop.name} is not reported: {error}")
        return
    run = {"run": MetadataValue.dagster_run(context.run.run_id)}
    context.instance.report_runless_asset_event(AssetMaterialization(key, metadata={**found.metadata, **run}))
    for name in _CHECKS:
        context.instance.report_runless_asset_event(
            AssetCheckEvaluation(asset_key=key, check_name=name, **_outcome(found, name))
        )


def _outcome(found: ShopStatus, name: str) -> dict[str, Any]:
    problems = found.problems.get(name, ())
    return {
        "passed": not problems,
        "severity": AssetCheckSeverity.WARN,
        "description": "; ".join(problems) or "all is well",
        "metadata": {"problems": len(problems)},
    }


def shop_status(
    shop: Shop,
    warehouse: Warehouse,
    instance: DagsterInstance,
    specs: _Specs = _DECLARED,
    failed: Mapping[str, int] = MappingProxyType({}),
) -> ShopStatus:
    """Return what the asset shows now.

    Args:
        shop: The declared shop.
        warehouse: Where it is loaded.
        instance: The Dagster instance that runs its loads.
        specs: As in `status_spec`.
        failed: Failed loads by table that the instance does not know yet.

    Raises:
        WarehouseError: The warehouse cannot be read.
    """
    now = datetime.now(timezone.utc)
    tables = status(shop, warehouse, now) if warehouse.exists() else status_before_loads(shop, now)
    failures = failed_loads(shop, instance, specs)
    for name, count in failed.items():
        failures[name] = max(failures[name], count)
    metadata: dict[str, Any] = {
        "windows_loaded": sum(entry.loaded for entry in tables if entry.first),
        "windows_missing": sum(entry.missing - entry.partly for entry in tables if entry.first),
        "windows_partly_loaded": sum(entry.partly for entry in tables if entry.first),
        "windows_inconsistent": sum(entry.failed for entry in tables),
        "failed_loads": sum(failures.values()),
        "rows": sum(entry.rows or 0 for entry in tables),
        "rejected": sum(entry.rejected for entry in tables),
    }
    if loads := [entry.last_load for entry in tables if entry.last_load]:
        metadata["last_load"] = MetadataValue.timestamp(max(loads))
    metadata["next_run"] = MetadataValue.md("\n".join(f"- {line}" for line in next_runs(shop, instance, now)))
    if bars := _bars(tables):
        metadata["windows_over_time"] = MetadataValue.md(bars)
    rows = [_row(entry, failures) for entry in tables]
    shown = [name for name in rows[0] if name not in _TROUBLE or any(row[name] for row in rows)]
    metadata["tables"] = MetadataValue.md(
        markdown_table([{name: row[name] for name in shown} for row in rows])
    )
    problems = {"healthy": _unhealthy(tables, failures), "up_to_date": _behind(shop, tables, now)}
    return ShopStatus(metadata, problems)


def _row(entry: ResourceStatus, failures: Mapping[str, int]) -> dict[str, Any]:
    """Return the line of a table."""
    return {
        "table": entry.resource,
        "rows": "none" if entry.rows is None else f"{entry.rows:,}",
        "rejected": f"{entry.rejected:,}" if entry.rejected else "",
        "windows": f"{entry.loaded} of {entry.loaded + entry.missing}" if entry.first else "",
        "partly": entry.partly or "",
        "inconsistent": entry.failed or "",
        "failed loads": failures[entry.resource] or "",
        "last load (UTC)": _instant(entry.last_load) or "never",
    }


def _bars(tables: Sequence[ResourceStatus]) -> str:
    """Return a bar over time for each table with windows, as a block of text."""
    windowed = [entry for entry in tables if entry.first]
    if not windowed:
        return ""
    width = max(len(entry.resource) for entry in windowed)
    lines = [f"{'':<{width}}  {windowed[0].first} to {windowed[0].last}"]
    lines += [f"{entry.resource:<{width}}  {entry.bar}" for entry in windowed]
    legend = (
        "█ loaded       ▒ partly loaded",
        "· not loaded   ! inconsistent",
    )  # two lines: the page is narrow
    return "\n".join(("```text", *lines, "", *legend, "```"))


def _unhealthy(tables: Sequence[ResourceStatus], failures: Mapping[str, int]) -> list[str]:
    """Return what is wrong with what was loaded."""
    found = []
    for entry in tables:
        if failures[entry.resource]:
            what = f"the last load of {failures[entry.resource]} windows failed"
            found.append(f"{entry.resource}: {what if entry.first else 'the last load failed'}")
        if entry.failed:
            found.append(
                f"{entry.resource}: the figures of {entry.failed} loads do not add up: load them again"
            )
        if entry.rejected:
            found.append(f"{entry.resource}: {entry.rejected:,} rejected rows, see rejected_rows")
    return found


def _behind(shop: Shop, tables: Sequence[ResourceStatus], now: datetime) -> list[str]:
    """Return which tables are not loaded up to where they should be."""
    found = []
    for entry in tables:
        if entry.first and shop.partitions:
            length = WINDOW_LENGTHS[shop.partitions.every]
            if entry.loaded_until is None or now - entry.loaded_until > length * 1.5:
                found.append(f"{entry.resource}: loaded up to {_instant(entry.loaded_until) or 'nothing'}")
        elif entry.last_load is None or now - entry.last_load > _OVERDUE:
            found.append(f"{entry.resource}: last loaded {_instant(entry.last_load) or 'never'}")
    return found


def _instant(value: datetime | None) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if value else ""
