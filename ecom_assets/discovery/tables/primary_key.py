"""Which fields tell records apart: unique and never null over the sample, the likely ones before others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from ecom_assets.discovery.guess import Guess
from ecom_assets.discovery.tables.naming import singular, snake_case

_LIKELY = (
    re.compile(r"id"),
    re.compile(r"_?id|uuid|guid|uid|key|gid"),
    re.compile(r"number|code|sku|reference|handle|slug|line|position|line_number"),
    re.compile(r".*_(id|key|uuid|number|code)|.*sku"),
)
_DATES = re.compile(r".*(_at|_on|date|day|time)")
_UNLIKELY = re.compile(r"email|name|title|note|description|url|.*(price|total|amount)")
_MOST_TRIED = 8


def find_key(
    fields: Mapping[tuple[str, ...], Sequence[Any]], resource: str, groups: Sequence[int] | None = None
) -> Guess[list[tuple[str, ...]]] | None:
    """Return the paths of the fields that tell records apart, at most two of them, None where nothing does.

    With `groups`, one number per record, records of one number alone need to be told apart: the elements of one
    parent's list.
    """
    total = len(next(iter(fields.values()), ()))
    within = groups if groups is not None else [0] * total
    usable = [path for path, values in fields.items() if len(path) == 1 and _is_key(values)]
    usable.sort(key=lambda path: _rank(path[0], resource))
    place = "within their list, " if groups is not None else ""
    for paths in [(path,) for path in usable] + list(combinations(usable[:_MOST_TRIED], 2)):
        ranks = [_rank(path[0], resource) for path in paths]
        if (_LAST in ranks and (len(paths) > 1 or total < 3)) or ranks == [6]:
            continue
        keys = list(zip(within, *(fields[path] for path in paths), strict=True))
        if len(set(keys)) == total:
            return Guess(list(paths), f"unique {place}and never null in {total} records")
    return None


def child_key(
    fields: Mapping[tuple[str, ...], Sequence[Any]],
    resource: str,
    parents: Sequence[Any],
    carried: Sequence[tuple[str, ...]],
) -> Guess[list[tuple[str, ...]]] | None:
    """Return the key of a child: its parent's, and what tells records of one parent apart; None where nothing does.

    `parents` has the key of each record's parent. Where several parents have one record each, their key is enough,
    unless a field looks like a key.
    """
    numbers = {parent: number for number, parent in enumerate(dict.fromkeys(parents))}
    own = find_key(fields, resource, [numbers[parent] for parent in parents])
    single = 1 < len(numbers) == len(parents)
    if single and (own is None or any(_rank(path[0], resource) >= _ANY for path in own.value)):
        return Guess(list(carried), f"one record of each of {len(parents)} parents")
    return Guess([*carried, *own.value], own.why) if own else None


_ANY = 5
_LAST = 7


def _rank(name: str, resource: str) -> int:
    written = snake_case(name)
    if written == f"{singular(resource)}_id":
        return 1
    for rank, pattern in zip((0, 2, 3, 4), _LIKELY, strict=True):
        if pattern.fullmatch(written):
            return rank
    return _LAST if _UNLIKELY.fullmatch(written) else 6 if _DATES.fullmatch(written) else _ANY


def _is_key(values: Sequence[Any]) -> bool:
    kinds = {type(value) for value in values}
    return len(kinds) == 1 and kinds <= {int, str} and all(value != "" for value in values)
