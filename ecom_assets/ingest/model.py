"""A declared shop: one API, its resources, and what they say of each other.

The parts are in `declared_client` and `declared_resource`; reading a file, merging its defaults and wording
its errors is `declaration`'s.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, model_validator
from typing_extensions import Self

from ecom_assets.ingest.declared_client import Client, Declared, Policy
from ecom_assets.ingest.declared_deletes import deletions_name
from ecom_assets.ingest.declared_errors import broken, shown, shown_path, wrong
from ecom_assets.ingest.declared_resource import Incremental, Resource
from ecom_assets.ingest.declared_values import (
    Instant,
    ShopName,
)
from ecom_assets.ingest.errors import DeclarationError


class Partitions(Declared):
    """The windows of a shop: their length, and the aware UTC instant before which there are none."""

    every: Literal["hour", "day", "week", "month"] = "day"
    start: Instant


def _resources(value: Any) -> Any:
    """Take a list that is not empty."""
    if not isinstance(value, (list, tuple)) or not value:
        raise wrong(
            "an empty list" if value in ([], ()) else shown(value), "a list of resources, at least one"
        )
    return tuple(value)


class Shop(Declared):
    """One declared API: a dlt source, a dataset, a Dagster group and key prefix."""

    UNWRITTEN: ClassVar[frozenset[str]] = frozenset({"file"})

    name: ShopName
    client: Client
    policy: Policy = Policy()
    partitions: Partitions | None = None
    resources: Annotated[tuple[Resource, ...], BeforeValidator(_resources)]
    file: Path = Path()

    def __eq__(self, other: object) -> bool:
        """Compare what is declared, not where."""
        if not isinstance(other, Shop):
            return NotImplemented
        return all(getattr(self, key) == getattr(other, key) for key in self.written_keys())

    def __hash__(self) -> int:
        """Hash by name, which equal shops share."""
        return hash(self.name)

    def resource(self, name: str) -> Resource:
        """Return a resource by its name; raises DeclarationError for a name that is not declared."""
        for resource in self.resources:
            if resource.name == name:
                return resource
        declared = ", ".join(resource.name for resource in self.resources)
        raise DeclarationError(shown_path(self.file), "resources", shown(name), declared)

    def parent_of(self, resource: Resource) -> Resource:
        """Return the resource whose records a resource is made of: itself unless it has `rows_from`."""
        return resource if resource.rows_from is None else self.resource(resource.rows_from.resource)

    def children_of(self, name: str) -> tuple[Resource, ...]:
        """Return the resources that are lists inside the records of `name`."""
        return tuple(
            entry for entry in self.resources if entry.rows_from and entry.rows_from.resource == name
        )

    def windowed_resources(self) -> tuple[Resource, ...]:
        """Return the resources that are read window by window."""
        return tuple(resource for resource in self.resources if resource.windowed)

    def snapshot_resources(self) -> tuple[Resource, ...]:
        """Return the resources that are replaced as a whole."""
        return tuple(resource for resource in self.resources if not resource.windowed)

    def swept_resources(self) -> tuple[Resource, ...]:
        """Return the resources whose deletes are looked for."""
        return tuple(resource for resource in self.resources if resource.deletes)

    def incremental_of(self, name: str) -> Incremental:
        """Return how a windowed resource is asked for a window; raises LookupError for a snapshot."""
        endpoint = self.parent_of(self.resource(name)).endpoint
        if endpoint is None or endpoint.incremental is None:
            raise LookupError(f"{name} is not windowed")
        return endpoint.incremental

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Check what resources say of each other, and tell each child what its parent is."""
        by_name: dict[str, Resource] = {}
        for position, resource in enumerate(self.resources):
            if resource.name in by_name:
                raise broken(
                    ("resources", position, "name"), f"{shown(resource.name)} twice", "a name of its own"
                )
            by_name[resource.name] = resource
        swept = {deletions_name(resource.name): resource.name for resource in self.swept_resources()}
        for position, resource in enumerate(self.resources):
            if resource.name in swept:
                raise broken(
                    ("resources", position, "name"),
                    f"{shown(resource.name)}, the name of the deletions of {swept[resource.name]}",
                    "a name of its own",
                )
        for position, resource in enumerate(self.resources):
            self._check_parent(("resources", position), resource, by_name)
            self._check_references(("resources", position), resource, by_name)
        for position, resource in enumerate(self.resources):
            if resource.stated_disposition not in (None, resource.write_disposition):
                kind = "windowed" if resource.windowed else "a snapshot (no incremental)"
                raise broken(
                    ("resources", position, "write_disposition"),
                    shown(resource.stated_disposition),
                    f"{resource.write_disposition}, because {resource.name} is {kind}",
                )
            if resource.windowed and self.partitions is None:
                raise broken(
                    ("partitions",), "nothing", f"every and start, because {resource.name} is windowed"
                )
        return self

    @staticmethod
    def _check_parent(at: tuple[str | int, ...], resource: Resource, by_name: dict[str, Resource]) -> None:
        """Require that rows come from an endpoint's records, and pass on its kind."""
        if resource.rows_from is None:
            return
        parent = by_name.get(resource.rows_from.resource)
        if parent is None or parent.endpoint is None:
            endpoints = ", ".join(name for name, entry in by_name.items() if entry.endpoint)
            raise broken(
                (*at, "rows_from", "resource"),
                shown(resource.rows_from.resource),
                f"a resource with an endpoint: {endpoints or 'none is declared'}",
            )
        resource._parent_windowed = parent.windowed
        prefix = f"_{parent.name}_"
        read = {".".join(column.path) for column in resource.columns}
        for name in parent.primary_key if parent.windowed else ():
            field = f"{prefix}{'.'.join(parent.column(name).path)}"
            if field not in read:
                raise broken(
                    (*at, "columns"),
                    f"no column with path {field}",
                    f"one, because the rows of a changed record of {parent.name} are replaced",
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
            found = shown(".".join(column.references))
            if target is None:
                raise broken(
                    (*at, "columns", column.name, "references"), found, f"a column of {', '.join(by_name)}"
                )
            names = [entry.name for entry in target.columns]
            if column.references.column not in names:
                raise broken(
                    (*at, "columns", column.name, "references"),
                    found,
                    f"the columns of {target.name}: {', '.join(names)}",
                )
            theirs = target.column(column.references.column).pii
            if column.pii != theirs and not resource.rows_from:
                raise broken(
                    (*at, "columns", column.name, "pii"),
                    column.pii or "nothing",
                    f"{theirs or 'nothing'}, as at {'.'.join(column.references)}, or no key would be found",
                )
