"""Run fakesnow, an emulator of Snowflake, as a server, in an environment of its own: `python -m … PORT`.

Five faults of fakesnow 0.12.1 are mended here:

- a null instant arrives as 1970;
- a conflict of two transactions is an internal error, for which the client asks again for minutes. Snowflake itself
  lets the second transaction wait, and reports a timeout at last;
- a session has no QUERY_TAG;
- COPY does not find a temporary table;
- a client that is gone keeps its transaction. Snowflake ends one that is idle and keeps another one waiting, after five
  minutes. Here it takes some seconds.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

import duckdb
import fakesnow.arrow
import fakesnow.copy_into
import fakesnow.cursor
import pyarrow as pa
import pyarrow.compute as pc
import snowflake.connector.errors
import uvicorn
from fakesnow.server import app

from ecom_assets_tests.support.emulators.parsed_once import parse_once

_LOCK_TIMEOUT = 625
_IDLE = 20.0
_last_used: dict[Any, float] = {}
_to_struct = fakesnow.arrow.timestamp_to_sf_struct
_describe = fakesnow.copy_into._describe_table
_execute = fakesnow.cursor.FakeSnowflakeCursor._execute
_execute_text = fakesnow.cursor.FakeSnowflakeCursor.execute


def _with_nulls(instants: Any) -> pa.Array:
    if isinstance(instants, pa.ChunkedArray):
        instants = instants.combine_chunks()
    made = _to_struct(pc.fill_null(instants, pa.scalar(0, instants.type)))
    return pa.StructArray.from_arrays(
        [made.field(number) for number in range(made.type.num_fields)],
        fields=list(made.type),
        mask=pc.is_null(instants),
    )


def _with_conflicts(cursor: Any, *given: Any, **options: Any) -> Any:
    _last_used[cursor._conn] = time.monotonic()
    try:
        return _execute(cursor, *given, **options)
    except duckdb.TransactionException as error:
        for connection, used in list(_last_used.items()):
            if connection is not cursor._conn and time.monotonic() - used > _IDLE:
                del _last_used[connection]
                with contextlib.suppress(duckdb.Error):
                    connection._duck_conn.execute("rollback")
        raise snowflake.connector.errors.ProgrammingError(
            msg=str(error), errno=_LOCK_TIMEOUT, sqlstate="57014"
        ) from error


def _with_tags(cursor: Any, command: str, *given: Any, **options: Any) -> Any:
    if command.startswith("alter session set query_tag"):
        command = "select 'Statement executed successfully.' as status"
    return _execute_text(cursor, command, *given, **options)


def _with_temporary(table: Any, connection: Any, *given: Any) -> Any:
    try:
        return _describe(table, connection, *given)
    except duckdb.CatalogException:
        described = connection.execute(f'DESCRIBE "{table.name}"').fetchall()
        return [(column[0], column[1]) for column in described]


parse_once()
fakesnow.arrow.timestamp_to_sf_struct = _with_nulls
fakesnow.copy_into._describe_table = _with_temporary
fakesnow.cursor.FakeSnowflakeCursor._execute = _with_conflicts
fakesnow.cursor.FakeSnowflakeCursor.execute = _with_tags

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
