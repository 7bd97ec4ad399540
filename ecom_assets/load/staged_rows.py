"""The rows that a run staged in dlt's packages, and how they become tables that SQL merges from.

dlt reads, types and writes the rows as Parquet files. From there on the SQL is ours, in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dlt
from dlt.common.schema import Schema
from dlt.common.storages.load_package import ParsedLoadJobFileName

from ecom_assets.contract.new_fields import evolved_column
from ecom_assets.declaration.reading import Shop
from ecom_assets.warehouse.staged_names import staged_name
from ecom_assets.warehouse.transaction import Transaction

__all__ = ["StagedRows", "staged_name", "staged_rows"]


@dataclass(frozen=True)
class StagedRows:
    """The packages of a run: dlt's schema, the ids of the packages, and the Parquet files of each table."""

    schema: Schema
    load_ids: tuple[str, ...]
    files: Mapping[str, Sequence[Path]]

    def columns_of(self, table: str) -> tuple[str, ...]:
        """Return the names of the columns of the staged rows of a table."""
        return tuple(self.schema.get_table_columns(table))

    def stage(self, transaction: Transaction) -> None:
        """Make the rows of each table available to SQL, under the name that `staged_name` returns."""
        for table, files in self.files.items():
            transaction.stage_files(staged_name(table), self._types(transaction, table), files)

    def create_tables(self, transaction: Transaction, shop: Shop) -> None:
        """Create the missing tables and columns."""
        transaction.create_schema(shop.name)
        for table in self.files:
            columns = self.schema.get_table_columns(table)
            required = [name for name, hint in columns.items() if not hint.get("nullable", True)]
            transaction.make_table(shop.name, table, self._types(transaction, table), required)

    def _types(self, transaction: Transaction, table: str) -> dict[str, str]:
        """Return the engine's type of each column of the staged rows of a table."""
        columns = self.schema.get_table_columns(table)
        return {name: transaction.type_of(evolved_column(name, hint)) for name, hint in columns.items()}


def staged_rows(pipeline: dlt.Pipeline) -> StagedRows:
    """Return the packages that a pipeline has extracted."""
    packages = pipeline._get_normalize_storage().extracted_packages
    load_ids = tuple(packages.list_packages())
    files: dict[str, list[Path]] = {}
    for load_id in load_ids:
        for job in packages.list_new_jobs(load_id):
            table = ParsedLoadJobFileName.parse(job).table_name
            files.setdefault(table, []).append(Path(packages.storage.make_full_path(job)))
    return StagedRows(pipeline.default_schema, load_ids, files)
