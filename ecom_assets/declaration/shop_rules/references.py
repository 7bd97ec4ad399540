"""Foreign keys between the tables of a shop: what `references` of a column may name."""

from __future__ import annotations

from ecom_assets.declaration.error_text import Place, format_value, rule_error
from ecom_assets.declaration.resource import Resource


def check_references(place: Place, resource: Resource, by_name: dict[str, Resource]) -> None:
    """Require that foreign keys point to declared columns."""
    for column in resource.columns:
        if column.references is None:
            continue
        target = by_name.get(column.references.resource)
        found = format_value(".".join(column.references))
        if target is None:
            raise rule_error(
                (*place, "columns", column.name, "references"), found, f"a column of {', '.join(by_name)}"
            )
        names = [entry.name for entry in target.columns]
        if column.references.column not in names:
            raise rule_error(
                (*place, "columns", column.name, "references"),
                found,
                f"the columns of {target.name}: {', '.join(names)}",
            )
        if not target.selected:
            raise rule_error(
                (*place, "columns", column.name, "references"),
                f"{found}, a resource without a table",
                "a resource that is selected",
            )
        target_pii = target.column(column.references.column).pii
        if column.pii != target_pii and not resource.comes_from_parent(column):
            raise rule_error(
                (*place, "columns", column.name, "pii"),
                column.pii or "nothing",
                f"{target_pii or 'nothing'}, as for {'.'.join(column.references)}, because otherwise the keys do "
                "not match",
            )
