"""Tables that are somebody else's. No load writes them, whatever their names are.

A table is ours if the ledger has a load of it, or if the schema that our loads keep in `_dlt_version` has it. Our
schema has the ledger too, unlike that of a plain dlt pipeline.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.own_tables import LEDGER_TABLE, REJECTED_ROWS_TABLE
from ecom_assets.load.schema_changes.change import TableNotChanged
from ecom_assets.warehouse.transaction import Transaction

VERSIONS_TABLE = "_dlt_version"
"""dlt's table of the schemas that it has seen. It compares no table with a schema that it finds there."""
_ANOTHER_SCHEMA = "give the shop another name, or rename that schema"
_LEDGER_COLUMNS = frozenset({"load_id", "resource", "partition_key", "loaded_at"})
_REJECTED_COLUMNS = frozenset({"load_id", "resource", "reasons", "record"})


def foreign_tables(
    transaction: Transaction,
    shop: Shop,
    resources: Collection[Resource],
    schema_tables: Mapping[str, Mapping[str, Any]],
) -> dict[str, TableNotChanged]:
    """Return the errors of resources whose tables are not ours, or are no tables but views.

    Args:
        transaction: An open transaction; nothing is written.
        shop: The shop.
        resources: The resources to load.
        schema_tables: The tables of dlt's schema with the shop's name.

    Raises:
        WarehouseError: The dataset as a whole is somebody else's.
    """
    refuse_foreign_dataset(transaction, shop, schema_tables)
    if is_plain_dlt_dataset(transaction, shop, schema_tables):
        raise WarehouseError(
            f"{shop.name}: the schema {shop.name} in the warehouse is the dataset of another dlt pipeline, because it "
            f"has {VERSIONS_TABLE} and no {LEDGER_TABLE}: nothing was written. To go on with its tables: ecom-assets "
            f"adopt {shop.name}. To load beside it, {_ANOTHER_SCHEMA}"
        )
    errors: dict[str, TableNotChanged] = {}
    for name, table in foreign_table_names(transaction, shop, resources, schema_tables).items():
        errors[name] = TableNotChanged(
            name,
            f"{name}: the warehouse has a table {shop.name}.{table} that no load of this shop "
            "made: nothing of it was loaded, and the table is as it was. To go on with its rows: ecom-assets adopt "
            f"{shop.name} {name}. Otherwise rename that table or drop it, or give the resource another name",
        )
    views = _views(transaction, shop)
    for name in sorted({resource.name for resource in resources} & views - set(errors)):
        errors[name] = TableNotChanged(
            name,
            f"{name}: {shop.name}.{name} in the warehouse is a view, and a load writes tables only: nothing of it was "
            "loaded. Drop the view or give it another name; if it stands for a renamed table, give that one its name "
            "back",
        )
    return errors


def foreign_table_names(
    transaction: Transaction,
    shop: Shop,
    resources: Iterable[Resource],
    schema_tables: Mapping[str, Mapping[str, Any]],
) -> dict[str, str]:
    """Return the tables that are not ours, by resource. The arguments are those of `foreign_tables`."""
    present = _present(transaction, shop)
    known = set(schema_tables) if LEDGER_TABLE in schema_tables else set[str]()
    unknown = [
        (resource.name, table)
        for resource in resources
        for table in (resource.name, resource.renamed_from)
        if table in present and table not in known
    ]
    # the ledger grows with each load, so that it is asked only where the schema does not tell
    loaded = loaded_resources(transaction, shop) if unknown else set[str]()
    found: dict[str, str] = {}
    for name, table in unknown:
        if table not in loaded and not _is_left_empty(transaction, shop, table):
            found.setdefault(name, table)
    return found


def is_plain_dlt_dataset(transaction: Transaction, shop: Shop, schema_tables: Collection[str]) -> bool:
    """Tell whether the dataset is one of dlt, and no load of this shop has written into it."""
    present = _present(transaction, shop)
    return (
        VERSIONS_TABLE in present
        and LEDGER_TABLE not in present
        and LEDGER_TABLE not in schema_tables
        and not _is_left_empty(transaction, shop, VERSIONS_TABLE)
    )


def loaded_resources(transaction: Transaction, shop: Shop) -> set[str]:
    """Return the names of the resources of which the ledger has a load."""
    if LEDGER_TABLE not in transaction.columns_of(shop.name):
        return set()
    loaded = transaction.execute(f'select distinct resource from "{shop.name}"."{LEDGER_TABLE}"')
    return {name for (name,) in loaded.fetchall()}


def refuse_foreign_dataset(transaction: Transaction, shop: Shop, schema_tables: Collection[str]) -> None:
    """Raise WarehouseError for tables of somebody else in place of our own ones."""
    present = _present(transaction, shop)
    for table, columns in ((LEDGER_TABLE, _LEDGER_COLUMNS), (REJECTED_ROWS_TABLE, _REJECTED_COLUMNS)):
        if table in present and table not in schema_tables and not columns <= set(present[table]):
            raise WarehouseError(
                f"{shop.name}: the warehouse has a table {shop.name}.{table} that no load of this shop made, and "
                f"each load needs that name: nothing was written. Rename that table, or {_ANOTHER_SCHEMA}"
            )


def _is_left_empty(transaction: Transaction, shop: Shop, table: str) -> bool:
    """Tell whether a table may be what a killed load of this shop has left."""
    if not transaction.structure_commits:
        return False
    return not transaction.fetch_value(f'select count(*) from "{shop.name}"."{table}"')


def _views(transaction: Transaction, shop: Shop) -> set[str]:
    """Return the names of what is no table in the shop's schema, such as a view."""
    return set(transaction.columns_of(shop.name)) - set(transaction.base_tables_of(shop.name))


def _present(transaction: Transaction, shop: Shop) -> dict[str, Collection[str]]:
    """Return the columns of the tables in the shop's schema, by the names that the engine finds them by."""
    return {
        name if transaction.tells_case_apart else name.lower(): columns
        for name, columns in transaction.columns_of(shop.name).items()
    }
