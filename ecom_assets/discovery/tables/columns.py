"""Drafts columns from fields: their names, types and nullability, each with its evidence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.discovery.evidence import described as described_evidence
from ecom_assets.discovery.field_path import FieldPath, bare_path, in_json_api
from ecom_assets.discovery.tables.described_fields import DescribedField, merge_types
from ecom_assets.discovery.tables.fields import Fields
from ecom_assets.discovery.tables.naming import NamingRules, snake_case
from ecom_assets.discovery.tables.type_inference import InferredType, infer_type

AS_IN_THE_TEMPLATE = "named as in the template"
_ENOUGH_RECORDS = 20
"""A field that is never null in this many records is declared as not nullable."""


@dataclass
class ColumnDraft:
    """A column to be declared; `evidence` becomes the comment beside it."""

    name: str
    path: FieldPath
    type: InferredType
    nullable: bool
    evidence: list[str] = field(default_factory=list)
    description: str = ""
    references: str | None = None
    values: Sequence[Any] = ()


def draft_columns(
    fields: Fields,
    described: Mapping[FieldPath, DescribedField],
    naming: NamingRules,
    table: str,
    record_count: int,
    complete: bool,
    never_null: Collection[FieldPath],
    notes: list[str],
    taken: Collection[str] = (),
) -> list[ColumnDraft]:
    """Return the columns of a table's fields.

    Args:
        fields: The fields of the sample.
        described: The fields that a description has.
        naming: The rules for names.
        table: The table's name.
        record_count: How many records the sample has.
        complete: The list has no other records than the sample.
        never_null: The paths of the key and the cursor.
        notes: Gets a line about the fields that do not become columns.
        taken: Names that other columns of the table have.
    """
    typed: dict[FieldPath, tuple[InferredType, str, Sequence[Any]]] = {}
    without_type, absent = [], []
    always_null = [path for path, values in fields.values.items() if all(value is None for value in values)]
    for path in dict.fromkeys([*fields.values, *described]):
        entry = described.get(path)
        values: Sequence[Any] = fields.values.get(path, ())
        if path in always_null and any(other[: len(path)] == path for other in described if other != path):
            continue  # an object that is always null; its fields are described
        if record_count and path not in fields.values:
            null_object = next((path[:end] for end in range(1, len(path)) if path[:end] in always_null), None)
            if null_object is None:
                if path not in fields.lists:
                    absent.append(".".join(path))
                continue
            values = fields.values[null_object]
        inferred, contradiction = merge_types(infer_type(snake_case(path[-1]), values), entry)
        if inferred is None:
            without_type.append(".".join(path))
            continue
        typed[path] = inferred, contradiction, values
    columns: list[ColumnDraft] = []
    types = {
        path: typed[path][0].data_type if path in typed else None for path in [*fields.values, *described]
    }
    # the fields of JSON:API are named as if they stood in the record itself
    bare = {path: bare_path(path) if in_json_api(types) else path for path in types}
    by_bare_path = naming.template_columns(table, {bare[path]: kind for path, kind in types.items()})
    template = {path: by_bare_path[bare[path]] for path in types if bare[path] in by_bare_path}
    for path, (inferred, contradiction, values) in typed.items():
        entry = described.get(path)
        used = [*taken, *(column.name for column in columns)]
        name = naming.column(bare[path], used)
        description = entry.description if entry else ""
        column = ColumnDraft(name, path, inferred, True, description=description, values=values)
        if path in template and template[path].name not in used:
            column.name = template[path].name
            column.description = column.description or template[path].description
            if column.name != name:
                column.evidence.append(AS_IN_THE_TEMPLATE)
        if fields.json_reasons.get(path) or inferred.evidence:
            column.evidence.append(fields.json_reasons.get(path) or inferred.evidence)
        _set_nullable(column, entry, record_count, complete, path in never_null)
        if contradiction:
            column.evidence.append(contradiction)
        columns.append(column)
    _note_local_times(columns)
    if without_type:
        reason = "always null" if record_count else "described without a type"
        notes.append(f"{reason}, so left to schema_contract: {', '.join(without_type)}")
    if absent:
        notes.append(f"described, but in none of {record_count} records: {', '.join(absent)}")
    if fields.unreachable:
        notes.append(
            "left out, because no path can contain a name with a dot, or with a space at an end: "
            f"{', '.join(fields.unreachable)}"
        )
    return columns


def _note_local_times(columns: Sequence[ColumnDraft]) -> None:
    """Add a note to a time without a zone, where another field has the same time in UTC and differs."""
    by_name = {
        "__".join(map(snake_case, column.path)): column
        for column in columns
        if column.type.data_type == "timestamp"
    }
    for name, column in by_name.items():
        in_utc = by_name.get(f"{name}_gmt") or by_name.get(f"{name}_utc")
        if in_utc and in_utc.values != column.values:
            column.evidence.append(f"local time: {in_utc.name} differs, so its zone must be declared")


def _set_nullable(
    column: ColumnDraft,
    described: DescribedField | None,
    record_count: int,
    complete: bool,
    never_null: bool,
) -> None:
    """Decide whether a column may be null, and add the evidence."""
    if not record_count:
        column.nullable = not never_null and (described is None or described.nullable is not False)
        return
    blank_is_null = COLUMN_TYPES[column.type.data_type].blank_is_null
    nulls = sum(
        value is None or (blank_is_null and isinstance(value, str) and not value.strip())
        for value in column.values
    )
    described_as_nullable = described is not None and bool(described.nullable)
    if nulls:
        column.evidence.append(
            f"null in {nulls} of {record_count}"
            + (", described as never null" if described and described.nullable is False else "")
        )
    elif never_null or ((record_count >= _ENOUGH_RECORDS or complete) and not described_as_nullable):
        column.nullable = False
        column.evidence.append(f"never null in {record_count}")
    else:
        column.evidence.append(
            described_evidence("may be null as described")
            if described_as_nullable
            else f"never null, but in only {record_count} records"
        )
