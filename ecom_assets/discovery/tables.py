"""The tables that an endpoint's records make: columns, keys, nested lists, each with what speaks for it.

Types are `inference`'s, keys `identity`'s, names `naming`'s. Nothing here asks the API.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecom_assets.discovery.described import DescribedField, DescribedTable, agreed
from ecom_assets.discovery.fields import Fields, Path, take_apart
from ecom_assets.discovery.guess import Found, Guess
from ecom_assets.discovery.identity import find_key
from ecom_assets.discovery.inference import Kind, infer
from ecom_assets.discovery.naming import Names, singular, snake_case
from ecom_assets.ingest.errors import ApiError

_ENOUGH = 20
"""Records from which on a field that was never null is taken for one that never is."""


@dataclass
class ColumnDraft:
    """A column to be declared; `why` is the comment beside it."""

    name: str
    path: Path
    kind: Kind
    nullable: bool
    why: list[str] = field(default_factory=list)
    description: str = ""
    references: str | None = None
    values: Sequence[Any] = ()


@dataclass
class TableDraft:
    """A resource to be declared: of an endpoint (`found`), or of a nested list at `list_path` of `parent`."""

    name: str
    description: str
    key: Guess[list[str]]
    columns: list[ColumnDraft]
    found: Found | None = None
    parent: str | None = None
    list_path: Path = ()
    include: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def tables_of(found: Found, name: str, names: Names, taken: Collection[str], said: DescribedTable) -> list[TableDraft]:
    """Return the table of an endpoint, then those of its nested lists.

    Raises ApiError where no field tells the records apart.
    """
    fields = take_apart(found.records)
    keys = find_key(fields.values or _described_keys(said, name), name)
    if keys is None:
        raise ApiError(f"{found.path}: no field, and no two, tell its {len(found.records)} records apart")
    table = TableDraft(name, f"One row per {_words(singular(name))}.", Guess([], ""), [], found)
    table.notes += found.notes
    surely = list(keys.value)
    if found.filter:
        surely.append(tuple(str(found.filter.incremental["cursor_path"]).split(".")))
    lists: dict[Path, TableDraft] = {}
    for path, elements in fields.lists.items():
        child = _child(table, keys, path, elements, names, [*taken, name, *(entry.name for entry in lists.values())], said)
        if child:
            lists[path] = child
        else:
            fields.values[path] = elements
            fields.whole[path] = "a list of objects that no field tells apart"
    table.columns = _columns(fields, said.fields, names, len(found.records), found.whole, surely, table.notes)
    by_path = {column.path: column.name for column in table.columns}
    table.key = Guess([by_path[path] for path in keys.value], keys.why)
    for path in said.lists if not found.records else ():
        child = _child(table, keys, path, [], names, [*taken, name, *(entry.name for entry in lists.values())], said)
        if child:
            lists[path] = child
    for child in lists.values():
        for column, path in zip(child.columns, keys.value, strict=False):
            column.references = f"{name}.{by_path[path]}"
    return [table, *lists.values()]


def _described_keys(said: DescribedTable, name: str) -> Mapping[Path, Sequence[Any]]:
    """Return stand-ins for values of the described fields that may be keys, so that their names decide."""
    return {
        path: [0, 1]
        for path, entry in said.fields.items()
        if entry.data_type in ("bigint", "text") and not entry.nullable
    }


def _child(
    parent: TableDraft,
    parent_keys: Guess[list[Path]],
    path: Path,
    lists: Sequence[Any],
    names: Names,
    taken: Collection[str],
    said: DescribedTable,
) -> TableDraft | None:
    """Return the table of a nested list, None where nothing tells its elements apart within their list."""
    elements = [element for entry in lists for element in entry or ()]
    groups = [number for number, entry in enumerate(lists) for _ in entry or ()]
    fields = take_apart(elements, nested=False)
    described = said.lists.get(path, {})
    stand_ins = _described_keys(DescribedTable(described), "")
    keys = find_key(fields.values or stand_ins, path[-1], groups if elements else None)
    if keys is None:
        return None
    one = singular(parent.name)
    name = names.child(parent.name, path, taken)
    described_as = said.list_descriptions.get(path) or f"One row per element of {'.'.join(path)} of {_words(one, article=True)}."
    table = TableDraft(name, described_as, Guess([], keys.why), [], None, parent.name, path)
    for key in parent_keys.value:
        column = snake_case(key[0]) if snake_case(key[0]).startswith(f"{one}_") else f"{one}_{snake_case(key[0])}"
        # an element that repeats the key of its record needs no second column of it
        fields.values.pop((column,), None)
        table.include.append(key[0])
        values = [_parent_value(parent, key, number) for number in groups]
        kind = infer(snake_case(key[0]), values) or Kind("bigint", "as described")
        table.columns.append(ColumnDraft(column, (f"_{parent.name}_{key[0]}",), kind, False))
    own = [entry.name for entry in table.columns]
    table.columns += _columns(fields, described, names, len(elements), False, keys.value, table.notes, own)
    by_path = {column.path: column.name for column in table.columns}
    table.key = Guess([*own, *(by_path[key] for key in keys.value)], keys.why)
    return table


def _parent_value(parent: TableDraft, key: Path, number: int) -> Any:
    return parent.found.records[number].get(key[0]) if parent.found else None


def _columns(
    fields: Fields,
    said: Mapping[Path, DescribedField],
    names: Names,
    seen: int,
    whole: bool,
    surely: Collection[Path],
    notes: list[str],
    taken: Collection[str] = (),
) -> list[ColumnDraft]:
    """Return the columns of fields, and note what could not become one."""
    columns: list[ColumnDraft] = []
    unknown, absent = [], []
    for path in dict.fromkeys([*fields.values, *said]):
        entry = said.get(path)
        values = fields.values.get(path, ())
        if seen and path not in fields.values:
            if path not in fields.lists:
                absent.append(".".join(path))
            continue
        kind, differs = agreed(infer(snake_case(path[-1]), values), entry)
        if kind is None:
            unknown.append(".".join(path))
            continue
        name = names.column(path, [*taken, *(column.name for column in columns)])
        column = ColumnDraft(name, path, kind, True, description=entry.description if entry else "", values=values)
        if fields.whole.get(path) or kind.why:
            column.why.append(fields.whole.get(path) or kind.why)
        _judge_nulls(column, entry, seen, whole, path in surely)
        if differs:
            column.why.append(differs)
        columns.append(column)
    if unknown:
        notes.append(f"always null, so left to schema_contract: {', '.join(unknown)}")
    if absent:
        notes.append(f"described, but in none of {seen} records: {', '.join(absent)}")
    if fields.unnameable:
        notes.append(f"no path leads to a name with a dot or a space at its end: {', '.join(fields.unnameable)}")
    return columns


def _judge_nulls(column: ColumnDraft, said: DescribedField | None, seen: int, whole: bool, surely: bool) -> None:
    """Tell whether a column may be null, and why."""
    if not seen:
        column.nullable = not surely and (said is None or said.nullable is not False)
        return
    empty = column.kind.data_type not in ("text", "json")
    nulls = sum(value is None or (empty and isinstance(value, str) and not value.strip()) for value in column.values)
    if nulls:
        column.why.append(f"null in {nulls} of {seen}" + (", described as never null" if said and said.nullable is False else ""))
    elif surely or (seen >= _ENOUGH or whole) and not (said and said.nullable):
        column.nullable = False
        column.why.append(f"never null in {seen}")
    else:
        column.why.append("may be null as described" if said and said.nullable else f"never null, but in {seen} only")


def _words(name: str, *, article: bool = False) -> str:
    words = name.replace("_", " ")
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}" if article else words


def add_references(tables: Sequence[TableDraft], names: Names) -> None:
    """Let foreign keys point to the tables they are named after, unless the sample speaks against it."""
    targets = {singular(table.name): table for table in tables if table.found and len(table.key.value) == 1}
    for table in tables:
        for column in table.columns:
            target = targets.get(names.foreign_key(column.name) or "")
            if target is None or target is table or column.references:
                continue
            key = next(entry for entry in target.columns if entry.name == target.key.value[0])
            if key.kind.data_type != column.kind.data_type:
                continue
            known = set(key.values)
            if target.found and target.found.whole and any(value not in known for value in column.values if value is not None):
                continue
            column.references = f"{target.name}.{key.name}"
            column.why.append(f"named after {target.name}")
