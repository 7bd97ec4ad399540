"""The model of a shop: one API, its resources, and the checks between resources.

See `ecom_assets.declaration.reading` for reading a shop from a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, PrivateAttr, model_validator
from typing_extensions import Self

from ecom_assets.declaration.api.auth import Auth
from ecom_assets.declaration.api.client import Client
from ecom_assets.declaration.api.incremental import Incremental
from ecom_assets.declaration.api.policy import Policy
from ecom_assets.declaration.assets.settings import AssetSettings, ShopSettings
from ecom_assets.declaration.audit import Audit
from ecom_assets.declaration.error_text import (
    Place,
    dictionary_label,
    format_path,
    format_value,
    rule_error,
)
from ecom_assets.declaration.field_types import DocsUrl, ShopName
from ecom_assets.declaration.model import DeclarationModel, filled_list
from ecom_assets.declaration.partitions import Partitions
from ecom_assets.declaration.python_values import LiteralSecret
from ecom_assets.declaration.resource import Resource
from ecom_assets.declaration.secret_use import SecretUse
from ecom_assets.declaration.shop_rules.deletes import check_deletes
from ecom_assets.declaration.shop_rules.dispositions import check_disposition
from ecom_assets.declaration.shop_rules.endpoints import check_endpoint, check_first_window
from ecom_assets.declaration.shop_rules.former_names import check_former_names
from ecom_assets.declaration.shop_rules.internal_names import check_deletions_names, check_internal_names
from ecom_assets.declaration.shop_rules.open_ended import check_open_ended
from ecom_assets.declaration.shop_rules.partitions import check_start
from ecom_assets.declaration.shop_rules.references import check_references
from ecom_assets.declaration.table.inferred_columns import parent_column
from ecom_assets.declaration.table.privacy import check_pii_in_placeholders
from ecom_assets.declaration.table.union import Union
from ecom_assets.foundation.errors import DeclarationError


class Shop(DeclarationModel):
    """One declared API: a dlt source, a dataset, a Dagster group and key prefix."""

    NOT_IN_FILE: ClassVar[frozenset[str]] = frozenset({"file"})

    name: ShopName = Field(
        description="Name of the shop in lower snake_case, and of its dlt source, dataset, asset group and key prefix."
    )
    client: Client = Field(description="How to reach the API.")
    docs_url: DocsUrl = None
    policy: Policy = Field(default=Policy(), description="Rate limit, retries, timeout and concurrency.")
    partitions: Partitions | None = Field(
        default=None, description="The windows; required if a resource is windowed."
    )
    audit: Audit | None = Field(default=None, description="A schedule of audits; none unless given.")
    dagster: ShopSettings = AssetSettings()
    resources: Annotated[tuple[Resource, ...], filled_list("a list of resources, at least one")] = Field(
        description="The tables."
    )
    file: Path = Path()

    _neighbours: tuple[SecretUse, ...] | None = PrivateAttr(default=None)
    """The uses of secrets by the other shops of the same definitions; None if the definitions are not known."""
    _unions: tuple[Union, ...] | None = PrivateAttr(default=None)
    """The unions of the same definitions; None if the definitions are not known."""
    _literal_secrets: Mapping[str, LiteralSecret] = PrivateAttr(default_factory=dict)
    """The secrets that the dictionary of a shop in Python holds, by name."""

    def __eq__(self, other: object) -> bool:
        """Compare what is declared, and ignore the file."""
        if not isinstance(other, Shop):
            return NotImplemented
        return all(getattr(self, key) == getattr(other, key) for key in self.file_keys())

    def __hash__(self) -> int:
        """Hash by name, which equal shops share."""
        return hash(self.name)

    @property
    def declared_in(self) -> str:
        """Return what messages call the place of the declaration: the path of its file, or its dictionary."""
        return dictionary_label(self.name) if self.file == Path() else format_path(self.file)

    def literal_secret(self, name: str) -> LiteralSecret | None:
        """Return a secret that the dictionary of a shop in Python holds, None if it does not hold this one."""
        return self._literal_secrets.get(name)

    def resource(self, name: str) -> Resource:
        """Return a resource by its name; raises DeclarationError for a name that is not declared."""
        for resource in self.resources:
            if resource.name == name:
                return resource
        declared = ", ".join(resource.name for resource in self.resources)
        raise DeclarationError(self.declared_in, "resources", format_value(name), declared)

    def parent_of(self, resource: Resource) -> Resource:
        """Return the resource whose endpoint delivers a resource's records: itself, unless it has `rows_from`."""
        return resource if resource.rows_from is None else self.resource(resource.rows_from.resource)

    def children_of(self, name: str) -> tuple[Resource, ...]:
        """Return the resources that are lists inside the records of `name`."""
        return tuple(
            entry for entry in self.resources if entry.rows_from and entry.rows_from.resource == name
        )

    def root_of(self, resource: Resource) -> Resource:
        """Return the topmost parent of a resource: itself, unless it has a parent."""
        return resource if resource.parent is None else self.root_of(self.resource(resource.parent))

    def parent_table_of(self, resource: Resource) -> Resource | None:
        """Return the nearest parent of a resource that has a table, None if none has."""
        while resource.parent is not None:
            resource = self.resource(resource.parent)
            if resource.selected:
                return resource
        return None

    def endpoints_to_read(self, resource: Resource) -> tuple[str, ...]:
        """Return the names of the resources whose endpoints a table needs, from its own up to its root's."""
        endpoint = self.parent_of(resource)
        above = () if endpoint.parent is None else self.endpoints_to_read(self.resource(endpoint.parent))
        return (endpoint.name, *above)

    def root_keys(self, resource: Resource) -> dict[tuple[str, ...], tuple[str, ...]]:
        """Return the path of each part of the root's primary key in the root's record, by its path in a child's record.

        A load replaces all rows that come from a record of the root, down to the children of its children.
        """
        root = self.root_of(resource)
        prefix, current = "", resource
        while current.parent is not None:
            prefix, current = f"{prefix}_{current.parent}_", self.resource(current.parent)
        paths = [root.column(name).path for name in root.primary_key]
        return {(prefix + path[0], *path[1:]): path for path in paths}

    @property
    def tables(self) -> tuple[Resource, ...]:
        """Return the resources that have a table: all but those with `selected: false`."""
        return tuple(resource for resource in self.resources if resource.selected)

    @property
    def auths(self) -> tuple[Auth, ...]:
        """Return the auth kinds of the client, then those of endpoints."""
        endpoints = [resource.endpoint for resource in self.resources if resource.endpoint]
        return (*self.client.auth, *(auth for endpoint in endpoints for auth in endpoint.auth or ()))

    def windowed_resources(self) -> tuple[Resource, ...]:
        """Return the resources with a table that are read window by window."""
        return tuple(resource for resource in self.tables if resource.windowed)

    def snapshot_resources(self) -> tuple[Resource, ...]:
        """Return the resources with a table that each load reads as a whole."""
        return tuple(resource for resource in self.tables if not resource.windowed)

    def resources_with_deletes(self) -> tuple[Resource, ...]:
        """Return the resources with delete detection."""
        return tuple(entry for entry in self.resources if entry.deletes and entry.deletes.by)

    @property
    def needs_pii_key(self) -> bool:
        """Tell whether a column of the shop has `pii: hash`, which needs the secret `pii_key`."""
        return any(column.pii == "hash" for entry in self.resources for column in entry.declared_columns)

    def secret_uses(self) -> tuple[SecretUse, ...]:
        """Return the secrets that sign the shop's requests; the bundled sandbox has only a public key."""
        if self.client.is_sandbox:
            return ()
        hosts = self.client.secret_hosts(self.auths)
        return tuple(
            SecretUse(self.name, name, host) for name, host in hosts.items() if not self.literal_secret(name)
        )

    def incremental_of(self, name: str) -> Incremental:
        """Return how to request a window of a windowed resource; raises LookupError for a snapshot."""
        endpoint = self.root_of(self.resource(name)).endpoint
        if endpoint is None or endpoint.incremental is None:
            raise LookupError(f"{name} is not windowed")
        return endpoint.incremental

    def timezone_of(self, resource: Resource) -> str:
        """Return the time zone of a resource's instants that have no offset and whose column declares no zone."""
        endpoint = self.root_of(resource).endpoint
        return endpoint.incremental.timezone if endpoint and endpoint.incremental else "UTC"

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        """Check the resources against each other, and tell each child how its parent is read."""
        by_name = self._check_names()
        if self.partitions:
            check_start(("partitions", "start"), self.partitions)
        for resource in self.resources:
            if resource.endpoint and (incremental := resource.endpoint.incremental):
                incremental._open_ended = self.partitions is None and incremental.initial_value is not None
        if not self.tables:
            raise rule_error(
                ("resources", 0, "selected"), "false for every resource", "true for at least one resource"
            )
        for position, resource in enumerate(self.resources):
            self._check_parent(("resources", position), resource, by_name)
            check_deletes(("resources", position), resource)
        check_former_names(self.resources)
        for position, resource in enumerate(self.resources):
            self._check_root_keys(("resources", position), resource)
            check_references(("resources", position), resource, by_name)
            if resource.endpoint:
                place = ("resources", position, "endpoint")
                check_endpoint(place, resource.endpoint, self.client)
                if resource.endpoint.incremental and self.partitions:
                    start, lookback = self.partitions.start, self.policy.lookback
                    check_first_window((*place, "incremental"), resource, start, lookback)
            if resource.open_ended and resource.parent is None:
                check_open_ended(("resources", position), resource)
        for position, resource in enumerate(self.resources):
            check_disposition(("resources", position), resource, self.root_of(resource))
            if resource.windowed and self.partitions is None:
                raise rule_error(
                    ("partitions",),
                    "nothing",
                    f"a mapping with every and start, because {resource.name} is windowed; or initial_value in its "
                    "incremental, to read on from the cursor of the last load",
                )
        return self

    def _check_names(self) -> dict[str, Resource]:
        """Return the resources by name, and require that no two assets have the same name."""
        by_name: dict[str, Resource] = {}
        for position, resource in enumerate(self.resources):
            if resource.name in by_name:
                raise rule_error(
                    ("resources", position, "name"),
                    f"{format_value(resource.name)} twice",
                    "a name that no other resource has",
                )
            by_name[resource.name] = resource
        check_internal_names(self.resources)
        check_deletions_names(self.resources)
        return by_name

    @staticmethod
    def _check_parent(place: Place, resource: Resource, by_name: dict[str, Resource]) -> None:
        """Require that the parent has an endpoint, and note whether it is windowed."""
        if resource.parent is None:
            return
        parent = by_name.get(resource.parent)
        if parent is None or parent.endpoint is None:
            endpoints = ", ".join(name for name, entry in by_name.items() if entry.endpoint)
            raise rule_error(
                (*place, "rows_from", "resource") if resource.rows_from else (*place, "endpoint"),
                format_value(resource.parent)
                if resource.rows_from
                else f"a placeholder for a field of {format_value(resource.parent)}",
                f"a resource with an endpoint: {endpoints or 'none is declared'}",
            )
        if resource.endpoint is not None:
            check_pii_in_placeholders(
                (*place, "endpoint"),
                resource.endpoint.placeholder_names(),
                parent=parent.name,
                parent_columns=parent.declared_columns,
            )
        chain = [resource.name]
        while parent is not None and parent.parent is not None:
            chain.append(parent.name)
            if parent.name == resource.name:
                raise rule_error(
                    (*place, "endpoint"),
                    f"a circle of parents: {' -> '.join(chain)}",
                    "a chain of parents that ends in a resource without one",
                )
            parent = by_name.get(parent.parent)
        resource._parent_windowed = parent is not None and parent.windowed
        resource._parent_open_ended = parent is not None and parent.open_ended
        # the lists of a snapshot with history are those of its newest reading
        resource._root_replaced = (
            parent is not None
            and not parent.is_incremental
            and (parent.write_disposition == "replace" or parent.history is not None)
        )

    def _check_root_keys(self, place: Place, resource: Resource) -> None:
        """Require that a child's rows hold the primary key of the root's record that they come from.

        A child without declared columns gets the columns that it lacks, if `include_from_parent` has their fields.
        """
        if resource.parent is None or resource.write_disposition == "replace":
            return
        paths = {column.path for column in resource.columns}
        for path in self.root_keys(resource):
            if path in paths:
                continue
            field = path[0].removeprefix(f"_{resource.parent}_")
            if not resource.declared_columns and field in resource.include_from_parent:
                resource._inferred = (*resource._inferred, resource.with_hint(parent_column(path)))
            else:
                raise rule_error(
                    (*place, "columns"),
                    f"no column with path: {'.'.join(path)}",
                    f"such a column, because all rows of a record of {self.root_of(resource).name} are replaced when "
                    "it changes",
                )
