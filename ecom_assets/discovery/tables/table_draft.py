"""Drafts the tables of an endpoint from its records: columns, keys and nested lists, each with its evidence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecom_assets.contract.record_keys import value_at
from ecom_assets.discovery.endpoint_draft import EndpointDraft, Guess
from ecom_assets.discovery.evidence import assumed
from ecom_assets.discovery.field_path import FieldPath, bare_path
from ecom_assets.discovery.tables.columns import ColumnDraft, draft_columns
from ecom_assets.discovery.tables.described_fields import (
    DescribedField,
    DescribedTable,
    merge_types,
)
from ecom_assets.discovery.tables.fields import flatten_records
from ecom_assets.discovery.tables.naming import NamingRules, singular, snake_case
from ecom_assets.discovery.tables.primary_key import (
    find_child_key,
    find_key,
    find_nested_key,
    speaks_for_itself,
)
from ecom_assets.discovery.tables.type_inference import InferredType, infer_type
from ecom_assets.foundation.errors import ApiError

_KEY_BY_NAME = assumed("a described field with the name or the format of a key, not seen")


@dataclass
class TableDraft:
    """A resource to be declared.

    It is either an `endpoint`, or the nested list at `list_path` of the resource `parent`. `parent_endpoint` is the
    resource whose records fill the endpoint's placeholders. `include` are the fields that come from the parent.
    """

    name: str
    description: str
    key: Guess[list[str]]
    columns: list[ColumnDraft]
    endpoint: EndpointDraft | None = None
    parent: str | None = None
    list_path: FieldPath = ()
    include: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    parent_endpoint: str | None = None


def draft_tables(
    endpoint: EndpointDraft,
    name: str,
    naming: NamingRules,
    taken: Collection[str],
    described: DescribedTable,
    key: Guess[list[FieldPath]] | None = None,
    parent_columns: Sequence[ColumnDraft] = (),
) -> list[TableDraft]:
    """Return the table of an endpoint, then those of its nested lists.

    Args:
        endpoint: The endpoint with its sample.
        name: The name of its resource.
        naming: The rules for names.
        taken: Names that other resources have.
        described: The fields that a description has.
        key: The primary key; found in the sample unless given.
        parent_columns: The columns of a child for its parent's key, which is a part of its own key.

    Raises:
        ApiError: No field, and no two fields, identify a record.
    """
    fields = flatten_records(endpoint.records)
    parent_values = [fields.values.pop(column.path, []) for column in parent_columns]
    for column, values in zip(parent_columns, parent_values, strict=True):
        # a child that repeats the key of its parent needs no second column for it
        if list(map(str, fields.values.get((column.name,), ()))) == list(map(str, values)):
            fields.values.pop((column.name,), None)
    if parent_columns:
        parents = list(zip(*parent_values, strict=True))
        paths = [entry.path for entry in parent_columns]
        key = find_child_key(fields.values, name, parents, paths)
    elif key is None:
        candidates = fields.values or _stand_ins_for_keys(described.fields)
        opaque = _opaque(described.fields)
        key = find_key(candidates, name, opaque=opaque) or find_nested_key(candidates, name)
    if key is None and not endpoint.records:
        raise ApiError(
            f"{endpoint.path}: found no primary key: no described field is named like one; leave out --offline, or "
            "write the resource by hand"
        )
    if key is None:
        raise ApiError(
            f"{endpoint.path}: found no primary key: no field, and no two fields, identify each of its "
            f"{len(endpoint.records)} records"
        )
    table = TableDraft(name, f"One row per {_words(singular(name))}.", Guess([], ""), [], endpoint)
    table.notes += endpoint.notes
    never_null = list(key.value)
    if endpoint.time_filter:
        never_null.append(tuple(str(endpoint.time_filter.incremental["cursor_path"]).split(".")))
    unseen = [
        path for path in described.lists if path not in fields.lists and not any(fields.values.get(path, ()))
    ]
    if any(len(path) > 1 for path in key.value) and not parent_columns:
        # a nested list takes the key of its record from the record itself, not from an object within it
        fields.values |= fields.lists
        fields.json_reasons |= dict.fromkeys(
            fields.lists, "a list of objects; the key of its record is nested"
        )
        fields.lists, unseen = {}, []
    children: dict[FieldPath, TableDraft] = {}
    described_fields = dict(described.fields)
    for path, lists in [*fields.lists.items(), *((path, []) for path in unseen)]:
        used = [*taken, name, *(entry.name for entry in children.values())]
        child = _draft_nested_list(table, key, path, lists, naming, used, described, parent_columns)
        if child:
            children[path] = child
            fields.values.pop(path, None)
        elif lists:
            fields.values[path] = lists
            fields.json_reasons[path] = "a list of objects without a key"
        elif not endpoint.records:
            described_fields[path] = DescribedField(
                "json", "array", None, described.list_descriptions.get(path, "")
            )
    own_columns = draft_columns(
        fields,
        described_fields,
        naming,
        name,
        len(endpoint.records),
        endpoint.complete,
        never_null,
        table.notes,
        [entry.name for entry in parent_columns],
    )
    table.columns = [*parent_columns, *own_columns]
    by_path = {column.path: column.name for column in table.columns}
    table.key = Guess(
        [by_path[path] for path in key.value if path in by_path],
        key.evidence if endpoint.records else _KEY_BY_NAME,
    )
    for child in children.values():
        for column, path in zip(child.columns, key.value, strict=False):
            if not parent_columns:
                column.references = f"{name}.{by_path[path]}" if path in by_path else None
    return [table, *children.values()]


def _stand_ins_for_keys(described: Mapping[FieldPath, DescribedField]) -> Mapping[FieldPath, Sequence[Any]]:
    """Return unique values for the described fields that may be keys, so that only their names decide."""
    return {
        path: [0, 1]
        for path, entry in described.items()
        if entry.data_type in ("bigint", "text") and (not entry.nullable or path in (("id",), ("uuid",)))
    }


def _opaque(described: Mapping[FieldPath, DescribedField]) -> list[FieldPath]:
    return [path for path, entry in described.items() if "uuid" in entry.written_type]


def _draft_nested_list(
    parent: TableDraft,
    parent_key: Guess[list[FieldPath]],
    path: FieldPath,
    lists: Sequence[Any],
    naming: NamingRules,
    taken: Collection[str],
    described: DescribedTable,
    parent_columns: Sequence[ColumnDraft],
) -> TableDraft | None:
    """Return the table of a nested list, None where nothing identifies its elements within their list."""
    elements = [element for entry in lists for element in entry or ()]
    groups = [number for number, entry in enumerate(lists) for _ in entry or ()]
    fields = flatten_records(elements, nested=False)
    described_fields = described.lists.get(path, {})
    parent_name = singular(parent.name)
    from_grandparent = {column.path: column for column in parent_columns}
    parent_names = [
        from_grandparent[key].name if key in from_grandparent else _parent_column_name(parent_name, key)
        for key in parent_key.value
    ]
    for column_name in parent_names:
        # an element that repeats the key of its record needs no second column for it
        fields.values.pop((column_name,), None)
    own_fields = {
        inner: entry
        for inner, entry in described_fields.items()
        if inner not in {(name,) for name in parent_names}
    }
    candidates = fields.values if elements else _stand_ins_for_keys(own_fields)
    numbers = groups if elements else None
    keys = find_key(candidates, path[-1], numbers, _opaque(own_fields)) if candidates else None
    if keys is None:
        return None
    # where no list has two elements, or no list was seen, nothing shows that a field is unique within its list
    without_proof = len(set(groups)) == len(groups)
    if (
        without_proof
        and not any(
            speaks_for_itself(key, path[-1], candidates[key], was_seen=bool(elements)) for key in keys.value
        )
        and not set(keys.value) & set(_opaque(own_fields))
    ):
        return None
    name = naming.child(parent.name, bare_path(path), taken)
    description = (
        described.list_descriptions.get(path)
        or f"One row per element of {'.'.join(path)} of {_words(parent_name, article=True)}."
    )
    table = TableDraft(name, description, Guess([], keys.evidence), [], None, parent.name, path)
    for key, column_name in zip(parent_key.value, parent_names, strict=True):
        table.include.append(key[0])
        inferred = _parent_type(parent, key, described)
        column = ColumnDraft(column_name, (f"_{parent.name}_{key[0]}",), inferred, False)
        if key in from_grandparent:
            column.type, column.references = from_grandparent[key].type, from_grandparent[key].references
        table.columns.append(column)
    key_names = [entry.name for entry in table.columns]
    table.columns += draft_columns(
        fields,
        own_fields,
        naming,
        name,
        len(elements),
        False,
        keys.value,
        table.notes,
        key_names,
    )
    by_path = {column.path: column.name for column in table.columns}
    evidence = keys.evidence if elements else _KEY_BY_NAME
    table.key = Guess([*key_names, *(by_path[key] for key in keys.value)], evidence)
    return table


def _parent_column_name(parent_name: str, key: FieldPath) -> str:
    name = snake_case(key[0])
    return name if name.startswith(f"{parent_name}_") else f"{parent_name}_{name}"


def _parent_type(parent: TableDraft, key: FieldPath, described: DescribedTable) -> InferredType:
    """Return the type that the parent's own column for a part of its key has."""
    values = [value_at(record, key) for record in parent.endpoint.records] if parent.endpoint else []
    inferred, _ = merge_types(infer_type(snake_case(key[-1]), values), described.fields.get(key))
    return inferred or InferredType("bigint", assumed("the type of the key is not known"))


