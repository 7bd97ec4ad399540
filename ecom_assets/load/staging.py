"""dlt's staging tables, from which a load merges."""

from __future__ import annotations

from ecom_assets.declaration.reading import Shop
from ecom_assets.warehouse.transaction import Transaction


def empty_staging(transaction: Transaction, shop: Shop) -> None:
    """Delete the rows of dlt's staging tables, in the transaction of the load that merged from them.

    Without this, everything that was loaded would be stored a second time until the next load.
    """
    staging = f"{shop.name}_staging"
    for table in transaction.columns_of(staging):
        if not table.startswith("_dlt"):
            transaction.execute(f'truncate "{staging}"."{table}"')
