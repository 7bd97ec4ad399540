"""How a resource of a shop looks as a Dagster asset: key, group, description, schema, dependencies.

See `ecom_assets.orchestration.metadata` for what a run adds to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from dagster import (
    AssetKey,
    AssetSpec,
    FreshnessPolicy,
    TableColumn,
    TableColumnConstraints,
    TableSchema,
)
from dagster_dlt import DagsterDltTranslator
from dagster_dlt.translator import DltResourceTranslatorData

from ecom_assets.contract.inference import type_text
from ecom_assets.declaration.reading import Column, Resource, Shop

OWNERS = ("team:data",)

WINDOW_LENGTHS: Mapping[str, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=31),
}


def asset_key(shop: Shop, resource: str) -> AssetKey:
    """Return the key of a resource's asset."""
    return AssetKey([shop.name, resource])


def load_pool(shop: Shop) -> str:
    """Return the pool of all ops that write to a shop's dataset. It has an effect where the instance limits pools."""
    return f"{shop.name}_load"


def freshness(shop: Shop, resource: Resource) -> FreshnessPolicy:
    """Return how old the last materialization may be: two windows, and a quarter of one to load it.

    Dagster warns half a window after a load was due. Snapshots are due once a day.
    """
    every = shop.partitions.every if shop.partitions and resource.windowed else "day"
    window = WINDOW_LENGTHS[every]
    return FreshnessPolicy.time_window(fail_window=window * 2.25, warn_window=window * 1.5)


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
    constraints = [f"references {'.'.join(column.references)}"] if column.references else []
    if column.name in resource.primary_key:
        constraints.insert(0, "primary key")
    return TableColumn(
        name=column.name,
        type=data_type or type_text(column),
        description=column.description,
        constraints=TableColumnConstraints(
            nullable=column.nullable,
            # with history, a key has a row for each state
            unique=resource.primary_key == (column.name,) and not resource.history,
            other=constraints,
        ),
    )


@dataclass
class ShopTranslator(DagsterDltTranslator):
    """Translates the dlt resources of one shop. It overrides `get_asset_spec` alone."""

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
            .replace_attributes(
                key=asset_key(shop, resource.name),
                deps=[asset_key(shop, parent.name)] if (parent := shop.parent_table_of(resource)) else [],
                # a resource that failed yields no result, while the others report theirs
                skippable=True,
                group_name=shop.name,
                description=resource.description,
                owners=list(OWNERS),
                freshness_policy=freshness(shop, resource),
                metadata={
                    "dagster/table_name": f"{shop.name}.{resource.name}",
                    "dagster/column_schema": table_schema(resource),
                },
            )
        )
