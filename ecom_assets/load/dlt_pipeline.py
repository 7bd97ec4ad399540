"""dlt's pipeline for one run: its temporary folder, its log, packages of sources, and the columns of tables."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

import dlt
from dlt.common.schema import Schema
from dlt.common.schema.typing import TTableSchemaColumns
from dlt.common.storages.live_schema_storage import LiveSchemaStorage
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.extract import DltSource

from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.interruption import held_interruptions
from ecom_assets.foundation.temporary_folder import temporary_folder
from ecom_assets.load.fixed_settings import fixed_settings
from ecom_assets.load.run_context import RunContext
from ecom_assets.warehouse.warehouse import Warehouse

StoredColumns: TypeAlias = Mapping[str, TTableSchemaColumns]
"""dlt's columns by table; a table that does not exist has none."""


class _SchemasOfRun(LiveSchemaStorage):
    """The schemas of one run. dlt reads and hashes a schema's file at each look; here nobody else writes the file."""

    def __getitem__(self, name: str) -> Schema:
        """Return the schema in memory, if there is one."""
        return self.live_schemas[name] if name in self.live_schemas else super().__getitem__(name)


@contextmanager
def open_pipeline(shop: Shop, warehouse: Warehouse) -> Iterator[dlt.Pipeline]:
    """Open a pipeline of one run, which keeps its packages in a temporary folder."""
    # Each run needs a folder of its own. Two runs of one pipeline would corrupt each other's packages, and a package
    # that a run left pending would be loaded by the next run in place of its own data.
    with fixed_settings(), quiet_dlt_log(), temporary_folder() as folder:
        pipeline = dlt.pipeline(
            shop.name,
            pipelines_dir=str(folder),
            destination=warehouse.destination(),
            dataset_name=shop.name,
            dev_mode=False,
        )
        # dlt's trace is a file with the text of each exception, from before our code took the secrets out
        pipeline.config.enable_runtime_trace = False
        pipeline._schema_storage = _SchemasOfRun(pipeline._schema_storage.config)
        try:
            yield pipeline
        finally:
            pipeline.deactivate()


def stage_source(context: RunContext, source: DltSource, workers: int) -> str:
    """Extract a source into a package and normalize it, so that it is ready to load.

    Packages are normalized one at a time, because the next extraction may add to the schema. An extraction that fails
    leaves no package, and the packages before it stay as they are.

    Args:
        context: The run's pipeline and timer.
        source: What to extract.
        workers: How many threads read in parallel.

    Returns:
        The package's load id.
    """
    info = context.pipeline.extract(source, loader_file_format="parquet", workers=workers)
    with context.timer.measure("normalize"), held_interruptions():
        context.pipeline.normalize(workers=1)
    return info.loads_ids[-1]


def stored_columns(pipeline: dlt.Pipeline, tables: Iterable[str]) -> StoredColumns:
    """Return the columns that tables have in the open warehouse."""
    with pipeline.destination_client() as client:
        if not isinstance(client, SqlJobClientBase):
            raise TypeError(f"{type(client).__name__} is no SQL destination")
        return dict(client.get_storage_tables(tables))


class _JsonColumnWarning(logging.Filter):
    """Drops the warning that Arrow's type of a column differs from dlt's.

    Arrow has no type for JSON: a JSON column is text in Arrow and JSON in dlt's schema, which is intended. dlt warns
    of it for every slice. A test shows that the types of all other columns agree.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return "several column hints were different" not in record.getMessage()


@contextmanager
def quiet_dlt_log() -> Iterator[None]:
    """Keep one meaningless warning out of dlt's log during the block."""
    known = _JsonColumnWarning()
    logger = logging.getLogger("dlt")
    logger.addFilter(known)
    try:
        yield
    finally:
        logger.removeFilter(known)
