"""The columns that tables really have. Another run may have added some that this run's schema does not know.

dlt itself adds what is missing, and puts values into a column that is there whatever its type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import dlt
from dlt.common.schema.typing import TTableSchemaColumns
from dlt.destinations.job_client_impl import SqlJobClientBase

from ecom_assets.declaration.reading import Resource
from ecom_assets.foundation.errors import WarehouseError

Stored = Mapping[str, TTableSchemaColumns]
"""dlt's columns by table; of a table that is not there, none."""


def stored_columns(pipeline: dlt.Pipeline, tables: Iterable[str]) -> Stored:
    """Ask the open warehouse for the columns of tables."""
    with pipeline.destination_client() as client:
        if not isinstance(client, SqlJobClientBase):
            raise TypeError(f"{type(client).__name__} is no SQL destination")
        return dict(client.get_storage_tables(tables))


def refuse_other_types(
    pipeline: dlt.Pipeline, resources: Iterable[Resource], before: Stored, now: Stored
) -> None:
    """Raise WarehouseError for a field that became a column of another type while this run read it.

    `before` and `now` are the columns when the run began to read and when it loads.
    """
    schema = pipeline.default_schema
    for resource in resources:
        declared = {column.name for column in resource.table_columns}
        there = now.get(resource.name, {})
        for name in there.keys() - before.get(resource.name, {}).keys() - declared:
            read = schema.get_table_columns(resource.name).get(name)
            if read is not None and read["data_type"] != there[name]["data_type"]:
                raise WarehouseError(
                    f"{resource.name}: another load made the new column {name} {there[name]['data_type']} while this "
                    f"one read it as {read['data_type']}: nothing was loaded, run it again"
                )
