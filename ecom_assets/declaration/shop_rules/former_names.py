"""The rules for `renamed_from` of a resource and of its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from ecom_assets.declaration.error_text import Place, format_value, rule_error
from ecom_assets.declaration.resource import Resource
from ecom_assets.declaration.table.column import Column


def check_former_names(resources: Sequence[Resource]) -> None:
    """Require that `renamed_from` is the name of nothing else, and that no two things had one name.

    Args:
        resources: All resources of the shop.

    Raises:
        PydanticCustomError: A name is taken.
    """
    places = [("resources", position) for position in range(len(resources))]
    _check(places, resources, {entry.name for entry in resources}, "resource")
    for place, resource in zip(places, resources, strict=True):
        columns = resource.declared_columns
        names = {entry.name for entry in resource.columns}
        _check([(*place, "columns", column.name) for column in columns], columns, names, "column")


def _check(
    places: Sequence[Place], entries: Sequence[Resource | Column], names: Collection[str], kind: str
) -> None:
    """Check things of one kind, each with its place, in one go: a file may have very many of them."""
    had = Counter(entry.renamed_from for entry in entries)
    for place, former in zip(places, (entry.renamed_from for entry in entries), strict=True):
        if former and (former in names or had[former] > 1):
            raise rule_error(
                (*place, "renamed_from"),
                format_value(former),
                f"a former name that no other {kind} has or had",
            )
