"""The changes that the tables of a run need, its parents among them, and the errors of resources that are refused."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import dlt

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.foundation.errors import IngestError
from ecom_assets.load.column_types import tables_to_know
from ecom_assets.load.schema_changes.change import Changes, TableChanges, TableNotChanged
from ecom_assets.load.schema_changes.compare import compare_tables, tables_to_compare
from ecom_assets.load.stored_columns import StoredColumns, stored_columns
from ecom_assets.warehouse.transaction import Transaction


def table_changes(
    transaction: Transaction,
    pipeline: dlt.Pipeline,
    shop: Shop,
    resources: Sequence[Resource],
    schema_tables: Mapping[str, Mapping[str, Any]],
    *,
    migrates: bool = False,
    discard: bool = False,
) -> tuple[StoredColumns, Changes]:
    """Return dlt's columns of the tables of resources and their parents, and the changes that the tables need.

    `migrates` and `discard` are those of `compare_tables`. Of a parent that is not loaded, only changes that keep all
    of its values count.
    """
    tables = [shop.resource(name) for name in tables_to_know(shop, resources)]
    stored = stored_columns(transaction, shop, tables_to_compare(tables))
    changes = compare_tables(
        transaction, shop, tables, stored, schema_tables, migrates=migrates, discard=discard
    )
    loaded = {resource.name for resource in resources}
    return stored, {
        name: change for name, change in changes.items() if name in loaded or not change.replaces_values
    }


def chosen_tables(shop: Shop, names: Collection[str]) -> list[Resource]:
    """Return the resources with these names, in the order of the declaration; all of them without names.

    Raises:
        IngestError: The shop declares no table of a name.
    """
    declared = {resource.name for resource in shop.tables}
    for name in names:
        if name not in declared:
            raise IngestError(
                f"TABLE: found {name!r}, which {shop.name} does not declare; allowed: {', '.join(sorted(declared))}"
            )
    return [resource for resource in shop.tables if not names or resource.name in names]


def refused_resources(
    shop: Shop, resources: Iterable[Resource], changes: Changes
) -> dict[str, TableNotChanged]:
    """Return the errors of the resources whose tables cannot be changed.

    A child is refused too if the key or the cursor of a parent is: SQL compares the rows of both by them.
    """
    errors: dict[str, TableNotChanged] = {}
    for resource in resources:
        for name in tables_to_know(shop, (resource,)):
            change, other = changes.get(name), shop.resource(name)
            compared = {*other.primary_key, *([other.cursor.name] if other.cursor else [])}
            if change is None or not change.refusals:
                continue
            if name == resource.name or compared & change.refused_columns:
                errors.setdefault(
                    resource.name, TableNotChanged(resource.name, _refusal(shop, resource, name, change))
                )
    return errors


def _refusal(shop: Shop, resource: Resource, table: str, change: TableChanges) -> str:
    """Return the message about a table that cannot be changed."""
    where = resource.name if table == resource.name else f"{resource.name}: its parent {table}"
    return (
        f"{where}: {'; '.join(change.refusals)}. Nothing of it was loaded. Declare it as it was, or load the table "
        f"anew: ecom-assets reset {shop.name} {table}. To see what is in the way: "
        f"ecom-assets migrate {shop.name} {table}"
    )


def schema_tables_of(pipeline: dlt.Pipeline, shop: Shop) -> dict[str, Any]:
    """Return a copy of the tables of dlt's schema."""
    schema = pipeline.schemas.get(shop.name)
    return {} if schema is None else {name: deepcopy(dict(table)) for name, table in schema.tables.items()}
