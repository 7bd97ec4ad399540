"""Nested lists that records do not hold as a whole: they are paged themselves, or are not where they are declared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ecom_assets.contract.nested_values import has_field, values_at
from ecom_assets.declaration.reading import Resource, RowsFrom
from ecom_assets.foundation.errors import ContractBroken

PARTIAL_LIST = (
    "records hold only a part of the list. Declare rows_from.total_path or rows_from.has_more_path, and make the list "
    "a resource with an endpoint of its own"
)
"""What is wrong with a list whose record says that there is more of it, and what to do."""
_MORE = re.compile(r"(has_?more|has_?next(_?page)?|more)", re.IGNORECASE)
_TOTAL = re.compile(r"(total(_?count)?|total_?(items|results)|count)", re.IGNORECASE)
_NEXT = re.compile(r"next(_?(page|link|url|uri|href|cursor|token))*", re.IGNORECASE)
_PAGE_INFO = re.compile(r"(page_?info|paging|pagination|meta|_?links)", re.IGNORECASE)


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
    lists = values_at(parents, [*above, name])[0]
    for elements, beside in zip(lists, values_at(parents, above)[0], strict=True):
        if isinstance(elements, list) and isinstance(beside, dict):
            # at the top of a record, a total may be an amount of money
            prefix = "" if above else f"{name}_"
            if found := _rest_in(beside, len(elements), prefix):
                return ".".join([*above, found])
    return ""


def without_list_text(rows_from: RowsFrom, count: int) -> str:
    """Return what is said about a nested list that none of so many records has."""
    return (
        f"none of {count} records of {rows_from.resource} has {rows_from.path}. Check rows_from.path, unless the API "
        "leaves out empty lists"
    )


def _rest_in(fields: dict[str, Any], count: int, prefix: str = "") -> str:
    for name, value in fields.items():
        short = name.removeprefix(prefix) if name.startswith(prefix) else ""
        if (_MORE.fullmatch(short) and _is_true(value)) or (
            _TOTAL.fullmatch(short) and _number(value) > count
        ):
            return name
        if _NEXT.fullmatch(short) and _leads_on(value):
            return name
        if not prefix and _PAGE_INFO.fullmatch(name) and isinstance(value, dict):
            below = _rest_in(value, count)
            if below:
                return f"{name}.{below}"
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
