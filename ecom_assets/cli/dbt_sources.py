"""The command `dbt-sources`: prints a shop's tables as sources of a dbt project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ecom_assets.cli.arguments import ShopArgument, find_shop

if TYPE_CHECKING:  # or --help would wait for pydantic
    from ecom_assets.declaration.reading import Column, Resource, Shop

_HOURS = {"hour": 1, "day": 24, "week": 168, "month": 744}


def dbt_sources(shop: ShopArgument) -> None:
    """Print sources.yml for dbt: descriptions, tests and freshness from the declaration.

    dagster-dbt gives the tables the keys that their assets have: the names of the source and the table by default, and
    in `meta` where `key_prefix` declares others.
    """
    import yaml

    print("# Written by `ecom-assets dbt-sources`; write it again after a change of the declaration.")
    document = {"version": 2, "sources": [_source(find_shop(shop))]}
    print(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100), end="")


def _source(shop: Shop) -> dict[str, Any]:
    return {
        "name": shop.name,
        "schema": shop.name,
        "tables": [_table(shop, resource) for resource in shop.tables],
    }


def _table(shop: Shop, resource: Resource) -> dict[str, Any]:
    """Return a table. Its freshness is that of the cursor: the newest change that was loaded."""
    found: dict[str, Any] = {"name": resource.name}
    if resource.description:
        found["description"] = resource.description
    prefix = resource.dagster.over(shop.dagster).key_prefix
    if prefix is not None:
        found["meta"] = {"dagster": {"asset_key": [*prefix, resource.name]}}
    cursor = resource.cursor
    if shop.partitions and resource.windowed and cursor and cursor.data_type == "timestamp":
        hours = _HOURS[shop.partitions.every]
        found["loaded_at_field"] = cursor.name
        # a window is loaded after it has ended, so its newest change is up to two windows old
        found["freshness"] = {
            "warn_after": {"count": -(-hours * 5 // 2), "period": "hour"},
            "error_after": {"count": -(-hours * 13 // 4), "period": "hour"},
        }
    if columns := [_column(resource, column) for column in resource.columns]:
        found["columns"] = columns
    return found


def _column(resource: Resource, column: Column) -> dict[str, Any]:
    """Return a column. With history, a key has a row for each state, so it is not unique."""
    is_key = column.name in resource.primary_key
    tests: list[Any] = ["not_null"] if is_key or not column.nullable else []
    if resource.primary_key == (column.name,) and not resource.history:
        tests.append("unique")
    found: dict[str, Any] = {"name": column.name}
    if column.description:
        found["description"] = column.description
    return {**found, "data_tests": tests} if tests else found
