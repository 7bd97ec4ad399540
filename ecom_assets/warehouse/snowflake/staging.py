"""How rows get into a table of Snowflake: few by INSERT, many by PUT and COPY of the files that they are in.

In an INSERT, each value is a text that is cast: the driver would bind some types with a loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

FEW_ROWS = 2_000
"""Up to so many rows, INSERT takes fewer statements than PUT and COPY."""
_MOST_VALUES = 10_000
"""Parameters of one statement."""
_MOST_ROWS = 1_000
_JSON = "VARIANT"


def insert_statements(
    table: str, rows: pa.Table, types: Mapping[str, str], quoted: Callable[[str], str]
) -> Iterator[tuple[str, list[str | None]]]:
    """Yield statements that insert rows, each with its parameters.

    Args:
        table: The table in SQL.
        rows: The rows.
        types: Snowflake's type of each column of the table.
        quoted: Returns an identifier as SQL quotes it.
    """
    names = rows.column_names
    listed = ", ".join(quoted(name) for name in names)
    columns = [f"C{number}" for number in range(len(names))]
    values = ", ".join(_cast(column, types[name]) for column, name in zip(columns, names, strict=True))
    size = max(1, min(_MOST_ROWS, _MOST_VALUES // max(1, len(names))))
    # a table that was put together from many has as many batches, however few rows they have
    for batch in rows.combine_chunks().to_batches(max_chunksize=size):
        texts = [[_text(value) for value in column.to_pylist()] for column in batch.columns]
        row = f"({', '.join('?' for _ in names)})"
        yield (
            f"insert into {table} ({listed}) select {values} "
            f"from (values {', '.join([row] * batch.num_rows)}) as v ({', '.join(columns)})",
            [text for entry in zip(*texts, strict=True) for text in entry],
        )


def upload(cursor: Any, stage: str, files: Sequence[Path]) -> None:
    """Put files into a new temporary stage, whose name in SQL is `stage`.

    The driver gets open files: SQL would need their paths in quotes, in which some characters mean something.
    """
    cursor.execute(f"create or replace temporary stage {stage}")
    for number, file in enumerate(files):
        with file.open("rb") as stream:
            statement = f"put file://{number}.parquet @{stage} auto_compress = false overwrite = true"
            cursor.execute(statement, file_stream=stream)


def copy_statements(
    table: str, raw: str, stage: str, types: Mapping[str, str], quoted: Callable[[str], str]
) -> Iterator[str]:
    """Yield statements that copy the Parquet files of a stage into a table.

    Args:
        table: The table in SQL.
        raw: The name in SQL of a temporary table that has the rows in between: JSON is a text in the files.
        stage: The name in SQL of the stage.
        types: Snowflake's type of each column of the table.
        quoted: Returns an identifier as SQL quotes it.
    """
    columns = ", ".join(
        f"{quoted(name)} {'VARCHAR' if kind == _JSON else kind}" for name, kind in types.items()
    )
    yield f"create or replace temporary table {raw} ({columns})"
    yield (
        f"copy into {raw} from @{stage} file_format = (type = parquet use_logical_type = true "
        "binary_as_text = false) match_by_column_name = case_insensitive"
    )
    listed = ", ".join(quoted(name) for name in types)
    values = ", ".join(
        f"parse_json({quoted(name)})" if kind == _JSON else quoted(name) for name, kind in types.items()
    )
    yield f"insert into {table} ({listed}) select {values} from {raw}"


def _cast(column: str, kind: str) -> str:
    """Return the SQL of a text as a value of a type."""
    if kind == _JSON:
        return f"parse_json({column})"
    if kind == "BINARY":
        return f"to_binary({column}, 'HEX')"
    return f"cast({column} as {kind})"


def _text(value: Any) -> str | None:
    """Return a value as Snowflake reads it from a text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float):
        return repr(value)
    if hasattr(value, "tzinfo") and hasattr(value, "astimezone"):
        return str(value.astimezone(timezone.utc).isoformat(" "))
    return str(value)
