"""Pins the columns that tables have: writes them into the declaration, so that they are a contract from now on.

Declared columns are never touched, and the tables stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ecom_assets.declaration.column_types import COLUMN_TYPES, DEFAULT_PRECISION, DEFAULT_SCALE
from ecom_assets.declaration.field_types import COLUMN_NAME
from ecom_assets.declaration.reading import Column, Resource, Shop
from ecom_assets.declaration.table.column import default_path
from ecom_assets.declaration.table.deletes import DELETED_AT
from ecom_assets.discovery.output.shop_yaml import flow_yaml
from ecom_assets.discovery.output.yaml_text import YamlText
from ecom_assets.discovery.verification import load_text
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse


@dataclass
class Pinned:
    """The new text of a file, the pinned columns in words, and what a person has to look at."""

    text: str
    changes: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)


def pin(shop: Shop, text: str, warehouse: Warehouse) -> Pinned:
    """Return a shop's file with the columns that its tables have and it does not declare.

    Args:
        shop: The shop that the file declares.
        text: The file's text.
        warehouse: Where the tables are.

    Raises:
        WarehouseError: The warehouse cannot be read.
        DeclarationError: The file would be wrong afterwards.
    """
    result = Pinned(text)
    yaml_text = YamlText(text)
    positions = yaml_text.positions_by_name(["resources"])
    with warehouse.read(shop.name) as transaction:
        tables = transaction.columns_of(shop.name)
        found = {
            resource.name: list(_undeclared(transaction, resource, tables.get(resource.name, {}), result))
            for resource in shop.resources
        }
    for resource in shop.resources:
        columns = found[resource.name]
        if resource.name not in tables:
            result.unresolved.append(f"{resource.name} has no table yet: load it first")
        elif columns and resource.name not in positions:
            result.unresolved.append(f"{resource.name} is declared in another file")
        elif columns:
            lines = [f"{flow_yaml(column.name)}: {flow_yaml(_body(column))}" for column in columns]
            try:
                yaml_text.add_all(["resources", positions[resource.name]], "columns", lines)
            except LookupError as error:
                result.unresolved.append(f"{resource.name}: {error}, so it stays as it is")
                continue
            result.changes += [f"{resource.name}.{column.name}: {column.data_type}" for column in columns]
    result.text = yaml_text.text
    load_text(result.text, shop.name, shop.file)
    return result


def _undeclared(
    transaction: Transaction, resource: Resource, stored: Mapping[str, str], result: Pinned
) -> Iterator[Column]:
    """Yield the columns of a table that its resource does not declare, with their types, in the table's order."""
    declared = {column.name for column in resource.declared_columns}
    inferred = {column.name: column for column in resource.columns if column.inferred}
    for name, kind in stored.items():
        if name in declared or name.startswith("_dlt") or (resource.deletes and name == DELETED_AT.name):
            continue
        column = _column_of_type(transaction, name, kind)
        if column is None or not COLUMN_NAME.fullmatch(name):
            problem = f"has the type {kind}" if column is None else "has a name that no declaration can have"
            result.unresolved.append(f"{resource.name}.{name} {problem}, so it stays undeclared")
        elif name in resource.column_hints:
            body = flow_yaml(_body(column)).strip("{}")
            result.unresolved.append(
                f"{resource.name}.{name} is in the file without a type: add {body} to it"
            )
        else:
            yield inferred[name].with_type(column) if name in inferred else column


def _column_of_type(transaction: Transaction, name: str, kind: str) -> Column | None:
    """Return a column whose type in the warehouse is `kind`, None if there is no such type."""
    size = re.search(r"\((\d+),(\d+)\)", kind)
    for data_type, column_type in COLUMN_TYPES.items():
        keys: dict[str, Any] = {"name": "pinned", "data_type": data_type}
        if column_type.has_size:
            if size is None:
                continue
            keys |= {"precision": int(size[1]), "scale": int(size[2])}
        column = Column.model_validate(keys)
        if transaction.type_of(column) == kind:
            return column.model_copy(update={"name": name, "path": default_path(name)})
    return None


def _body(column: Column) -> dict[str, Any]:
    """Return the keys that declare a column."""
    body: dict[str, Any] = {"data_type": column.data_type}
    if column.precision is not None and (column.precision, column.scale) != (
        DEFAULT_PRECISION,
        DEFAULT_SCALE,
    ):
        body |= {"precision": column.precision, "scale": column.scale}
    if column.inferred:
        body["nullable"] = False
    if column.path != default_path(column.name):
        body["path"] = ".".join(column.path)
    return body
