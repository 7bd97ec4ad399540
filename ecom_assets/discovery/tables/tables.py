"""The tables that an endpoint's records make: columns, keys, nested lists, each with what speaks for it.

Columns are `columns`', keys `identity`'s, names `naming`'s. Nothing here asks the API.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecom_assets.discovery.description.endpoint import AS_DESCRIBED, DescribedTable
from ecom_assets.discovery.guess import Found, Guess
from ecom_assets.discovery.tables.columns import ColumnDraft, columns_of
from ecom_assets.discovery.tables.fields import Path, take_apart
from ecom_assets.discovery.tables.naming import Names, singular, snake_case
from ecom_assets.discovery.tables.primary_key import child_key, find_key
from ecom_assets.discovery.tables.type_inference import Kind, infer
from ecom_assets.foundation.errors import ApiError


@dataclass
class TableDraft:
    """A resource to be declared: of an endpoint (`found`), or of a nested list at `list_path` of `parent`.

    An endpoint that is asked by a field of another resource's records has that in `asked_by`.
    """

    name: str
    description: str
    key: Guess[list[str]]
    columns: list[ColumnDraft]
    found: Found | None = None
    parent: str | None = None
    list_path: Path = ()
    include: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    asked_by: str | None = None


def tables_of(
    found: Found,
    name: str,
    names: Names,
    taken: Collection[str],
    said: DescribedTable,
    key: Guess[list[Path]] | None = None,
    carried: Sequence[ColumnDraft] = (),
) -> list[TableDraft]:
    """Return the table of an endpoint, then those of its nested lists; the `key` is found out unless given.

    `carried` are the columns of a child for the key of its parent, which is a part of its own. Raises ApiError where
    no field tells the records apart.
    """
    fields = take_apart(found.records)
    above = [fields.values.pop(column.path, []) for column in carried]
    for column, values in zip(carried, above, strict=True):
        # a child that repeats the key of its parent needs no second column of it
        if list(map(str, fields.values.get((column.name,), ()))) == list(map(str, values)):
            fields.values.pop((column.name,), None)
    if carried:
        key = child_key(
            fields.values, name, list(zip(*above, strict=True)), [entry.path for entry in carried]
        )
    keys = key or (None if carried else find_key(fields.values or _described_keys(said, name), name))
    if keys is None:
        raise ApiError(f"{found.path}: no field, and no two, tell its {len(found.records)} records apart")
    table = TableDraft(name, f"One row per {_words(singular(name))}.", Guess([], ""), [], found)
    table.notes += found.notes
    surely = list(keys.value)
    if found.filter:
        surely.append(tuple(str(found.filter.incremental["cursor_path"]).split(".")))
    unseen = [
        path for path in said.lists if path not in fields.lists and not any(fields.values.get(path, ()))
    ]
    lists: dict[Path, TableDraft] = {}
    for path, elements in [*fields.lists.items(), *((path, []) for path in unseen)]:
        others = [*taken, name, *(entry.name for entry in lists.values())]
        child = _child(table, keys, path, elements, names, others, said, carried)
        if child:
            lists[path] = child
            fields.values.pop(path, None)
        elif elements:
            fields.values[path] = elements
            fields.whole[path] = "a list of objects that no field tells apart"
    columns = columns_of(
        fields,
        said.fields,
        names,
        name,
        len(found.records),
        found.whole,
        surely,
        table.notes,
        [entry.name for entry in carried],
    )
    table.columns = columns = [*carried, *columns]
    by_path = {column.path: column.name for column in columns}
    table.key = Guess(
        [by_path[path] for path in keys.value if path in by_path], keys.why if found.records else AS_DESCRIBED
    )
    for child in lists.values():
        for column, path in zip(child.columns, keys.value, strict=False):
            if not carried:
                column.references = f"{name}.{by_path[path]}" if path in by_path else None
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
    carried: Sequence[ColumnDraft],
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
    described_as = (
        said.list_descriptions.get(path)
        or f"One row per element of {'.'.join(path)} of {_words(one, article=True)}."
    )
    table = TableDraft(name, described_as, Guess([], keys.why), [], None, parent.name, path)
    above = {column.path: column for column in carried}
    for key in parent_keys.value:
        written = above[key].name if key in above else snake_case(key[0])
        column = written if key in above or written.startswith(f"{one}_") else f"{one}_{written}"
        # an element that repeats the key of its record needs no second column of it
        fields.values.pop((column,), None)
        table.include.append(key[0])
        values = [_parent_value(parent, key, number) for number in groups]
        kind = infer(snake_case(key[0]), values) or Kind("bigint", "as described")
        draft = ColumnDraft(column, (f"_{parent.name}_{key[0]}",), kind, False)
        if key in above:
            draft.kind, draft.references = above[key].kind, above[key].references
        table.columns.append(draft)
    own = [entry.name for entry in table.columns]
    table.columns += columns_of(
        fields, described, names, name, len(elements), False, keys.value, table.notes, own
    )
    by_path = {column.path: column.name for column in table.columns}
    why = keys.why if elements else AS_DESCRIBED
    table.key = Guess([*own, *(by_path[key] for key in keys.value)], why)
    return table


def _parent_value(parent: TableDraft, key: Path, number: int) -> Any:
    return parent.found.records[number].get(key[0]) if parent.found else None


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
            if (
                target.found
                and target.found.whole
                and any(value not in known for value in column.values if value is not None)
            ):
                continue
            column.references = f"{target.name}.{key.name}"
            column.why.append(f"named after {target.name}")
