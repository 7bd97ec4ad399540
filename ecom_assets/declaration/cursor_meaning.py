"""Whether the cursor of a resource tells when a record changed, or only which records are new."""

from __future__ import annotations

from ecom_assets.declaration.resource import Resource


def tells_change(resource: Resource) -> bool:
    """Tell whether the cursor of a resource is the instant of a record's last change.

    The start of the window that was asked for tells nothing of a record. A whole number may be an id. In an open-ended
    resource it is an instant only if `format` says so.
    """
    cursor, endpoint = resource.cursor, resource.endpoint
    if cursor is None or endpoint is None or endpoint.incremental is None:
        return False
    incremental = endpoint.incremental
    if incremental.cursor == "window":
        return False
    if cursor.data_type == "bigint":
        return not resource.open_ended or incremental.format in ("unix", "unix_ms")
    return cursor.data_type in ("timestamp", "date")
