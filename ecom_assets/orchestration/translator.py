"""How a resource of a shop looks as a Dagster asset: key, group, description, schema, dependencies.

See `ecom_assets.orchestration.metadata` for what a run adds to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from dagster import (
    AssetKey,
    AssetSpec,
    AutomationCondition,
    FreshnessPolicy,
    TableColumn,
    TableColumnConstraints,
    TableSchema,
)
from dagster_dlt import DagsterDltTranslator
from dagster_dlt.translator import DltResourceTranslatorData

from ecom_assets.contract.inference import type_text
from ecom_assets.declaration.assets.settings import AssetSettings
from ecom_assets.declaration.reading import Column, Resource, Shop
from ecom_assets.declaration.table.deletes import deletions_name
from ecom_assets.orchestration.links import links
from ecom_assets.warehouse.choice import warehouse_kind

KeyOf: TypeAlias = Callable[[Shop, str], AssetKey]
"""Returns the key of an asset of a shop by the name of its resource, or by `deletions_name` of it."""

WINDOW_LENGTHS: Mapping[str, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=31),
}


def asset_settings(shop: Shop, resource: Resource) -> AssetSettings:
    """Return what is declared of an asset: by the resource, else by the shop."""
    return resource.dagster.over(shop.dagster)


def asset_key(shop: Shop, resource: str) -> AssetKey:
    """Return the declared key of the asset of a resource, or of its deletions (`deletions_name`)."""
    declared = next((entry for entry in shop.resources if names_asset_of(entry, resource)), None)
    return AssetKey([*key_prefix(shop, declared), resource])


def key_prefix(shop: Shop, resource: Resource | None = None) -> tuple[str, ...]:
    """Return what is before the name in the key of a resource's asset, or in that of an asset of the whole shop."""
    declared = asset_settings(shop, resource).key_prefix if resource else shop.dagster.key_prefix
    return (shop.name,) if declared is None else declared


def names_asset_of(resource: Resource, name: str) -> bool:
    """Tell whether a name is that of a resource's asset, or of the asset of its deletions."""
    return resource.name == name or (resource.deletes is not None and deletions_name(resource.name) == name)


def load_pool(shop: Shop, resource: Resource | None = None) -> str:
    """Return the pool of the ops that write a table. It has an effect where the instance limits pools.

    Unless declared, it is one for the shop, because all of them write to one dataset. A child has its parent's.
    """
    while resource is not None and resource.dagster.pool is None and resource.parent is not None:
        resource = shop.resource(resource.parent)
    declared = resource.dagster.pool if resource else None
    return declared or shop.dagster.pool or f"{shop.name}_load"


def freshness(shop: Shop, resource: Resource) -> FreshnessPolicy | None:
    """Return how old the last materialization may be.

    Unless declared, a table without windows is due once a day, and has a quarter of one to load it. A table with
    windows has no policy then: a load of an old window would satisfy it. See `load_freshness`.
    """
    declared = asset_settings(shop, resource).freshness
    if declared is None:
        return None if shop.partitions and resource.windowed else _two_of(WINDOW_LENGTHS["day"])
    if not declared.limited:
        return None
    if declared.cron is None:
        return FreshnessPolicy.time_window(fail_window=declared.length, warn_window=declared.warn_after)
    return FreshnessPolicy.cron(
        deadline_cron=declared.cron, lower_bound_delta=declared.length, timezone=declared.timezone
    )


def load_freshness(shop: Shop) -> FreshnessPolicy | None:
    """Return how old the last load of any table may be: it tells on the status that nothing runs any more.

    It has none if `dagster.freshness` of the shop says when tables must be loaded.
    """
    if shop.dagster.freshness is not None:
        return None
    return _two_of(WINDOW_LENGTHS[shop.partitions.every if shop.partitions else "day"])


def _two_of(window: timedelta) -> FreshnessPolicy:
    """Return the policy for two windows and a quarter of one to load; it warns half a window after a load was due."""
    return FreshnessPolicy.time_window(fail_window=window * 2.25, warn_window=window * 1.5)


