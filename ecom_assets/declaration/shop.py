"""A declared shop: one API, its resources, and what they say of each other.

The parts are in `declared_client` and `declared_resource`; reading a file, merging its defaults and wording
its errors is `declaration`'s.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic.json_schema import JsonSchemaValue
from typing_extensions import Self

from ecom_assets.declaration.client import Client, DeclarationModel, Policy
from ecom_assets.declaration.deletes import deletions_name
from ecom_assets.declaration.endpoint import Incremental
from ecom_assets.declaration.error_text import format_path, format_value, rule_error, value_error
from ecom_assets.declaration.field_check import Check
from ecom_assets.declaration.field_types import Instant, ShopName, whole_number
from ecom_assets.declaration.privacy import check_placeholders
from ecom_assets.declaration.resource import Resource
from ecom_assets.foundation.errors import DeclarationError


class Partitions(DeclarationModel):
    """The windows of a shop: their length, and the aware UTC instant before which there are none."""

    every: Literal["hour", "day", "week", "month"] = Field(
        default="day", description="Length of a window, in UTC; a week starts on Sunday."
    )
    start: Instant = Field(
        description="Start of the first window: a date or an instant, UTC unless it names an offset."
    )
    windows_per_run: Annotated[int, whole_number(1)] | None = Field(
        default=None, description="Windows that one run of a backfill loads; null puts all into one run."
    )


def _resources(value: Any) -> Any:
    """Take a list that is not empty."""
    if not isinstance(value, (list, tuple)) or not value:
        raise value_error(
            "an empty list" if value in ([], ()) else format_value(value), "a list of resources, at least one"
        )
    return tuple(value)


def _one_at_least(form: JsonSchemaValue) -> JsonSchemaValue:
    return {**form, "minItems": 1}


class Shop(DeclarationModel):
    """One declared API: a dlt source, a dataset, a Dagster group and key prefix."""

    NOT_IN_FILE: ClassVar[frozenset[str]] = frozenset({"file"})

    name: ShopName = Field(
        description="The shop: dlt source, dataset, Dagster group and key prefix; lower snake_case."
    )
    client: Client = Field(description="How the API is reached.")
    policy: Policy = Field(default=Policy(), description="How hard the API is asked.")
    partitions: Partitions | None = Field(
        default=None, description="The windows; needed as soon as a resource is windowed."
    )
    resources: Annotated[tuple[Resource, ...], Check(_resources, _one_at_least)] = Field(
        description="The tables."
    )
    file: Path = Path()

    def __eq__(self, other: object) -> bool:
        """Compare what is declared, not where."""
        if not isinstance(other, Shop):
            return NotImplemented
        return all(getattr(self, key) == getattr(other, key) for key in self.file_keys())

    def __hash__(self) -> int:
        """Hash by name, which equal shops share."""
        return hash(self.name)

    def resource(self, name: str) -> Resource:
        """Return a resource by its name; raises DeclarationError for a name that is not declared."""
        for resource in self.resources:
            if resource.name == name:
                return resource
        declared = ", ".join(resource.name for resource in self.resources)
        raise DeclarationError(format_path(self.file), "resources", format_value(name), declared)

    def parent_of(self, resource: Resource) -> Resource:
        """Return the resource whose records a resource is made of: itself unless it has `rows_from`."""
        return resource if resource.rows_from is None else self.resource(resource.rows_from.resource)

    def children_of(self, name: str) -> tuple[Resource, ...]:
        """Return the resources that are lists inside the records of `name`."""
        return tuple(
            entry for entry in self.resources if entry.rows_from and entry.rows_from.resource == name
        )

    def root_of(self, resource: Resource) -> Resource:
        """Return the resource that a resource comes from in the end, itself unless it has a parent."""
        return resource if resource.parent is None else self.root_of(self.resource(resource.parent))

    def endpoints_to_read(self, resource: Resource) -> tuple[str, ...]:
        """Return the endpoints whose records a table needs, from its own up to its root's, by name."""
        endpoint = self.parent_of(resource)
        above = () if endpoint.parent is None else self.endpoints_to_read(self.resource(endpoint.parent))
        return (endpoint.name, *above)

    def root_keys(self, resource: Resource) -> dict[tuple[str, ...], tuple[str, ...]]:
        """Return where a child's record has each part of its root's primary key, and where the root has it.

        The rows of a record of the root are replaced as a whole, down to the children of its children.
        """
        root = self.root_of(resource)
        prefix, at = "", resource
        while at.parent is not None:
            prefix, at = f"{prefix}_{at.parent}_", self.resource(at.parent)
        paths = [root.column(name).path for name in root.primary_key]
        return {(prefix + path[0], *path[1:]): path for path in paths}

    def windowed_resources(self) -> tuple[Resource, ...]:
        """Return the resources that are read window by window."""
        return tuple(resource for resource in self.resources if resource.windowed)

    def snapshot_resources(self) -> tuple[Resource, ...]:
        """Return the resources that are replaced as a whole."""
        return tuple(resource for resource in self.resources if not resource.windowed)

    def resources_with_deletes(self) -> tuple[Resource, ...]:
        """Return the resources whose deletes are looked for."""
        return tuple(resource for resource in self.resources if resource.deletes)

    @property
    def needs_pii_key(self) -> bool:
        """Tell whether a column of the shop is to be hashed, with the secret `pii_key`."""
        return any(
            column.pii == "hash" for resource in self.resources for column in resource.declared_columns
        )

    def incremental_of(self, name: str) -> Incremental:
        """Return how a windowed resource is asked for a window; raises LookupError for a snapshot."""
        endpoint = self.root_of(self.resource(name)).endpoint
        if endpoint is None or endpoint.incremental is None:
            raise LookupError(f"{name} is not windowed")
        return endpoint.incremental

    def timezone_of(self, resource: Resource) -> str:
        """Return the time zone of a resource's instants that name none, unless their column does."""
        endpoint = self.root_of(resource).endpoint
        return endpoint.incremental.timezone if endpoint and endpoint.incremental else "UTC"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Check what resources say of each other, and tell each child what its parent is."""
        by_name: dict[str, Resource] = {}
        for position, resource in enumerate(self.resources):
            if resource.name in by_name:
                raise rule_error(
                    ("resources", position, "name"),
                    f"{format_value(resource.name)} twice",
                    "a name of its own",
                )
            by_name[resource.name] = resource
        swept = {deletions_name(resource.name): resource.name for resource in self.resources_with_deletes()}
        for position, resource in enumerate(self.resources):
            if resource.name in swept:
                raise rule_error(
                    ("resources", position, "name"),
                    f"{format_value(resource.name)}, the name of the deletions of {swept[resource.name]}",
                    "a name of its own",
                )
        for position, resource in enumerate(self.resources):
            self._check_parent(("resources", position), resource, by_name)
        for position, resource in enumerate(self.resources):
            self._check_root_keys(("resources", position), resource)
            self._check_references(("resources", position), resource, by_name)
        for position, resource in enumerate(self.resources):
            if resource.declared_disposition not in (None, resource.write_disposition):
                kind = "windowed" if resource.windowed else "a snapshot (no incremental)"
                raise rule_error(
                    ("resources", position, "write_disposition"),
                    format_value(resource.declared_disposition),
                    f"{resource.write_disposition}, because {resource.name} is {kind}",
                )
            if resource.windowed and self.partitions is None:
                raise rule_error(
                    ("partitions",), "nothing", f"every and start, because {resource.name} is windowed"
                )
        return self

    @staticmethod
    def _check_parent(at: tuple[str | int, ...], resource: Resource, by_name: dict[str, Resource]) -> None:
        """Require that rows come from an endpoint's records, and pass on its kind."""
        if resource.parent is None:
            return
        parent = by_name.get(resource.parent)
        if parent is None or parent.endpoint is None:
            endpoints = ", ".join(name for name, entry in by_name.items() if entry.endpoint)
            raise rule_error(
                (*at, "rows_from", "resource") if resource.rows_from else (*at, "endpoint"),
                format_value(resource.parent)
                if resource.rows_from
                else f"a field of {format_value(resource.parent)}",
                f"a resource with an endpoint: {endpoints or 'none is declared'}",
            )
        check_placeholders(at, resource, parent)
        above = [resource.name]
        while parent is not None and parent.parent is not None:
            above.append(parent.name)
            if parent.name == resource.name:
                raise rule_error(
                    (*at, "endpoint"), " by ".join(above), "children whose parents end in one that has none"
                )
            parent = by_name.get(parent.parent)
        resource._parent_windowed = parent is not None and parent.windowed

    def _check_root_keys(self, at: tuple[str | int, ...], resource: Resource) -> None:
        """Require that a child's rows can be told apart by the record of the root that they come from."""
        if resource.parent is None or not resource.windowed:
            return
        held = {column.path for column in resource.columns}
        for path in self.root_keys(resource):
            if path not in held:
                raise rule_error(
                    (*at, "columns"),
                    f"no column with path {'.'.join(path)}",
                    f"one, because the rows of a changed record of {self.root_of(resource).name} are replaced",
                )

    @staticmethod
    def _check_references(
        at: tuple[str | int, ...], resource: Resource, by_name: dict[str, Resource]
    ) -> None:
        """Require that foreign keys point to declared columns."""
        for column in resource.columns:
            if column.references is None:
                continue
            target = by_name.get(column.references.resource)
            found = format_value(".".join(column.references))
            if target is None:
                raise rule_error(
                    (*at, "columns", column.name, "references"), found, f"a column of {', '.join(by_name)}"
                )
            names = [entry.name for entry in target.columns]
            if column.references.column not in names:
                raise rule_error(
                    (*at, "columns", column.name, "references"),
                    found,
                    f"the columns of {target.name}: {', '.join(names)}",
                )
            theirs = target.column(column.references.column).pii
            if column.pii != theirs and not resource.comes_from_parent(column):
                raise rule_error(
                    (*at, "columns", column.name, "pii"),
                    column.pii or "nothing",
                    f"{theirs or 'nothing'}, as at {'.'.join(column.references)}, or no key would be found",
                )