def allow_nulls(table: TableDraft, endpoint: EndpointDraft | None) -> None:
    """Let every column be null except the key and the cursor: a sample cannot show what comes later."""
    cursor = endpoint.time_filter.incremental["cursor_path"] if endpoint and endpoint.time_filter else None
    for column in table.columns:
        if column.name not in table.key.value and (table.parent or ".".join(column.path) != cursor):
            column.nullable = True


def _words(name: str, *, article: bool = False) -> str:
    words = name.replace("_", " ")
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}" if article else words


def add_references(tables: Sequence[TableDraft], naming: NamingRules) -> None:
    """Let foreign keys reference the tables they are named after, unless the sample contradicts."""
    targets = {
        singular(table.name): table for table in tables if table.endpoint and len(table.key.value) == 1
    }
    for table in tables:
        for column in table.columns:
            target = targets.get(naming.foreign_key(column.name) or "")
            if target is None or target is table or column.references:
                continue
            key = next(entry for entry in target.columns if entry.name == target.key.value[0])
            if key.type.data_type != column.type.data_type:
                continue
            key_values = set(key.values)
            if (
                target.endpoint
                and target.endpoint.complete
                and any(value not in key_values for value in column.values if value is not None)
            ):
                continue
            column.references = f"{target.name}.{key.name}"
            column.evidence.append(assumed(f"named after {target.name}"))
