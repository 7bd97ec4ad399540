"""What a declaration and the tables disagree on, and what the next load will do: the command `ecom-assets diff`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ecom_assets.client.redaction import Redactor
from ecom_assets.declaration.reading import Shop
from ecom_assets.load.dlt_pipeline import open_pipeline
from ecom_assets.load.dlt_schema import restore_schema
from ecom_assets.load.schema_changes.foreign_tables import foreign_tables, loaded_resources
from ecom_assets.load.schema_changes.tables import refused_resources, schema_tables_of, table_changes
from ecom_assets.load.unions import undeclared_views
from ecom_assets.warehouse.errors import as_warehouse_error
from ecom_assets.warehouse.warehouse import Warehouse

AGREES, NEW, CHANGES, REFUSED, NOT_DECLARED = "agrees", "new", "changes", "refused", "not declared"


@dataclass(frozen=True)
class TableDiff:
    """How one table differs from the declaration.

    `state` is `agrees`, `new` (the next load makes the table), `changes` (the next load makes the `changes`), `refused`
    (the next load fails this resource because of `reason`), or `not declared` (no load writes the table any more;
    `dataset.name` is a view over several shops that the file of unions no longer declares). `changes` are texts by
    column, `*` for the table itself.
    """

    table: str
    state: str
    changes: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


def diff(shop: Shop, warehouse: Warehouse) -> tuple[TableDiff, ...]:
    """Return how each table of a shop differs from its declaration.

    Raises:
        WarehouseError: The warehouse cannot be read, or no load of the shop made its dataset.
    """
    tables = shop.tables
    if not warehouse.exists():
        return tuple(TableDiff(resource.name, NEW) for resource in tables)
    with (
        open_pipeline(shop, warehouse) as pipeline,
        as_warehouse_error(warehouse, Redactor(())),
        warehouse.read(shop.name) as transaction,
    ):
        restore_schema(transaction, pipeline, shop)
        schema_tables = schema_tables_of(pipeline, shop)
        foreign = foreign_tables(transaction, shop, tables, schema_tables)
        _, changes = table_changes(transaction, pipeline, shop, tables, schema_tables)
        refused = {**refused_resources(shop, tables, changes), **foreign}
        present = transaction.columns_of(shop.name)
        loaded = loaded_resources(transaction, shop)
        views = undeclared_views(shop, transaction, present)
    found = []
    for resource in tables:
        name = resource.name
        texts = changes[name].texts if name in changes else {}
        if name in refused:
            found.append(TableDiff(name, REFUSED, reason=str(refused[name])))
        elif name not in present and resource.renamed_from not in present:
            found.append(TableDiff(name, NEW))
        else:
            found.append(TableDiff(name, CHANGES if texts else AGREES, texts))
    declared = {name for entry in shop.resources for name in (entry.name, entry.renamed_from)}
    undeclared = (*sorted(loaded & set(present) - declared), *views)
    found += [TableDiff(name, NOT_DECLARED) for name in undeclared]
    return tuple(found)
