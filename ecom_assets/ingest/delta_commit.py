"""What a transaction changed, written into the Delta tables: one commit each, all of them kept or none.

How the tables become one is `delta_turn`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field, Schema, write_deltalake
from deltalake.exceptions import DeltaError
from obstore.exceptions import BaseError

from ecom_assets.ingest.delta_session import BEFORE, Brought, DeltaSession
from ecom_assets.ingest.delta_turn import Turn
from ecom_assets.ingest.delta_types import arrow_field, stored_value

_ALONE = CommitProperties(max_commit_retries=0)
"""A table that somebody else changed meanwhile is not written: who commits here has the turn, or lost it."""
_GONE = "__gone"


@dataclass(frozen=True)
class _Change:
    """What is new in a table, which may be new itself, and what has to go."""

    table: str
    schema: pa.Schema
    came: pa.Table
    gone: pa.Table
    brought: Brought


def commit(session: DeltaSession, turn: Turn) -> None:
    """Write what changed. If that fails, the tables are as they were: now, or when the next load begins."""
    changes = list(_changes(session))
    if not changes:
        return
    before = {
        change.table: session.tables[change.table].version() if change.table in session.tables else None
        for change in changes
    }
    turn.writing(before)
    try:
        for change in changes:
            turn.sure()
            _write(turn, change, session.tables.get(change.table))
        turn.done()
    except BaseException:
        # what cannot be done now is done when the next load begins
        with suppress(DeltaError, BaseError, OSError):
            undo(turn)
        raise


def undo(turn: Turn) -> None:
    """Go back to the versions before a load that was not kept, if there is one."""
    if turn.state.undo is None:
        return
    # raises where the turn is another's by now, whose part this is then
    turn.writing(turn.state.undo)
    folder, dataset = turn.folder, turn.dataset
    present = folder.tables(dataset)
    for name, version in turn.state.undo.items():
        turn.sure()
        if version is None:
            if name in present:
                folder.remove(dataset, name)
            continue
        table = folder.table(dataset, name)
        if table.version() == version:
            # a new version all the same, which a load that lost its turn and does not know it yet runs into
            table.alter.set_table_description(f"one of the tables of {dataset}", commit_properties=_ALONE)
        else:
            table.restore(version, commit_properties=_ALONE)
    turn.done()


def _changes(session: DeltaSession) -> Iterator[_Change]:
    """Yield what is to be written: also tables that are new, though they may be empty."""
    found = session.execute(
        "select table_name, column_name, data_type, is_nullable from information_schema.columns "
        "where table_schema = ? order by table_name, ordinal_position",
        [session.dataset],
    ).fetchall()
    columns: dict[str, dict[str, tuple[str, bool]]] = {}
    for table, column, kind, nullable in found:
        columns.setdefault(table, {})[column] = (kind, nullable == "YES")
    for table, kinds in columns.items():
        schema = pa.schema(
            [arrow_field(name, kind, nullable=nullable) for name, (kind, nullable) in kinds.items()]
        )
        values = ", ".join(stored_value(name, kind) for name, (kind, _) in kinds.items())
        before = _before(session, table, kinds)
        after = f'select * from "{session.dataset}"."{table}"'
        brought = session.brought.get(table, Brought())
        came = session.arrow(f"select {values} from ({after} except all {before})")
        if brought.key:
            same = " and ".join(f'ours."{name}" = theirs."{name}"' for name in brought.key)
            left = f"select * from ({before}) as ours where not exists (select 1 from ({after}) as theirs where {same})"
        else:
            left = f"{before} except all {after}"
        gone = session.arrow(f"select {values} from ({left})")
        if brought.whole and gone.num_rows:
            came = session.arrow(f"select {values} from ({after})")
        stored = session.tables.get(table)
        if stored is None or came.num_rows or gone.num_rows or len(stored.schema().fields) < len(schema):
            yield _Change(table, schema, came, gone, brought)


def _before(session: DeltaSession, table: str, kinds: dict[str, tuple[str, bool]]) -> str:
    """Return SQL for the rows that were brought, with nulls for columns that were added since."""
    if not session.brought.get(table, Brought()).some:
        return f'select * from "{session.dataset}"."{table}" where false'
    stored = {entry.name for entry in session.tables[table].schema().fields}
    values = (
        f'"{name}"' if name in stored else f'cast(null as {kind}) as "{name}"'
        for name, (kind, _) in kinds.items()
    )
    return f'select {", ".join(values)} from {BEFORE}."{table}"'


def _write(turn: Turn, change: _Change, table: DeltaTable | None) -> None:
    folder = turn.folder
    if table is None:
        uri = folder.uri(turn.dataset, change.table)
        table = DeltaTable.create(
            uri, change.schema, storage_options=folder.options, commit_properties=_ALONE
        )
    known = {entry.name for entry in table.schema().fields}
    added = [entry for entry in change.schema if entry.name not in known]
    if added:
        fields: list[Field] = list(Schema.from_arrow(pa.schema(added)).fields)
        table.alter.add_columns(fields, commit_properties=_ALONE)
    came = change.came.cast(change.schema)
    if change.brought.whole and change.gone.num_rows:
        write_deltalake(table, came, mode="overwrite", commit_properties=_ALONE)
    elif change.gone.num_rows or (change.brought.key and came.num_rows):
        _merge(table, came, change.gone.cast(change.schema), change.brought)
    elif came.num_rows:
        write_deltalake(table, came, mode="append", commit_properties=_ALONE)


def _merge(table: DeltaTable, came: pa.Table, gone: pa.Table, brought: Brought) -> None:
    """Change rows in one commit: by their key, or, where a table has none, as wholes."""
    rows = pa.concat_tables([_flagged(came, gone=False), _flagged(gone, gone=True)])
    if brought.key:
        same = [f'ours."{name}" = rows."{name}"' for name in brought.key]
    else:
        same = [f'(ours."{name}" is not distinct from rows."{name}")' for name in came.column_names]
        same.append(f'rows."{_GONE}"')
    merge = table.merge(
        rows,
        " and ".join(same),
        source_alias="rows",
        target_alias="ours",
        streamed_exec=False,  # in memory, it is known which of the table's files can have the keys
        commit_properties=_ALONE,
    ).when_matched_delete(f'rows."{_GONE}"')
    if brought.key:
        merge = merge.when_matched_update_all(except_cols=[_GONE])
    merge.when_not_matched_insert_all(predicate=f'not rows."{_GONE}"', except_cols=[_GONE]).execute()


def _flagged(rows: pa.Table, *, gone: bool) -> pa.Table:
    return rows.append_column(_GONE, pa.array([gone] * rows.num_rows, pa.bool_()))
