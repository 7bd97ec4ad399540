"""What is said about a table whose reading looks right and may not be."""

from __future__ import annotations

from collections.abc import Iterator

from ecom_assets.contract.paged_lists import PARTIAL_LIST, without_list_text
from ecom_assets.contract.result import DUPLICATE
from ecom_assets.declaration.reading import Resource
from ecom_assets.extract.load_metrics import LoadMetrics


def reading_advice(metrics: LoadMetrics) -> Iterator[str]:
    """Yield a line for each thing about the records of a table that its declaration may have wrong."""
    resource = metrics.resource
    if metrics.partial_lists:
        yield f"{resource.name}: {', '.join(sorted(metrics.partial_lists))} says that {PARTIAL_LIST}"
    if resource.rows_from and metrics.without_list:
        yield f"{resource.name}: {without_list_text(resource.rows_from, metrics.without_list)}"
    if metrics.missing_parent_fields and metrics.fetched:
        names = ", ".join(sorted(metrics.missing_parent_fields))
        yield (
            f"{resource.name}: no record of {resource.parent} had a value in {names}, so no row has one: check the "
            "spelling in include_from_parent"
        )
    repeated = sum(row.reasons[0].startswith(DUPLICATE) for _, row in metrics.rejected_rows)
    if repeated and _is_keyed_without_parent(resource):
        yield (
            f"{resource.name}: {repeated} of {metrics.fetched} records were rejected, because another one has their "
            f"primary key ({', '.join(resource.primary_key)}). If each record of {resource.parent} has keys of its "
            "own, add a field of include_from_parent to primary_key"
        )


def _is_keyed_without_parent(resource: Resource) -> bool:
    """Tell whether the records of a child or a nested list have keys without a part of the parent's record."""
    columns = map(resource.column, resource.primary_key)
    return resource.parent is not None and not any(map(resource.comes_from_parent, columns))
