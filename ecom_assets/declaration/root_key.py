"""Where the table of a child holds the primary key of the root record that its rows come from."""

from __future__ import annotations

from ecom_assets.declaration.reading import Resource, Shop


def root_key_columns(shop: Shop, resource: Resource) -> dict[str, str]:
    """Return the columns of a child's table that hold its root's primary key, each with the root's column."""
    root = shop.root_of(resource)
    root_columns = {root.column(name).path: name for name in root.primary_key}
    child_paths = {path: root_columns[root_path] for path, root_path in shop.root_keys(resource).items()}
    return {
        column.name: child_paths[column.path] for column in resource.columns if column.path in child_paths
    }
