"""The names that dlt's source of a shop has beside its tables, and the check that no resource has one of them."""

from __future__ import annotations

from collections.abc import Sequence

from ecom_assets.declaration.error_text import format_value, rule_error
from ecom_assets.declaration.resource import Resource
from ecom_assets.declaration.table.deletes import deletions_name


def records_name(resource: Resource) -> str:
    """Return the name of the dlt resource that yields the records of an endpoint."""
    return f"{resource.name}_records"


def windows_name(resource: Resource) -> str:
    """Return the name of the dlt resource that yields the slices of an endpoint."""
    return f"{resource.name}_windows"


def check_internal_names(resources: Sequence[Resource]) -> None:
    """Require that no resource has a name under which dlt reads another one; raises `rule_error`."""
    taken: dict[str, str] = {}
    for resource in resources:
        if resource.endpoint:
            taken[records_name(resource)] = resource.name
            if resource.parent is None:
                taken[windows_name(resource)] = resource.name
    for position, resource in enumerate(resources):
        if resource.name in taken:
            raise rule_error(
                ("resources", position, "name"),
                f"{format_value(resource.name)}, the internal name under which {taken[resource.name]} is read",
                "another name, with endpoint.path as it is",
            )


def check_deletions_names(resources: Sequence[Resource]) -> None:
    """Require that no resource has the name under which the deletions of another one are reported."""
    reported = {
        deletions_name(entry.name): entry.name for entry in resources if entry.deletes and entry.deletes.by
    }
    for position, resource in enumerate(resources):
        if resource.name in reported:
            raise rule_error(
                ("resources", position, "name"),
                f"{format_value(resource.name)}, the name under which the deletions of {reported[resource.name]} are "
                "reported",
                "another name",
            )
