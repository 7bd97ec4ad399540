"""How rows get into a table of BigQuery: few by INSERT, many by load jobs of Parquet files.

An INSERT has its rows as one text of JSON, whose values are texts that are cast. Rows that are streamed would be out of
reach of DELETE and UPDATE for a while.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from ecom_assets.warehouse.remote.json_texts import json_text

FEW_ROWS = 2_000
"""Up to so many rows, an INSERT takes less time than a load job."""
MOST_BYTES = 4_000_000
"""Characters of the rows of one INSERT. A request has at most 10 MB."""
_BATCH_ROWS = 50_000


def row_queries(
    rows: pa.Table, types: Mapping[str, str], quoted: Callable[[str], str]
) -> Iterator[tuple[str, str]]:
    """Yield queries that return rows, each with its one parameter.

    Args:
        rows: The rows.
        types: BigQuery's type of each column.
        quoted: Returns an identifier as SQL quotes it.
    """
    values = ", ".join(
        f"{_value(number, types[name])} as {quoted(name)}" for number, name in enumerate(rows.column_names)
    )
    sql = f"select {values} from unnest(json_query_array(?)) as r"
    texts: list[str] = []
    size = 0
    for batch in rows.to_batches(max_chunksize=_BATCH_ROWS):
        columns = [[json_text(value) for value in column.to_pylist()] for column in batch.columns]
        for row in zip(*columns, strict=True):
            text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
            if texts and size + len(text) > MOST_BYTES:
                yield sql, f"[{','.join(texts)}]"
                texts, size = [], 0
            texts.append(text)
            size += len(text) + 1
    if texts:
        yield sql, f"[{','.join(texts)}]"


def are_few(files: Sequence[Path]) -> bool:
    """Tell whether the rows of Parquet files are better inserted than loaded."""
    metadata = [pq.read_metadata(file) for file in files]
    size = sum(
        found.row_group(number).total_byte_size
        for found in metadata
        for number in range(found.num_row_groups)
    )
    rows: int = sum(found.num_rows for found in metadata)
    return rows <= FEW_ROWS and size <= MOST_BYTES


def whole_file(file: Path, columns: Mapping[str, pa.DataType]) -> IO[bytes]:
    """Return a Parquet file with all columns in their order: those that a file lacks are null.

    Args:
        file: The file, with some of the columns.
        columns: The Arrow type of each column.
    """
    schema = pa.schema(list(columns.items()))
    made = TemporaryFile()  # noqa: SIM115  # the caller closes it
    with pq.ParquetWriter(made, schema) as writer:
        for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS):
            arrays = [
                batch.column(name).cast(kind)
                if name in batch.schema.names
                else pa.nulls(batch.num_rows, kind)
                for name, kind in columns.items()
            ]
            writer.write_table(pa.table(arrays, schema=schema))
    made.seek(0)
    return made


def _value(number: int, kind: str) -> str:
    """Return the SQL of a text of a row as a value of a type."""
    text = f"json_value(r, '$[{number}]')"
    name = kind.partition("(")[0]
    if name in ("STRING", "JSON"):
        return text
    functions = {"NUMERIC": "parse_numeric", "BIGNUMERIC": "parse_bignumeric", "BYTES": "from_base64"}
    return f"{functions[name]}({text})" if name in functions else f"cast({text} as {name})"
