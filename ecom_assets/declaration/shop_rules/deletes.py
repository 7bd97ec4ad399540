"""Where deletes can be detected, and why not elsewhere."""

from __future__ import annotations

from ecom_assets.declaration.error_text import Place, rule_error
from ecom_assets.declaration.placeholders import find_placeholders
from ecom_assets.declaration.resource import Resource
from ecom_assets.declaration.table.deletes import DELETED_AT


def check_deletes(place: Place, resource: Resource) -> None:
    """Require that deletes can be detected in this resource, and that the column `deleted_at` is free."""
    _check_unfiltered(place, resource)
    if resource.deletes is None:
        if "max_deleted" in resource.model_fields_set:
            raise rule_error(
                (*place, "max_deleted"), "max_deleted without deletes", "max_deleted only with deletes"
            )
        return
    if resource.endpoint is None:
        raise rule_error(
            (*place, "deletes"),
            "deletes with rows_from",
            "deletes on the resource that holds the list; a row is deleted together with its record",
        )
    if resource.parent is not None:
        raise rule_error(
            (*place, "deletes"),
            f"deletes with a field of {resource.parent} in the endpoint",
            f"deletes on {resource.parent}; a row is deleted together with its record of {resource.parent}",
        )
    if resource.deletes.field and resource.history:
        raise rule_error(
            (*place, "deletes", "field"),
            "field with strategy: scd2",
            "by: sweep, which ends the states of records that are gone; or merge without strategy",
        )
    incremental = resource.endpoint.incremental if resource.deletes.by else None
    if placeholders := incremental and incremental.placeholders:
        raise rule_error(
            (*place, "deletes"),
            f"deletes with {' and '.join(placeholders)}",
            "deletes with start_param and end_param instead; a sweep reads without a window, so a placeholder for "
            "one has no value",
        )
    for (name, *inside), _ in find_placeholders(resource.deletes.params):
        raise rule_error(
            (*place, "deletes", "params", name, *inside),
            "a placeholder",
            "values without placeholders; double a literal brace, {{ or }}, to escape it",
        )
    if not resource.history and DELETED_AT.name in (column.name for column in resource.columns):
        raise rule_error(
            (*place, "columns", DELETED_AT.name),
            "a declared column of this name, although deletes is set",
            f"another name, such as source_deleted_at with path: {DELETED_AT.name}, because a sweep writes "
            f"{DELETED_AT.name}",
        )


def _check_unfiltered(place: Place, resource: Resource) -> None:
    """Require a sweep that can load the records which no window brings, where that is declared."""
    if not resource.loads_unfiltered:
        return
    incremental = resource.endpoint.incremental if resource.endpoint else None
    found, allowed = "", ""
    if resource.deletes is None or resource.deletes.by is None:
        found, allowed = (
            "load without deletes: sweep",
            "load only with deletes: sweep, which finds these records",
        )
    elif not resource.windowed or incremental is None:
        found, allowed = "load without windows", "load only for a resource with incremental and partitions"
    elif resource.history:
        found = "load with strategy: scd2"
        allowed = (
            "count, or load without scd2, because a state begins at its cursor; declare incremental.fallbacks if "
            "another field tells when a record began"
        )
    elif not incremental.server_filter:
        found = "load with server_filter: false"
        allowed = "count, because each load reads all records; declare incremental.fallbacks for a cursor that is null"
    if found:
        raise rule_error((*place, "unfiltered"), found, allowed)
