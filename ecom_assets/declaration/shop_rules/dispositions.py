"""Which write disposition fits a resource, and why another one is refused."""

from __future__ import annotations

from ecom_assets.declaration.error_text import Place, format_value, rule_error
from ecom_assets.declaration.resource import Resource


def check_disposition(place: Place, resource: Resource, root: Resource) -> None:
    """Check the write disposition of a resource against its primary key, its windows, its columns and its parent.

    Args:
        place: The place of the resource in the document.
        resource: The resource.
        root: The topmost parent of a nested list or a child, otherwise the resource itself.

    Raises:
        PydanticCustomError: The disposition does not fit the resource.
    """
    key = (*place, "write_disposition")
    if resource.parent is None:
        _check_windows(key, resource)
    else:
        _check_child(place, resource, root)
    if not resource.primary_key and resource.write_disposition != "append":
        found = "an empty list" if "key_fields" in resource.model_fields_set else "nothing"
        raise rule_error((*place, "primary_key"), found, "the columns that identify a record")
    if resource.history:
        _check_history(key, resource)
    if resource.deletes:
        _check_deletes((*place, "deletes"), resource)


def _check_windows(key: Place, resource: Resource) -> None:
    """Refuse dispositions whose repeated load would lose rows or repeat them."""
    if resource.is_incremental and resource.write_disposition == "replace":
        kind, part = ("windowed", "windows") if resource.windowed else ("open-ended", "changes")
        raise rule_error(
            key,
            "'replace'",
            f"merge or append, because {resource.name} is {kind}: with replace, the table would hold only the "
            f"{part} of the last load. Remove incremental to read and replace everything each time",
        )
    if resource.write_disposition == "append" and not resource.is_incremental and not resource.primary_key:
        raise rule_error(
            key,
            "'append' without incremental and without primary_key",
            "append with one of the two, because each load would add all records again: with incremental, a load "
            "replaces the rows of its windows; with primary_key, it adds only the keys that are not there yet",
        )


def _check_history(key: Place, resource: Resource) -> None:
    """Require that the columns of a history are free, and that its version column can tell states apart."""
    declared = {column.name for column in resource.declared_columns}
    history = resource.history
    for name in history.validity_column_names if history else ():
        if name in declared:
            raise rule_error(
                (*key, "validity_column_names"),
                f"{format_value(name)}, which is a declared column",
                "names of columns that are not declared, because the load writes them",
            )
    version = history.row_version_column_name if history else None
    if version is None:
        return
    if resource.is_incremental:
        raise rule_error(
            (*key, "row_version_column_name"),
            "row_version_column_name with incremental",
            "row_version_column_name without incremental only: with it, the cursor tells states apart",
        )
    if version not in declared:
        raise rule_error(
            (*key, "row_version_column_name"),
            format_value(version),
            f"the declared columns {', '.join(sorted(declared))}; unless given, all columns are compared",
        )


def _check_deletes(key: Place, resource: Resource) -> None:
    """Refuse delete detection where it has nothing to do."""
    if resource.write_disposition == "replace":
        raise rule_error(
            key,
            "deletes for a snapshot",
            "deletes only with incremental or with write_disposition: merge; a snapshot needs none, because each load "
            "replaces all rows",
        )
    if resource.write_disposition == "append":
        raise rule_error(
            key,
            "deletes with write_disposition: append",
            "deletes with merge only; append is for events, whose rows a load does not change",
        )
    if resource.history and not resource.is_incremental:
        raise rule_error(
            key,
            "deletes with strategy: scd2 and without incremental",
            "no deletes, because each load reads all records, and ends the states of those that are gone",
        )


def _check_child(place: Place, resource: Resource, root: Resource) -> None:
    """Require that the rows of a nested list or a child go with the records of its topmost parent."""
    if root.write_disposition == "append":
        raise rule_error(
            (*place, "rows_from") if resource.rows_from else (*place, "endpoint"),
            f"rows that belong to records of {root.name}, whose write_disposition is append",
            "a parent with merge or replace, because the rows of a child are replaced together with their record",
        )
    declared = resource.declared_disposition
    if declared is None:
        return
    allowed = f"{resource.write_disposition}, because the rows of {resource.name} go with their record of {root.name}"
    if declared.keeps_history:
        raise rule_error(
            (*place, "write_disposition"), "strategy scd2 for rows of a parent's record", allowed
        )
    if declared.disposition != resource.write_disposition:
        raise rule_error((*place, "write_disposition"), format_value(declared.disposition), allowed)
