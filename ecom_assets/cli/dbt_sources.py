"""The command `dbt-sources`: prints a shop's tables as sources of a dbt project."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from ecom_assets.cli.arguments import ShopArgument, find_shop

if TYPE_CHECKING:  # or --help would wait for pydantic
    from ecom_assets.declaration.reading import Column, Resource, Shop

_HOURS = {"hour": 1, "day": 24, "week": 168, "month": 744}
_RESERVED_BY_POSTGRESQL = """
authorization binary collation concurrently cross current_catalog current_date current_role current_schema current_time
current_timestamp current_user freeze full grant ilike inner is isnull join left like localtime localtimestamp natural
notnull outer overlaps right session_user similar system_user tablesample user verbose
"""
"""Its reserved words that DuckDB does not reserve."""


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
        found["description"] = _literal(resource.description)
    prefix = resource.dagster.over(shop.dagster).key_prefix
    if prefix is not None:
        found["meta"] = {"dagster": {"asset_key": [*prefix, resource.name]}}
    cursor = resource.cursor
    if shop.partitions and resource.windowed and cursor and cursor.data_type == "timestamp":
        hours = _HOURS[shop.partitions.every]
        # dbt writes it into its SQL as it stands
        found["loaded_at_field"] = f'"{cursor.name}"' if _needs_quotes(cursor.name) else cursor.name
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
        found["description"] = _literal(column.description)
    if _needs_quotes(column.name):
        found["quote"] = True
    return {**found, "data_tests": tests} if tests else found


def _needs_quotes(name: str) -> bool:
    """Tell whether SQL reads a name as something else unless it is quoted: `max(user)` is the user of the session."""
    return name in _reserved_words() or not re.fullmatch(r"[a-z_][a-z0-9_]*", name)


@cache
def _reserved_words() -> frozenset[str]:
    """Return the words that DuckDB or PostgreSQL reserves."""
    import duckdb

    with duckdb.connect() as connection:
        found = connection.execute(
            "select keyword_name from duckdb_keywords() where keyword_category = 'reserved'"
        )
        return frozenset(_RESERVED_BY_POSTGRESQL.split()).union(word for (word,) in found.fetchall())


def _literal(text: str) -> str:
    """Return a text that dbt does not render as a template."""
    return f"{{% raw %}}{text}{{% endraw %}}" if re.search(r"\{[{%#]", text) else text