def automation_condition(settings: AssetSettings) -> AutomationCondition[AssetKey] | None:
    """Return when Dagster loads a table by itself, None if it does not."""
    declared = settings.automation_condition
    if declared is None:
        return None
    if declared.on_cron is not None:
        return AutomationCondition.on_cron(declared.on_cron, declared.timezone)
    if declared.condition == "eager":
        return AutomationCondition.eager()
    return AutomationCondition.on_missing() if declared.condition == "on_missing" else None


def look_of(shop: Shop, resource: Resource | None = None) -> dict[str, Any]:
    """Return the group, owners, tags and kinds of the assets of a resource or shop, by their names in a spec."""
    settings = asset_settings(shop, resource) if resource else shop.dagster
    return {
        "group_name": settings.group_name or shop.name,
        "owners": list(settings.owners or ()),
        "tags": dict(settings.tags or {}),
        "kinds": {"dlt", warehouse_kind()} if settings.kinds is None else set(settings.kinds),
    }


def look_of_spec(spec: AssetSpec) -> dict[str, Any]:
    """Return the same of a spec that a translator made."""
    tags = {key: value for key, value in spec.tags.items() if not key.startswith("dagster/kind/")}
    return {"group_name": spec.group_name, "owners": spec.owners, "tags": tags, "kinds": spec.kinds}


def table_schema(resource: Resource) -> TableSchema:
    """Return the known columns as Dagster's schema, so that the UI shows them before the first run."""
    # no request is made for a type before a run
    unknown = {column.name: "inferred by the first load" for column in resource.columns if column.inferred}
    return TableSchema(
        columns=[_column(resource, column, unknown.get(column.name)) for column in resource.table_columns]
    )


def loaded_table_schema(resource: Resource, columns: Sequence[Column]) -> TableSchema:
    """Return the columns of a table after a load as Dagster's schema."""
    return TableSchema(columns=[_column(resource, column) for column in columns])


def _column(resource: Resource, column: Column, data_type: str | None = None) -> TableColumn:
    """Return the schema of one column. It is unique only if it alone is the primary key."""
    hint = resource.column_hints.get(column.name)
    constraints = [f"references {'.'.join(column.references)}"] if column.references else []
    if column.name in resource.primary_key:
        constraints.insert(0, "primary key")
    return TableColumn(
        name=column.name,
        type=data_type or type_text(column),
        description=column.description or (hint.description if hint else None),
        constraints=TableColumnConstraints(
            nullable=column.nullable,
            # with history, a key has a row for each state
            unique=resource.primary_key == (column.name,) and not resource.history,
            other=constraints,
        ),
    )


def table_spec(shop: Shop, resource: Resource) -> AssetSpec:
    """Return the spec of a table as its declaration says, without its dlt resource, which takes longer to make."""
    return AssetSpec(
        asset_key(shop, resource.name),
        # a resource that failed yields no result, while the others report theirs
        skippable=True,
        **_attributes(shop, resource),
    )


def _attributes(shop: Shop, resource: Resource) -> dict[str, Any]:
    """Return all attributes of a table's spec but its key."""
    return {
        "deps": [asset_key(shop, parent.name)] if (parent := shop.parent_table_of(resource)) else [],
        "description": resource.description,
        "automation_condition": automation_condition(asset_settings(shop, resource)),
        "freshness_policy": freshness(shop, resource),
        "metadata": table_metadata_of(shop, resource),
        **look_of(shop, resource),
    }


@dataclass
class ShopTranslator(DagsterDltTranslator):
    """Translates the dlt resources of one shop, as its declaration says. It overrides `get_asset_spec` alone.

    A subclass that overrides it again may change all of the spec: see `build_defs`.
    """

    shop: Shop

    def get_asset_spec(self, data: DltResourceTranslatorData) -> AssetSpec:
        """Return the spec of a dlt resource.

        Raises:
            DeclarationError: The shop declares no resource of that name.
        """
        shop, resource = self.shop, self.shop.resource(data.resource.name)
        return (
            super()
            .get_asset_spec(data)
            .replace_attributes(key=asset_key(shop, resource.name), **_attributes(shop, resource))
        )


def table_metadata_of(shop: Shop, resource: Resource) -> dict[str, Any]:
    """Return what is known of a table before the first load, and its links."""
    return {
        **links(shop, resource),
        "dagster/table_name": f"{shop.name}.{resource.name}",
        "dagster/column_schema": table_schema(resource),
    }
