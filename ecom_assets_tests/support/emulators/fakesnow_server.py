"""Run fakesnow, an emulator of Snowflake, as a server: `python fakesnow_server.py PORT`, in an environment of its own.

Two faults of fakesnow 0.12.1 are mended here: a null instant arrives as 1970, and a conflict of two transactions is an
internal error, for which the client asks again for minutes. Snowflake itself lets the second transaction wait, and
reports a timeout at last.
"""

from __future__ import annotations

import sys
from typing import Any

import duckdb
import fakesnow.arrow
import fakesnow.cursor
import pyarrow as pa
import pyarrow.compute as pc
import snowflake.connector.errors
import uvicorn
from fakesnow.server import app

_LOCK_TIMEOUT = 625
_to_struct = fakesnow.arrow.timestamp_to_sf_struct
_execute = fakesnow.cursor.FakeSnowflakeCursor._execute


def _with_nulls(instants: Any) -> pa.Array:
    if isinstance(instants, pa.ChunkedArray):
        instants = instants.combine_chunks()
    made = _to_struct(pc.fill_null(instants, pa.scalar(0, instants.type)))
    return pa.StructArray.from_arrays(
        [made.field(number) for number in range(made.type.num_fields)],
        fields=list(made.type),
        mask=pc.is_null(instants),
    )


def _with_conflicts(*given: Any, **options: Any) -> Any:
    try:
        return _execute(*given, **options)
    except duckdb.TransactionException as error:
        raise snowflake.connector.errors.ProgrammingError(
            msg=str(error), errno=_LOCK_TIMEOUT, sqlstate="57014"
        ) from error


fakesnow.arrow.timestamp_to_sf_struct = _with_nulls
fakesnow.cursor.FakeSnowflakeCursor._execute = _with_conflicts

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
