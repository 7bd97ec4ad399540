"""How a resource of a shop looks as a Dagster asset: key, group, description, schema, dependencies.

What a run reports is `report`'s; what is loaded is `ecom_assets.ingest`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
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

from ecom_assets.declaration.reading import Column, Resource, Shop

OWNERS = ("team:data",)

_WINDOW: Mapping[str, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=31),
}


def asset_key(shop: Shop, resource: str) -> AssetKey:
    """Return the key of a resource's asset."""
    return AssetKey([shop.name, resource])


def load_pool(shop: Shop) -> str:
    """Return the pool of all that writes to a shop's dataset; without a limit on the instance it limits nothing."""
    return f"{shop.name}_load"


def freshness(shop: Shop, resource: Resource) -> FreshnessPolicy:
    """Return how old the last materialisation may be: two windows, and a quarter of one to load it.

    A warning comes half a window after one was due. Snapshots are due once a day.
    """
    every = shop.partitions.every if shop.partitions and resource.windowed else "day"
    window = _WINDOW[every]
    return FreshnessPolicy.time_window(fail_window=window * 2.25, warn_window=window * 1.5)


def table_schema(resource: Resource) -> TableSchema:
    """Return the table's columns in Dagster's words, so that the UI shows them before the first run."""
    return TableSchema(columns=[_column(resource, column) for column in resource.table_columns])


def _column(resource: Resource, column: Column) -> TableColumn:
    """Describe one column; only a key of one column makes it unique by itself."""
    kind: str = column.data_type
    if column.precision is not None:
        kind = f"{kind}({column.precision},{column.scale})"
    other = [f"references {'.'.join(column.references)}"] if column.references else []
    if column.name in resource.primary_key:
        other.insert(0, "primary key")
    return TableColumn(
        name=column.name,
        type=kind,
        description=column.description,
        constraints=TableColumnConstraints(
            nullable=column.nullable, unique=resource.primary_key == (column.name,), other=other
        ),
    )


@dataclass
class ShopTranslator(DagsterDltTranslator):
    """Names the assets of one shop. `get_asset_spec` is the only part of the base class that is replaced."""

    shop: Shop

    def get_asset_spec(self, data: DltResourceTranslatorData) -> AssetSpec:
        """Return the spec of the resource of that name; raises DeclarationError when none is declared."""
        shop, resource = self.shop, self.shop.resource(data.resource.name)
        return (
            super()
            .get_asset_spec(data)
            .replace_attributes(
                key=asset_key(shop, resource.name),
                deps=[asset_key(shop, resource.parent)] if resource.parent else [],
                # a resource that fails is left out, so that its siblings can report
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
