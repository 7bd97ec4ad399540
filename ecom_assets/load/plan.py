"""The plan of a run: which tables, which endpoints they are read from, in which slices."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.chosen_records import KeyTexts
from ecom_assets.extract.slices import Slice, cut_into_slices
from ecom_assets.extract.windows import KEY_FORMATS, Window, window_at, window_of_key
from ecom_assets.foundation.errors import DeclarationError


@dataclass(frozen=True)
class EndpointPlan:
    """One root endpoint: the slices in which it is read, and the tables that are made of it and its children.

    `only` are the primary keys of the records that are loaded, None for all.
    """

    endpoint: Resource
    slices: tuple[Slice, ...]
    tables: tuple[Resource, ...]
    only: frozenset[KeyTexts] | None = None


@dataclass(frozen=True)
class LoadPlan:
    """What a run is to do.

    `resources` are the chosen resources in the order of the declaration, each of which is one table. `endpoints` has
    the same tables, grouped by the endpoint that one reading serves. `began` is the instant (UTC) before the first
    request.
    """

    shop: Shop
    resources: tuple[Resource, ...]
    endpoints: tuple[EndpointPlan, ...]
    began: datetime


def plan_load(shop: Shop, names: Collection[str], windows: Sequence[Window]) -> LoadPlan:
    """Return the plan of a run.

    Args:
        shop: The declared shop.
        names: The resources to load.
        windows: The windows of windowed resources; none for snapshots.

    Raises:
        DeclarationError: A resource is unknown, windowed without windows, or a snapshot with windows.
    """
    resources = _chosen_resources(shop, names, windows)
    endpoints = []
    for name in dict.fromkeys(shop.root_of(resource).name for resource in resources):
        tables = tuple(resource for resource in resources if shop.root_of(resource).name == name)
        endpoints.append(EndpointPlan(shop.resource(name), cut_into_slices(shop, name, windows), tables))
    return LoadPlan(shop, resources, tuple(endpoints), datetime.now(timezone.utc))


def windows_named(shop: Shop, windows: Sequence[Window | str]) -> tuple[Window, ...]:
    """Return windows of which some may be given by their partition keys.

    Raises:
        DeclarationError: The shop has no closed window with such a key.
    """
    return tuple(_window_of(shop, entry) if isinstance(entry, str) else entry for entry in windows)


def _window_of(shop: Shop, key: str) -> Window:
    """Return the window with a partition key."""
    place, found = shop.file.name or shop.declared_in, repr(key)
    if shop.partitions is None:
        raise DeclarationError(place, "windows", found, "none, because the shop declares no partitions")
    every = shop.partitions.every
    with suppress(ValueError):
        window = window_of_key(shop.partitions, key)
        is_closed = shop.partitions.start <= window.start and window.end <= datetime.now(timezone.utc)
        if window.partition_key == key and is_closed:
            return window
    first = window_at(shop.partitions, shop.partitions.start).partition_key
    raise DeclarationError(
        place,
        "windows",
        found,
        f"the start of a closed {every} from {first} on, written as {KEY_FORMATS[every]}",
    )


def without_tables(plan: LoadPlan, names: Collection[str]) -> LoadPlan:
    """Return a plan that reads nothing for some tables, which it still reports."""
    endpoints = [
        replace(endpoint, tables=tuple(table for table in endpoint.tables if table.name not in names))
        for endpoint in plan.endpoints
    ]
    return replace(plan, endpoints=tuple(endpoint for endpoint in endpoints if endpoint.tables))


def _chosen_resources(shop: Shop, names: Collection[str], windows: Sequence[Window]) -> tuple[Resource, ...]:
    """Return the named resources in the order of the declaration; refuse those of the other kind."""
    for name in names:
        if not shop.resource(name).selected:
            allowed = [entry.name for entry in shop.tables if entry.windowed == bool(windows)]
            raise DeclarationError(
                shop.file.name,
                "resources",
                f"{name}, which has no table (selected: false)",
                ", ".join(allowed),
            )
        if shop.resource(name).windowed != bool(windows):
            kind = "a snapshot: it has no windows"
            if shop.resource(name).windowed:
                kind = "windowed: it is loaded by window"
            elif shop.resource(name).open_ended:
                kind = "open-ended: it has no windows"
            allowed = [entry.name for entry in shop.tables if entry.windowed == bool(windows)]
            raise DeclarationError(
                shop.file.name or shop.declared_in,
                "resources",
                f"{name}, which is {kind}",
                ", ".join(allowed),
            )
    return tuple(resource for resource in shop.resources if resource.name in names)
