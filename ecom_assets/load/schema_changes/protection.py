"""Stored values of columns that got a `pii`, or another time zone, after they were loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ecom_assets.contract.privacy import MASK
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.declaration.root_key import root_key_columns
from ecom_assets.extract.last_declaration import LastDeclaration, column_zones, protected_columns
from ecom_assets.warehouse.transaction import Transaction


@dataclass(frozen=True)
class ProtectionChange:
    """A change of `pii` or of a time zone.

    Attributes:
        column: The column, by the name that the table has it by after the load.
        text: The change for a person.
        plain: The `pii` that stored values do not have, None if all have it or cannot get it.
        refused: Whether no load may write the table, because a key would be in it in two forms.
    """

    column: str
    text: str
    plain: str | None = None
    refused: bool = False


def plain_condition(name: str, kind: str) -> str:
    """Return the SQL condition that a value of a column is not protected as a `pii` says."""
    text = f'cast("{name}" as varchar)'
    if kind == "drop":
        return f'"{name}" is not null'
    if kind == "mask":
        return f"({text} <> '' and {text} <> '{MASK}')"
    return f"({text} <> '' and not ({text} similar to '[0-9a-f]{{64}}'))"


def protection_changes(
    transaction: Transaction,
    shop: Shop,
    resource: Resource,
    table: str,
    sources: Mapping[str, str | None],
    last: LastDeclaration,
) -> Iterator[ProtectionChange]:
    """Yield the changes of `pii` and of time zones since the last load of a table.

    A table that each load replaces has none: all of its values come anew.

    Args:
        transaction: An open transaction.
        shop: The shop.
        resource: The resource.
        table: The table, as SQL names it.
        sources: The name of each column in the table, None where it has none.
        last: What the last load declared.
    """
    if resource.write_disposition == "replace":
        return
    yield from _changed_protection(transaction, shop, resource, table, sources, last)
    zones = column_zones(shop, resource)
    for name, zone in zones.items():
        before = (last.zones or {}).get(sources.get(name) or name)
        if before not in (None, zone):
            yield ProtectionChange(
                name,
                f"values without an offset are read in {zone} from now on, and were in {before}: if the API sends such "
                "values, load all windows again",
            )


def _changed_protection(
    transaction: Transaction,
    shop: Shop,
    resource: Resource,
    table: str,
    sources: Mapping[str, str | None],
    last: LastDeclaration,
) -> Iterator[ProtectionChange]:
    if last.protection is None:
        return
    now = protected_columns(shop, resource)
    key = {*resource.primary_key, *(root_key_columns(shop, resource) if resource.parent else ())}
    for name, kind in now.items():
        source = sources.get(name)
        former = last.protection.get(source) if source else None
        if source is None or (former == kind and source not in last.plain):
            continue
        if (former, kind) == ("mask", "hash"):
            yield ProtectionChange(
                name, "pii: hash from now on; stored values stay masked until you load them again"
            )
            continue
        count = transaction.fetch_value(f"select count(*) from {table} where {plain_condition(source, kind)}")
        is_plain = former != "hash" or source in last.plain
        if count:
            yield ProtectionChange(
                name,
                f"pii: {kind}, but {count} stored values are still {'plain' if is_plain else 'hashed'}; "
                f"to change them: ecom-assets migrate {shop.name} {resource.name}",
                plain=kind,
                refused=name in key,
            )
    for name, kind in last.protection.items():
        if name in sources.values() and name not in now and name not in (sources.get(entry) for entry in now):
            yield ProtectionChange(
                name,
                f"no longer pii: {kind}; stored values stay as they are until you load them again",
                refused=name in key,
            )
