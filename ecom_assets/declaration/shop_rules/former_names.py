"""The rules for `renamed_from` of a resource and of its columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ecom_assets.declaration.error_text import Place, format_value, rule_error
from ecom_assets.declaration.resource import Resource


def check_former_names(place: Place, resource: Resource, resources: Sequence[Resource]) -> None:
    """Require that `renamed_from` is the name of nothing else, and that no two things had one name.

    Args:
        place: The place of the resource.
        resource: The resource.
        resources: All resources of the shop.

    Raises:
        PydanticCustomError: A name is taken.
    """
    _check(place, resource.renamed_from, resources, {entry.name for entry in resources}, "resource")
    for column in resource.declared_columns:
        names = {entry.name for entry in resource.columns}
        _check(
            (*place, "columns", column.name), column.renamed_from, resource.declared_columns, names, "column"
        )


def _check(
    place: Place, former: str | None, others: Collection[object], names: Collection[str], kind: str
) -> None:
    had = [getattr(entry, "renamed_from", None) for entry in others]
    if former and (former in names or had.count(former) > 1):
        raise rule_error(
            (*place, "renamed_from"),
            format_value(former),
            f"a former name that no other {kind} has or had",
        )
