"""The columns that fields make: names, types, nulls, each with what speaks for it; nothing here asks the API."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.discovery.description.endpoint import DescribedField, agreed
from ecom_assets.discovery.tables.fields import Fields, Path
from ecom_assets.discovery.tables.naming import Names, snake_case
from ecom_assets.discovery.tables.type_inference import Kind, infer

AS_IN_THE_TEMPLATE = "named as in the template"
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


def columns_of(
    fields: Fields,
    said: Mapping[Path, DescribedField],
    names: Names,
    table: str,
    seen: int,
    whole: bool,
    surely: Collection[Path],
    notes: list[str],
    taken: Collection[str] = (),
) -> list[ColumnDraft]:
    """Return the columns of a table's fields, and note what could not become one."""
    kinds: dict[Path, tuple[Kind, str, Sequence[Any]]] = {}
    unknown, absent = [], []
    hollow = [path for path, values in fields.values.items() if all(value is None for value in values)]
    for path in dict.fromkeys([*fields.values, *said]):
        entry = said.get(path)
        values: Sequence[Any] = fields.values.get(path, ())
        if path in hollow and any(other[: len(path)] == path for other in said if other != path):
            continue  # an object that is always null; its fields are described
        if seen and path not in fields.values:
            around = next((path[:end] for end in range(1, len(path)) if path[:end] in hollow), None)
            if around is None:
                if path not in fields.lists:
                    absent.append(".".join(path))
                continue
            values = fields.values[around]
        kind, differs = agreed(infer(snake_case(path[-1]), values), entry)
        if kind is None:
            unknown.append(".".join(path))
            continue
        kinds[path] = kind, differs, values
    columns: list[ColumnDraft] = []
    types = {path: kinds[path][0].data_type if path in kinds else None for path in [*fields.values, *said]}
    known = names.known(table, types)
    for path, (kind, differs, values) in kinds.items():
        entry = said.get(path)
        used = [*taken, *(column.name for column in columns)]
        name = names.column(path, used)
        column = ColumnDraft(
            name, path, kind, True, description=entry.description if entry else "", values=values
        )
        if path in known and known[path].name not in used:
            column.name = known[path].name
            column.description = column.description or known[path].description
            if column.name != name:
                column.why.append(AS_IN_THE_TEMPLATE)
        if fields.whole.get(path) or kind.why:
            column.why.append(fields.whole.get(path) or kind.why)
        _judge_nulls(column, entry, seen, whole, path in surely)
        if differs:
            column.why.append(differs)
        columns.append(column)
    _note_twins(columns)
    if unknown:
        notes.append(f"always null, so left to schema_contract: {', '.join(unknown)}")
    if absent:
        notes.append(f"described, but in none of {seen} records: {', '.join(absent)}")
    if fields.unnameable:
        notes.append(
            f"no path leads to a name with a dot or a space at its end: {', '.join(fields.unnameable)}"
        )
    return columns


def _note_twins(columns: Sequence[ColumnDraft]) -> None:
    """Note of a time without a zone that it is a local one, where a twin in UTC says something else."""
    by_name = {
        "__".join(map(snake_case, column.path)): column
        for column in columns
        if column.kind.data_type == "timestamp"
    }
    for name, column in by_name.items():
        twin = by_name.get(f"{name}_gmt") or by_name.get(f"{name}_utc")
        if twin and twin.values != column.values:
            column.why.append(f"local time: {twin.name} differs, so its zone must be declared")


def _judge_nulls(
    column: ColumnDraft, said: DescribedField | None, seen: int, whole: bool, surely: bool
) -> None:
    """Tell whether a column may be null, and why."""
    if not seen:
        column.nullable = not surely and (said is None or said.nullable is not False)
        return
    empty = COLUMN_TYPES[column.kind.data_type].blank_is_null
    nulls = sum(
        value is None or (empty and isinstance(value, str) and not value.strip()) for value in column.values
    )
    if nulls:
        column.why.append(
            f"null in {nulls} of {seen}"
            + (", described as never null" if said and said.nullable is False else "")
        )
    elif surely or ((seen >= _ENOUGH or whole) and not (said and said.nullable)):
        column.nullable = False
        column.why.append(f"never null in {seen}")
    else:
        column.why.append(
            "may be null as described" if said and said.nullable else f"never null, but in {seen} only"
        )
