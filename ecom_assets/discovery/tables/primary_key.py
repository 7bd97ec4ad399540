"""Finds the fields that identify a record: unique and never null in the sample, the likely ones first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Any

from ecom_assets.discovery.endpoint_draft import Guess
from ecom_assets.discovery.evidence import assumed
from ecom_assets.discovery.field_path import FieldPath
from ecom_assets.discovery.tables.naming import singular, snake_case

_LIKELY_NAMES = (
    re.compile(r"id"),
    re.compile(r"_?id|uuid|guid|uid|key|gid|pk|(object|record|entity|document|global|row)_id"),
    re.compile(r"number|code|sku|reference|handle|slug|line|position|line_number|(line|row|item)_no"),
    re.compile(r".*_(id|key|uuid|guid)|(?!phone|house|street|zip|postal).*_(number|code)|.*sku"),
)
_TIMES = re.compile(r".*(_at|_on|date|day|time)")
_UNLIKELY_NAMES = re.compile(
    r"email|name|title|note|description|url|.*(price|total|amount)|(.*_)?(street|city|address|phone|zip|quantity|qty)"
    r"|.*(phone|house|street|zip|postal)_(number|code)|(.*_)?(address|street)_?\d?"
)
_OPAQUE = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-f]{24}|[0-9a-f]{32}")
"""A UUID, or another identifier that only a program makes."""
_MAX_FIELDS_IN_PAIRS = 8
# ranks of names, the likeliest is 0
_RANK_OF_OTHER_KEYS = 4
_RANK_OF_OTHERS = 5
_RANK_OF_TIMES = 6
_RANK_OF_UNLIKELY = 7


def find_key(
    fields: Mapping[FieldPath, Sequence[Any]],
    resource: str,
    groups: Sequence[int] | None = None,
    opaque: Collection[FieldPath] = (),
) -> Guess[list[FieldPath]] | None:
    """Return the paths of at most two fields that identify a record, None where there are none.

    Args:
        fields: For each path, one value per record.
        resource: The name of the resource, for fields such as `order_id`.
        groups: For each record a number; records of different numbers may have the same key. Used for the elements
            of nested lists, which are identified within their list.
        opaque: Fields that hold identifiers that only a program makes, such as UUIDs, by their description.
    """
    count = len(next(iter(fields.values()), ()))
    group_of = groups if groups is not None else [0] * count
    usable = [path for path, values in fields.items() if len(path) == 1 and _may_be_key(values)]
    programs = {path for path in usable if all(_OPAQUE.fullmatch(str(value)) for value in fields[path])}
    programs = {path for path in usable if path in opaque or (count and path in programs)}
    lists = sum(size > 1 for size in Counter(group_of).values())
    # an identifier that only a program makes comes before a number that a person may edit
    usable.sort(key=lambda path: min(_rank(path[0], resource), 2 if path in programs else 9))
    within = "within their list, " if groups is not None else ""
    for paths in [(path,) for path in usable] + list(combinations(usable[:_MAX_FIELDS_IN_PAIRS], 2)):
        ranks = [_rank(path[0], resource) for path in paths]
        if (_RANK_OF_UNLIKELY in ranks and (len(paths) > 1 or count < 3)) or ranks == [_RANK_OF_TIMES]:
            continue
        keys = list(zip(group_of, *(fields[path] for path in paths), strict=True))
        if len(set(keys)) == count:
            spoke = "" if groups is None else _lists_that_spoke(lists)
            evidence = f"unique {within}and never null in {count} records{spoke}"
            # a single record, or lists of one element, show nothing of uniqueness
            shown = count > 1 if groups is None else lists > 0
            return Guess(list(paths), evidence if shown else assumed(evidence))
    return None


def find_nested_key(
    fields: Mapping[FieldPath, Sequence[Any]], resource: str
) -> Guess[list[FieldPath]] | None:
    """Return the path of a field in an object of a record that is named like a key and identifies it, None without."""
    count = len(next(iter(fields.values()), ()))
    usable = [path for path, values in fields.items() if len(path) == 2 and _may_be_key(values)]
    for path in sorted(usable, key=lambda path: _rank(path[-1], resource)):
        if _rank(path[-1], resource) < _RANK_OF_OTHERS and len(set(fields[path])) == count:
            return Guess([path], f"unique and never null in {count} records")
    return None


def speaks_for_itself(path: FieldPath, resource: str, values: Sequence[Any], *, was_seen: bool) -> bool:
    """Tell whether a field is named like a key, or holds identifiers that only a program makes.

    Args:
        path: The field.
        resource: The name of its list.
        values: Its values.
        was_seen: The values were seen. Otherwise the key of another record, such as `product_id`, is none.
    """
    most = _RANK_OF_OTHERS if was_seen else _RANK_OF_OTHER_KEYS
    return _rank(path[-1], resource) < most or all(_OPAQUE.fullmatch(str(value)) for value in values)


def _lists_that_spoke(count: int) -> str:
    if not count:
        return "; no list has two of them, so its name alone speaks for it"
    return f", of which {count} {'list has' if count == 1 else 'lists have'} two or more"


def find_child_key(
    fields: Mapping[FieldPath, Sequence[Any]],
    resource: str,
    parents: Sequence[Any],
    parent_paths: Sequence[FieldPath],
) -> Guess[list[FieldPath]] | None:
    """Return the key of a child: its parent's key, and the fields that identify a record of one parent.

    Where each of several parents has one record, the parent's key is enough, unless a field looks like a key.

    Args:
        fields: For each path, one value per record.
        resource: The name of the resource.
        parents: For each record, the key of its parent.
        parent_paths: The paths of the parent's key in the child's records.

    Returns:
        None where no field identifies a record of one parent.
    """
    numbers = {parent: number for number, parent in enumerate(dict.fromkeys(parents))}
    own = find_key(fields, resource, [numbers[parent] for parent in parents])
    one_each = 1 < len(numbers) == len(parents)
    if one_each and (own is None or any(_rank(path[0], resource) >= _RANK_OF_OTHERS for path in own.value)):
        return Guess(list(parent_paths), f"one record for each of {len(parents)} parents")
    return Guess([*parent_paths, *own.value], own.evidence) if own else None


def _rank(name: str, resource: str) -> int:
    column = snake_case(name)
    record = singular(snake_case(resource))
    own = column.removeprefix(f"{record}_") if column != record else column
    if own in ("id", "uuid", "guid", "key") and own != column:
        return 1
    if own != column and own in ("number", "code", "no", "reference"):
        return 3
    for rank, pattern in zip((0, 2, 3, 4), _LIKELY_NAMES, strict=True):
        if pattern.fullmatch(column):
            return rank
    if _UNLIKELY_NAMES.fullmatch(column):
        return _RANK_OF_UNLIKELY
    return _RANK_OF_TIMES if _TIMES.fullmatch(column) else _RANK_OF_OTHERS


def _may_be_key(values: Sequence[Any]) -> bool:
    kinds = {type(value) for value in values}
    return len(kinds) == 1 and kinds <= {int, str} and all(value != "" for value in values)
