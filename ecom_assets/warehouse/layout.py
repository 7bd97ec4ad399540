"""The layout of a dataset: a number that says which tables and columns of this project are in it.

Each load writes the number and the version of the package into one row. A dataset of a newer layout is refused wherever
it is opened, because this version could misread it, or take away what the newer one needs.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.transaction import Transaction

LAYOUT = 3
"""Raise it with each change that an older version must not write to. 1 is the layout before there was a
number, 2 that of loads by dlt, with its staging tables and the state of its pipeline."""

VERSION_TABLE = "_dlt_ecom_version"
"""No resource can have this name. With dlt's prefix, tools that list the tables of data leave it out."""


def refuse_newer_layout(transaction: Transaction, dataset: str) -> None:
    """Raise WarehouseError if a newer version of this package wrote a dataset. The transaction keeps what was found."""
    found = transaction.stored_layout = _stored(transaction, dataset)
    if found is not None and found[0] > LAYOUT:
        raise WarehouseError(
            f"{dataset}: ecom-assets {found[1]} wrote this dataset with layout {found[0]}, and ecom-assets "
            f"{_package_version()} knows layouts up to {LAYOUT}: nothing was read or written. Install version "
            f"{found[1]} or a newer one"
        )


def record_layout(transaction: Transaction, dataset: str) -> None:
    """Write layout and version of this package, in the transaction of a load, unless they were there when it began."""
    current = (LAYOUT, _package_version())
    found = transaction.stored_layout
    if found == current:
        return
    table = f'"{dataset}"."{VERSION_TABLE}"'
    if found is None:
        types = {"layout": "bigint", "package_version": "varchar"}
        transaction.make_table(dataset, VERSION_TABLE, types, required=())
    transaction.execute(f"delete from {table}")
    transaction.execute(f"insert into {table} (layout, package_version) values (?, ?)", current)


def _stored(transaction: Transaction, dataset: str) -> tuple[int, str] | None:
    """Return the layout and the version that wrote a dataset, None if it has no such row."""
    if VERSION_TABLE not in transaction.columns_of(dataset):
        return None
    rows = transaction.execute(
        f'select layout, package_version from "{dataset}"."{VERSION_TABLE}"'
    ).fetchall()
    return max(((int(layout), str(by)) for layout, by in rows), default=None)


@cache
def _package_version() -> str:
    """Return the version of this package, which is read from a file once a process."""
    try:
        return version("ecom-assets")
    except PackageNotFoundError:  # the code alone, without its package
        return "unknown"
