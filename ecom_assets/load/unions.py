"""Views that unite the same table of several shops, with the shop's name as a column.

A view shows the rows of its tables at any time. It is written anew where its columns or its shops change, which the end
of each load looks for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ecom_assets.client.redaction import Redactor
from ecom_assets.contract.inference import type_text
from ecom_assets.declaration.reading import Shop
from ecom_assets.declaration.table.union import Union
from ecom_assets.declaration.unions import unions_of
from ecom_assets.foundation.errors import IngestError, WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.errors import as_warehouse_error, one_line
from ecom_assets.warehouse.transaction import UNION_COMMENT, Transaction
from ecom_assets.warehouse.warehouse import Warehouse

_OF_DLT = ("_dlt_id", "_dlt_load_id")
"""Columns that say nothing beyond their own table."""
_NOT_LOADED = "not loaded yet"
_OVER = " over "
_MAX_TRIES = 3


@dataclass(frozen=True)
class UnionReport:
    """What is in a view.

    `shops` are those whose rows it has, `left_out` are the others, each with the reason. `columns` are its columns with
    their types as a declaration names them. `changed` tells whether it was written. With an `error`, the view is as it
    was before, or, where a load had to change a table under it on PostgreSQL, it is gone.
    """

    union: Union
    shops: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    changed: bool = False
    error: IngestError | None = None


def refresh_unions_over(
    shop: Shop, tables: Collection[str], warehouse: Warehouse, on_progress: OnProgress
) -> tuple[UnionReport, ...]:
    """Write the views over tables of a shop anew, where they changed. It never raises: the tables are loaded by then.

    Args:
        shop: The shop.
        tables: Its tables.
        warehouse: Where the tables and the views are.
        on_progress: Is told what changed, what is left out, and what failed.
    """
    if not tables:
        return ()
    try:
        unions = [union for union in unions_of(shop) if union.table in tables]
    except IngestError as error:
        on_progress(f"the views of unions are as they were: {error}")
        return ()
    return refresh_unions(unions, warehouse, on_progress)


def refresh_unions(
    unions: Sequence[Union], warehouse: Warehouse, on_progress: OnProgress
) -> tuple[UnionReport, ...]:
    """Write views anew where their columns or shops changed, and return what is in each."""
    reports = []
    for union in unions:
        try:
            report = _refresh_again(union, warehouse, on_progress)
        except IngestError as error:
            report = UnionReport(union, error=error)
            on_progress(f"the view {union} failed: {error}")
        else:
            left_out = "; ".join(f"{shop} is left out: {reason}" for shop, reason in report.left_out.items())
            if report.changed:
                on_progress(f"the view {union} unites {', '.join(report.shops)}")
            if left_out:
                on_progress(f"the view {union}: {left_out}")
        reports.append(report)
    return tuple(reports)


class _Refused(WarehouseError):
    """The engine refused the view."""


def _refresh_again(union: Union, warehouse: Warehouse, on_progress: OnProgress) -> UnionReport:
    """Write one view anew if it changed, and try again if other loads change its tables, or drop it, meanwhile.

    Raises:
        IngestError: As in `_refresh`.
    """
    for _ in range(_MAX_TRIES - 1):
        with suppress(_Refused):
            return _refresh(union, warehouse, on_progress)
    return _refresh(union, warehouse, on_progress)


def _refresh(union: Union, warehouse: Warehouse, on_progress: OnProgress) -> UnionReport:
    """Write one view anew if it changed.

    Raises:
        IngestError: Two shops have a column with different types, or no shop is loaded.
        WarehouseError: The warehouse cannot be read or written.
    """
    warehouse.check_dataset(union.dataset, f"the dataset {union.dataset} of a union")
    if not warehouse.exists():
        raise WarehouseError(f"the warehouse {warehouse} does not exist: load a shop first")
    with (
        as_warehouse_error(warehouse, Redactor(())),
        warehouse.read(union.dataset, on_progress) as transaction,
    ):
        query, report = _query(transaction, union)
        if transaction.view_comment(union.dataset, union.name) == _comment(query, report):
            return report

    def replace(transaction: Transaction) -> UnionReport:
        query, report = _query(transaction, union)
        comment = transaction.view_comment(union.dataset, union.name) or ""
        transaction.forget_columns()  # another load may have dropped the view meanwhile
        is_there = union.name in transaction.columns_of(union.dataset)
        if is_there and not comment.startswith(UNION_COMMENT):
            raise IngestError(
                f"{union} is a table or a view that no load made: rename the union in {union.file.name}, or drop it"
            )
        made = UnionReport(union, report.shops, report.left_out, report.columns, changed=True)
        if is_there and comment == _comment(query, report):
            return made  # by another load meanwhile, or by a rehearsal
        try:
            transaction.replace_view(union.dataset, union.name, query, _comment(query, report))
        except transaction.driver_errors as error:
            raise _Refused(f"the warehouse {warehouse} refuses the view: {one_line(error)}") from None
        return made

    with as_warehouse_error(warehouse, Redactor(())):
        return warehouse.write(union.dataset, replace, on_progress)


def undeclared_views(shop: Shop, transaction: Transaction, tables: Collection[str]) -> tuple[str, ...]:
    """Return the views over tables of a shop that loads made, and that the file of unions no longer declares.

    Views of which nobody knows the file are not among them: of a shop in Python without definitions, and those that an
    older version made and no load has written since.

    Args:
        shop: The shop.
        transaction: Reads the warehouse.
        tables: The tables of the shop.

    Raises:
        DeclarationError: The file of unions is wrong.
    """
    if shop._unions is None and shop.file == Path():
        return ()
    declared = {str(union) for union in unions_of(shop)}
    own = {f"{shop.name}.{table}" for table in tables}
    return tuple(
        name
        for (schema, view), comment in transaction.union_views().items()
        if (name := f"{schema}.{view}") not in declared and own & set(comment.partition(_OVER)[2].split(", "))
    )


def _comment(query: str, report: UnionReport) -> str:
    """Return the comment of a view: the tables, and a hash of its query, which engines store in words of their own."""
    tables = ", ".join(f"{shop}.{report.union.table}" for shop in report.shops)
    return f"{UNION_COMMENT} {hashlib.sha256(query.encode()).hexdigest()[:16]}{_OVER}{tables}"


def _query(transaction: Transaction, union: Union) -> tuple[str, UnionReport]:
    """Return the query of a view over the tables as they are now, and what it has."""
    columns: dict[str, str] = {}
    origins: dict[str, str] = {}
    tables: dict[str, Mapping[str, str]] = {}
    left_out: dict[str, str] = {}
    for shop in union.shops:
        stored = transaction.columns_of(shop).get(union.table)
        if not stored:
            left_out[shop] = "its declaration is wrong" if shop in union.invalid else _NOT_LOADED
            continue
        tables[shop] = stored
        for name, kind in stored.items():
            if name in _OF_DLT:
                continue
            here = f"{shop}.{union.table}.{name}"
            if name == union.shop_column:
                raise IngestError(
                    f"{here} has the name of the column with the shop's name: "
                    f"give {union.name} another shop_column in {union.file.name}"
                )
            if not _same_type(transaction, columns.setdefault(name, kind), kind):
                raise IngestError(
                    f"{origins[name]} is {columns[name]}, and {here} is {kind}: declare the column with one "
                    "data_type in both shops, or leave one of them out of the union"
                )
            origins.setdefault(name, here)
    if not tables:
        raise IngestError(f"{union}: no shop is loaded yet: {', '.join(left_out)}")
    selects = []
    for shop, stored in tables.items():
        values = [f"cast('{shop}' as varchar) as \"{union.shop_column}\""]
        for name, kind in columns.items():
            value = f'"{name}"' if name in stored else "null"
            values.append(f'cast({value} as {kind}) as "{name}"')
        selects.append(f'select {", ".join(values)} from "{shop}"."{union.table}"')
    shown = {union.shop_column: "text"}
    for name, kind in columns.items():
        column = transaction.column_of(name, kind)
        shown[name] = kind if column is None else type_text(column)
    return " union all ".join(selects), UnionReport(union, tuple(tables), left_out, shown)


def _same_type(transaction: Transaction, one: str, other: str) -> bool:
    """Tell whether two types of the engine are one type of a declaration."""
    if one == other:
        return True
    known = transaction.column_of("value", one)
    return known is not None and known == transaction.column_of("value", other)
