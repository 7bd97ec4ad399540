"""Nested lists that records do not hold as a whole: they are paged themselves, or are not where they are declared."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ecom_assets.contract.nested_values import has_field, values_at
from ecom_assets.declaration.reading import Resource, RowsFrom
from ecom_assets.foundation.errors import ContractBroken

PARTIAL_LIST = (
    "records hold only a part of the list. Declare rows_from.total_path or rows_from.has_more_path, and make the list "
    "a resource with an endpoint of its own"
)
"""What is wrong with a list whose record says that there is more of it, and what to do."""
_SIGN = re.compile(
    r"(?P<more>has_?more|has_?next(?:_?page)?|more)"
    r"|(?P<total>total(?:_?count)?|total_?(?:items|results)|count)"
    r"|(?P<next>next(?:_?(?:page|link|url|uri|href|cursor|token))*)"
    r"|(?P<page>page_?info|paging|pagination|meta|_?links)",
    re.IGNORECASE,
)
"""Names of fields that may say that a list has more elements, by what they hold."""


def refuse_partial_lists(resource: Resource, parents: Sequence[Any]) -> None:
    """Fail a nested list whose declared total or flag says that records hold only a part of it.

    Raises:
        ContractBroken: A list has fewer elements than `total_path` says, or `has_more_path` says that there are more.
    """
    rows_from = resource.rows_from
    if rows_from is None or not (rows_from.total_path or rows_from.has_more_path):
        return
    lists = values_at(parents, rows_from.path.split("."))[0]
    for key, declared in (("total_path", rows_from.total_path), ("has_more_path", rows_from.has_more_path)):
        if declared is None:
            continue
        for elements, said in zip(lists, values_at(parents, declared.split("."))[0], strict=True):
            count = len(elements) if isinstance(elements, list) else 0
            is_partial = _says_more(said) if key == "has_more_path" else _number(said) > count
            if is_partial:
                failure = ContractBroken(
                    f"{resource.name}: a record holds {count} elements of {rows_from.path}, and its {declared} is "
                    f"{said!r}: the list is paged itself. Make it a resource with an endpoint of its own, such as "
                    f"path: {rows_from.resource}/{{resources.{rows_from.resource}.id}}/…"
                )
                failure.resource = resource.name
                raise failure


def undeclared_rest(resource: Resource, parents: Sequence[Any]) -> str:
    """Return the path beside a nested list that says there are more elements than a record holds, "" without one."""
    rows_from = resource.rows_from
    if rows_from is None:
        return ""
    declared = [path for path in (rows_from.total_path, rows_from.has_more_path) if path]
    if any(has_field(parents, path.split(".")) for path in declared):
        return ""  # a path that is in no record may be misspelt
    *above, name = rows_from.path.split(".")
    # at the top of a record, a total may be an amount of money
    prefix = "" if above else f"{name}_"
    objects = [entry if isinstance(entry, dict) else {} for entry in values_at(parents, above)[0]]
    signs = _signs_among(frozenset().union(*objects), prefix)
    if signs:
        for entry in objects:
            elements = entry.get(name)
            if isinstance(elements, list) and (found := _rest_in(entry, signs, len(elements))):
                return ".".join([*above, found])
    return ""


def without_list_text(rows_from: RowsFrom, count: int) -> str:
    """Return what is said about a nested list that none of so many records has."""
    return (
        f"none of {count} records of {rows_from.resource} has {rows_from.path}. Check rows_from.path, unless the API "
        "leaves out empty lists"
    )


@lru_cache
def _signs_among(names: frozenset[str], prefix: str = "") -> Mapping[str, str]:
    """Return the fields that may say that a list has more elements, each with its group of `_SIGN`.

    Args:
        names: The names of all fields beside the list.
        prefix: What the name of such a field begins with.
    """
    prefixed = [name for name in sorted(names) if name.startswith(prefix)]
    matches = {name: _SIGN.fullmatch(name.removeprefix(prefix)) for name in prefixed}
    signs = {name: match.lastgroup or "" for name, match in matches.items() if match}
    return {name: sign for name, sign in signs.items() if sign != "page" or not prefix}


def _rest_in(fields: Mapping[str, Any], signs: Mapping[str, str], count: int) -> str:
    """Return the path of the field that says that a list has more than `count` elements, "" without one."""
    for name, sign in signs.items():
        value = fields.get(name)
        if sign == "page" and isinstance(value, dict):
            if below := _rest_in(value, _signs_among(frozenset(value)), count):
                return f"{name}.{below}"
        elif (
            (sign == "more" and _is_true(value))
            or (sign == "total" and _number(value) > count)
            or (sign == "next" and _leads_on(value))
        ):
            return name
    return ""


def _leads_on(value: Any) -> bool:
    """Tell whether a value may be a link or a cursor to the next page."""
    if isinstance(value, dict):
        value = value.get("href") or value.get("url")
    return bool(value) and type(value) in (str, int)


def _says_more(value: Any) -> bool:
    """Tell whether a flag is true, or a link or a cursor is there in its place."""
    return _is_true(value) or (
        value is not True and _leads_on(value) and str(value).lower() not in ("false", "0", "no", "n", "null")
    )


def _is_true(value: Any) -> bool:
    return value is True or value == 1 or (isinstance(value, str) and value.lower() in ("true", "1", "yes"))


def _number(value: Any) -> int:
    return int(value) if type(value) is int or (isinstance(value, str) and value.isdecimal()) else 0
