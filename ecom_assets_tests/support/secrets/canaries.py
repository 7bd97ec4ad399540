"""Random keys for a shop, and the search for them in whatever a run leaves behind."""

from __future__ import annotations

import base64
import gzip
import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from ecom_assets_tests.support.secrets.leaks import forms

AUTHS: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "query": ({"type": "api_key", "location": "query", "name": "key"}, ("api_key",)),
    "param": ({"type": "api_key", "location": "param", "name": "key"}, ("api_key",)),
    "header": ({"type": "api_key", "name": "X-Key", "prefix": "Token "}, ("api_key",)),
    "bearer": ({"type": "bearer"}, ("token",)),
    "basic": ({"type": "http_basic"}, ("username", "password")),
    "oauth2": (
        {"type": "oauth2_client_credentials", "access_token_url": "{base_url}/token"},
        ("client_id", "client_secret"),
    ),
    "login": (
        {"type": "login", "access_token_url": "{base_url}/token", "name": "sid", "location": "query"},
        ("username", "password"),
    ),
    "hmac": (
        {
            "type": "hmac",
            "name": "sign",
            "location": "query",
            "signed_text": "{method}{path}{sorted_params}{timestamp}{body}{api_secret}",
            "signed_params": {"app_key": "{api_key}"},
            "signed_headers": {"X-Time": "{timestamp}"},
        },
        ("api_key", "api_secret"),
    ),
    "several": (
        [
            {"type": "api_key", "location": "query", "name": "key"},
            {"type": "api_key", "location": "query", "name": "sign", "secret": "other"},
            {"type": "bearer"},
        ],
        ("api_key", "other", "token"),
    ),
}
"""Each auth kind as it is declared, and the names of its secrets."""


def new_key(*, plain: bool = False) -> str:
    """Return a unique key; unless `plain`, with characters that encodings write in different ways."""
    middle = "x" if plain else "/\"+ &=%'<\\"
    return f"k{secrets.token_hex(5)}{middle}{secrets.token_hex(5)}"


def traces(folder: Path, keys: Iterable[str], leave_out: Iterable[Path] = ()) -> list[str]:
    """Return the places in a folder's files that hold a key in any form, compressed content included."""
    skipped = tuple(leave_out)
    wanted = {form.encode(): key for key in keys for form in (*forms(key), *_inside_base64(key))}
    found = []
    for file in sorted(entry for entry in folder.rglob("*") if entry.is_file()):
        if any(part in file.parents for part in skipped):
            continue
        for what, content in _contents(file):
            hits = [form for form in wanted if form in content]
            found += [
                f"{file.relative_to(folder)} ({what}): {form!r} in {_around(content, form)!r}"
                for form in hits
            ]
    return found


def traces_of_run(folder: Path, auth: str, keys: Sequence[str]) -> list[str]:
    """Return the places in the files of a run that hold a key, the declarations left out.

    The id of a client may be in data, such as the application of each record: in the warehouse, and in what dlt staged.
    """
    ids = [key for name, key in zip(AUTHS[auth][1], keys, strict=False) if name in ("username", "client_id")]
    found = traces(folder, [key for key in keys if key not in ids], [folder / "shops"])
    data = [folder / name for name in ("shops", "kept", "temporary")]
    return found + [place for place in traces(folder, ids, data) if not place.startswith("warehouse.")]


def _inside_base64(key: str) -> Iterator[str]:
    """Yield the text of a key inside a base64 text, for each of its three alignments."""
    for before in range(3):
        encoded = base64.b64encode(b"-" * before + key.encode()).decode()
        yield encoded[before and before + 1 : (before + len(key.encode())) * 8 // 6]


def _around(content: bytes, form: bytes) -> bytes:
    place = content.index(form)
    return content[max(0, place - 80) : place + len(form) + 20]


def _contents(file: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the bytes of a file, and what they hold compressed or spread over pages."""
    content = file.read_bytes()
    yield "bytes", content
    if content[:2] == b"\x1f\x8b":
        yield "gzip", gzip.decompress(content)
    elif content[:4] == b"PAR1":
        yield "parquet", _text(pq.ParquetFile(file).read().to_pylist())
    elif content[:15] == b"SQLite format 3":
        yield "tables", _text(_sqlite_rows(file))
    elif content[8:12] == b"DUCK":
        yield "tables", _text(_duckdb_rows(file))


def _text(rows: Any) -> bytes:
    """Return rows as text, each value as it is beside its form in JSON."""
    plain = "\n".join(
        str(value) for row in rows for value in (row.values() if isinstance(row, dict) else row)
    )
    return f"{json.dumps(rows, default=str, ensure_ascii=False)}\n{plain}".encode("utf-8", "replace")


def _sqlite_rows(file: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        tables = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        return [row for (name,) in tables for row in connection.execute(f'select * from "{name}"').fetchall()]


def _duckdb_rows(file: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables"
        ).fetchall()
        rows: list[tuple[Any, ...]] = [*tables]
        for schema, name in tables:
            cursor = connection.execute(f'select * from "{schema}"."{name}"')
            rows += [tuple(column[0] for column in cursor.description or ()), *cursor.fetchall()]
        return rows
