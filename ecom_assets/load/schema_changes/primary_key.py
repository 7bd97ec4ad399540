"""Whether the rows of a table can have another primary key: each row has it, and no two rows have the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.declaration.root_key import root_key_columns
from ecom_assets.extract.last_declaration import LastDeclaration, keeps_one_row
from ecom_assets.warehouse.transaction import Transaction


@dataclass(frozen=True)
class KeyProblem:
    """Why rows cannot have a key, the columns that are in the way, and the SQL condition of the rows."""

    reason: str
    columns: frozenset[str]
    rows: str


def primary_key_problem(
    transaction: Transaction,
    shop: Shop,
    resource: Resource,
    table: str,
    stored_names: Mapping[str, str | None],
    last: LastDeclaration,
) -> KeyProblem | None:
    """Return why the rows of a table cannot have the declared primary key.

    The rows are only looked at if the key has changed, or if the table may have several rows for a key so far.

    Args:
        transaction: An open transaction.
        shop: The shop.
        resource: The resource.
        table: The table, as SQL names it.
        stored_names: The name of each declared column in the table, None where it has none.
        last: What the last load of the table declared.
    """
    key = resource.primary_key
    if resource.write_disposition != "merge" or not key:
        return None
    roots = tuple(root_key_columns(shop, resource)) if resource.parent else ()
    parts = tuple(dict.fromkeys((*key, *roots)))
    stored = {name: stored_names.get(name) for name in parts}
    known = last.primary_key is None or {stored[name] for name in key} == set(last.primary_key)
    is_unique = last.unique or not keeps_one_row(resource)
    if None not in stored.values() and known and is_unique:
        return None
    change = f"the primary key {', '.join(key)}"
    if last.primary_key and not known:
        change = f"the primary key {', '.join(last.primary_key)} cannot become {', '.join(key)}"
    for name, source in stored.items():
        condition = "true" if source is None else f'"{source}" is null'
        if count := transaction.fetch_value(f"select count(*) from {table} where {condition}"):
            return KeyProblem(f"{change}: {count} rows have no {name}", frozenset(parts), condition)
    columns = [f'"{stored[name]}"' for name in key if stored[name]]
    if resource.history and resource.history.valid_from in stored_names.values():
        columns.append(f'"{resource.history.valid_from}"')
    if len(columns) < len(key):
        return None  # the table is empty
    listed = ", ".join(columns)
    repeated = f"select {listed} from {table} group by {listed} having count(*) > 1"
    count = transaction.fetch_value(f"select count(*) from ({repeated}) as repeated")
    if not count:
        return None
    reason = f"{change}: {count} values of it are in more than one row"
    return KeyProblem(reason, frozenset(parts), f"({listed}) in ({repeated})")
