"""Makes the changes of a declaration in the tables without a load, and those that no load makes.

This is what the command `ecom-assets migrate` does. A load makes each change that loses no value. Two kinds are left:
personal data that was stored before its column got a `pii`, and rows that are in the way of a change. These are only
discarded if the user says so, and the ledger then says that their windows are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from ecom_assets.client.redaction import Redactor
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.windows import Window
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.checks.finding import CheckedTable
from ecom_assets.load.checks.windows_with_nulls import windows_of_rows
from ecom_assets.load.dlt_pipeline import open_pipeline
from ecom_assets.load.dlt_schema import restore_schema
from ecom_assets.load.ledger.requested_loads import RANGE
from ecom_assets.load.schema_changes.apply import apply_changes
from ecom_assets.load.schema_changes.change import Misfit, TableChanges
from ecom_assets.load.schema_changes.foreign_tables import foreign_tables
from ecom_assets.load.schema_changes.personal_data import protect_stored_values
from ecom_assets.load.schema_changes.stored_schema import delete_ledger_entries, store_changed_schema
from ecom_assets.load.schema_changes.tables import chosen_tables, schema_tables_of, table_changes
from ecom_assets.load.unions import refresh_unions_over
from ecom_assets.warehouse.errors import as_warehouse_error
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse

AGREES, MIGRATED, REFUSED = "agrees", "migrated", "refused"
_ROUNDS = 9
"""How often rows that are in the way are looked for."""
_SHOWN = 5
"""Values that are shown of those that do not fit."""


@dataclass(frozen=True)
class Migration:
    """What a migration does to one table.

    `state` is `agrees`, `migrated` or `refused`. `changes` are texts by column, `*` for the table itself. `reason`
    tells what is in the way, `values` are some of the values that do not fit, and `loads` are the commands that load
    the windows of such rows again.
    """

    table: str
    state: str
    changes: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    values: tuple[str, ...] = ()
    loads: tuple[str, ...] = ()


class _RolledBack(Exception):
    """Ends a transaction without a commit."""


def migrate(
    shop: Shop,
    warehouse: Warehouse,
    names: Collection[str],
    on_progress: OnProgress,
    *,
    pii_key: Callable[[], str] = str,
    discard: bool = False,
    commit: bool = True,
) -> tuple[Migration, ...]:
    """Change tables to what the declaration says, in one transaction under the lock of the dataset.

    Args:
        shop: The shop.
        warehouse: Where its tables are.
        names: The tables, by default all.
        on_progress: Is told what changes.
        pii_key: Returns the key of hashed columns. It is called if values have to be hashed.
        discard: Whether values that do not fit become null, and rows without a unique key go. Their windows are missing
            in the ledger then.
        commit: False does all of it, and undoes it.

    Raises:
        IngestError: The shop declares no table of this name.
        WarehouseError: Nothing was changed.
    """
    chosen = chosen_tables(shop, names)
    if not warehouse.exists():
        return ()
    found: list[Migration] = []
    try:
        with (
            open_pipeline(shop, warehouse) as pipeline,
            as_warehouse_error(warehouse, Redactor(())),
            warehouse.transaction(shop.name, on_progress) as transaction,
        ):
            restore_schema(transaction, pipeline, shop)
            found = _Migrator(transaction, pipeline, shop, on_progress, pii_key, discard).run(chosen)
            if not commit:
                raise _RolledBack
        refresh_unions_over(shop, [resource.name for resource in chosen], warehouse, on_progress)
    except _RolledBack:
        pass
    return tuple(found)


@dataclass
class _Migrator:
    """One migration in an open transaction."""

    transaction: Transaction
    pipeline: Any
    shop: Shop
    on_progress: OnProgress
    pii_key: Callable[[], str]
    discard: bool

    def run(self, chosen: list[Resource]) -> list[Migration]:
        """Change the tables of the chosen resources that exist."""
        shop, transaction = self.shop, self.transaction
        known = schema_tables_of(self.pipeline, shop)
        foreign = foreign_tables(transaction, shop, chosen, known)
        ours = [resource for resource in chosen if resource.name not in foreign]
        stored, changes = self._changes(ours, known, discard=False)
        hashes = any("hash" in change.plain.values() for change in changes.values())
        key = self.pii_key() if hashes else ""
        texts = {name: dict(change.texts) for name, change in changes.items()}
        details = {name: self._misfits(change) for name, change in changes.items() if change.misfits}
        in_the_way = {name: change for name, change in changes.items() if change.misfits}
        for _ in range(_ROUNDS if self.discard else 0):
            # rows without a key hide those that have the same one
            for name, change in in_the_way.items():
                texts[name]["*"] = "; ".join(filter(None, (texts[name].get("*"), self._discard(change))))
            stored, changes = self._changes(ours, known, discard=True)
            in_the_way = {name: change for name, change in changes.items() if change.misfits}
            if not in_the_way:
                break
        for name, change in changes.items():
            texts[name] |= {column: text for column, text in change.texts.items() if column != "*"}
        made = {name: change for name, change in changes.items() if not change.refusals}
        apply_changes(transaction, shop, made, self.on_progress)
        for name, change in made.items():
            if change.plain:
                protect_stored_values(transaction, shop, shop.resource(name), change.plain, key)
        store_changed_schema(transaction, self.pipeline, shop, made, stored, known)
        found = []
        for resource in chosen:
            name = resource.name
            values, loads = details.get(name, ((), ()))
            if name in foreign:
                found.append(Migration(name, REFUSED, reason=str(foreign[name])))
            elif name in changes:
                refusals = changes[name].refusals
                state = REFUSED if refusals else MIGRATED if texts[name] else AGREES
                shown = {} if refusals else texts[name]
                found.append(Migration(name, state, shown, "; ".join(refusals), values, loads))
        return found

    def _changes(
        self, resources: list[Resource], known: Mapping[str, Any], *, discard: bool
    ) -> tuple[Any, dict[str, TableChanges]]:
        stored, changes = table_changes(
            self.transaction, self.pipeline, self.shop, resources, known, migrates=True, discard=discard
        )
        names = {resource.name for resource in resources}
        return stored, {name: change for name, change in changes.items() if name in names}

    def _misfits(self, change: TableChanges) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return some of the values that do not fit, and the commands that load their windows."""
        values: dict[str, None] = {}
        windows: list[tuple[Window, Window]] = []
        for misfit in change.misfits:
            if misfit.values is not None:
                texts = [repr(value) for value in misfit.values["_dlt_old"][:_SHOWN].to_pylist()]
                values |= dict.fromkeys(texts)
            windows += self._windows(change, misfit)
        return tuple(values), self._commands(change.resource, windows)

    def _windows(self, change: TableChanges, misfit: Misfit) -> list[tuple[Window, Window]]:
        """Return the windows of the rows of a misfit, none if they cannot be told."""
        resource = self.shop.resource(change.resource)
        cursor = resource.cursor
        types = self.transaction.columns_of(self.shop.name).get(change.resource, {})
        if cursor is None or types.get(cursor.name) != self.transaction.type_of(cursor):
            return []
        with self._wrong_values(misfit):
            return windows_of_rows(CheckedTable(self.transaction, self.shop, resource), misfit.condition)

    def _wrong_values(self, misfit: Misfit) -> ExitStack:
        stack = ExitStack()
        if misfit.values is not None:
            stack.enter_context(self.transaction.temporary_table("ecom_wrong", misfit.values))
        return stack

    def _commands(self, table: str, windows: list[tuple[Window, Window]]) -> tuple[str, ...]:
        command = f"ecom-assets load {self.shop.name} {table}"
        if not windows:
            return (f"{command} --missing" if self.shop.resource(table).windowed else command,)
        keys = {
            first.partition_key
            if first == last
            else f"{first.partition_key}{RANGE}{last.partition_key}": None
            for first, last in sorted(windows)
        }
        return tuple(f"{command} --window {key}" for key in keys)

    def _discard(self, change: TableChanges) -> str:
        """Delete rows that have to go, and the ledger entries of all rows that do not fit. Return it in words.

        Values that do not fit are discarded later, when their column gets its type.
        """
        table = f'"{self.shop.name}"."{change.table}"'
        windows: list[tuple[Window, Window]] = []
        known = True
        deleted = 0
        for misfit in change.misfits:
            found = self._windows(change, misfit)
            known = known and bool(found)
            windows += found
            with self._wrong_values(misfit):
                if misfit.whole_rows:
                    deleted += self.transaction.execute_update(
                        f"delete from {table} where {misfit.condition}"
                    )
        delete_ledger_entries(
            self.transaction, self.shop, change.table or change.resource, windows if known else None
        )
        return (
            f"{deleted} rows were deleted" if deleted else "the windows of discarded values are missing now"
        )
