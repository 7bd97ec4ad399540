"""The types of undeclared columns in a run: from the warehouse, else from a sample, and wider ones as values need them.

The columns of a primary key and of a cursor have a type before anything is read. The types of other fields follow from
the records. A type that is in the warehouse stays, unless a value needs a wider one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import dlt
from dlt.common.schema.typing import TColumnSchema

from ecom_assets.contract.contract import Contract
from ecom_assets.contract.inference import can_be_cursor, may_become, type_text
from ecom_assets.contract.nested_values import explode
from ecom_assets.contract.new_fields import evolved_column
from ecom_assets.contract.sample import sampled_type
from ecom_assets.declaration.reading import Column, Resource, Shop
from ecom_assets.extract.probe import Bounds, Probe, probe_of
from ecom_assets.foundation.errors import ApiError, IngestError, RetryLater, WarehouseError
from ecom_assets.load.plan import EndpointPlan, LoadPlan
from ecom_assets.load.run_context import RunContext
from ecom_assets.load.stored_columns import StoredColumns

_SAMPLED_PARENTS = 20
"""How many records of a parent are asked for children, until one has some."""

ColumnTypes: TypeAlias = Mapping[str, Mapping[str, Column]]
"""Columns with the types that a run uses, by resource and name."""


@dataclass
class Widenings:
    """The columns that became wider during a run, by resource and name."""

    columns: dict[str, dict[str, Column]] = field(default_factory=dict)

    def add(self, resource: str, columns: Mapping[str, Column]) -> None:
        """Note wider columns of a resource."""
        self.columns.setdefault(resource, {}).update(columns)

    def of(self, resource: str) -> Mapping[str, Column]:
        """Return the wider columns of a resource."""
        return self.columns.get(resource, {})


def tables_to_know(shop: Shop, resources: Sequence[Resource]) -> tuple[str, ...]:
    """Return the names of resources and of all their parents."""
    names: dict[str, None] = {}
    for resource in resources:
        names[resource.name] = None
        for name in shop.endpoints_to_read(resource):
            names[name] = None
    return tuple(names)


def infer_types(
    context: RunContext, plan: LoadPlan, stored: StoredColumns, empty: Collection[str] = ()
) -> tuple[LoadPlan, dict[str, IngestError]]:
    """Return a plan whose undeclared columns of keys and cursors have types, and the errors of those that have none.

    A table that is in the warehouse keeps its types. For another one, its endpoint is asked for one page. Without a
    record there, and in a table that never had one, the type of a key is a guess: the first record decides.

    Args:
        context: The run's API.
        plan: What to read.
        stored: The columns that the tables have in the warehouse.
        empty: Those of the tables that may get other types, because no row depends on them.

    Returns:
        The plan without the endpoints that failed, and the error of each table of these.
    """
    probe = probe_of(context.connection)
    types: dict[str, dict[str, Column]] = {}
    endpoints: list[EndpointPlan] = []
    failures: dict[str, IngestError] = {}
    for endpoint in plan.endpoints:
        try:
            names = tables_to_know(plan.shop, endpoint.tables)
            for name in sorted(names, key=lambda name: _depth(plan.shop, name)):
                resource = plan.shop.resource(name)
                parent_types = types.get(resource.parent or "", {})
                bounds = _bounds_of(endpoint)
                present, is_empty = stored.get(name, {}), name in empty
                types[name] = _key_types(
                    plan.shop, resource, present, probe, bounds, parent_types, is_empty=is_empty
                )
        except IngestError as error:
            for table in endpoint.tables:
                context.on_progress(f"{table.name} failed: {error}")
                failures[table.name] = error
        else:
            endpoints.append(endpoint)
    return with_types(replace(plan, endpoints=tuple(endpoints)), types), failures


def with_types(plan: LoadPlan, types: ColumnTypes) -> LoadPlan:
    """Return a plan with these types in its undeclared columns of keys and cursors.

    A column that comes from a parent's record always has the type of the parent's column.
    """
    shop = typed_shop(plan.shop, types)
    endpoints = tuple(
        replace(
            endpoint,
            endpoint=shop.resource(endpoint.endpoint.name),
            tables=tuple(shop.resource(table.name) for table in endpoint.tables),
        )
        for endpoint in plan.endpoints
    )
    resources = tuple(shop.resource(resource.name) for resource in plan.resources)
    return replace(plan, shop=shop, resources=resources, endpoints=endpoints)


def typed_shop(shop: Shop, types: ColumnTypes) -> Shop:
    """Return a shop with these types in its undeclared columns of keys and cursors."""
    columns = {resource.name: dict(types.get(resource.name, {})) for resource in shop.resources}
    resources = {resource.name: resource.with_types(columns[resource.name]) for resource in shop.resources}
    changed = True
    while changed:
        changed = False
        for resource in list(resources.values()):
            for column in resource.columns:
                for name, other in _unlike_parent(resources, resource, column):
                    resources[name] = resources[name].with_types({other.name: other})
                    changed = True
    return shop.model_copy(update={"resources": tuple(resources.values())})


def set_schema_types(pipeline: dlt.Pipeline, shop: Shop, contracts: Mapping[str, Contract]) -> None:
    """Give dlt's schema of the run the columns that the run uses: dlt refuses a column that it knows otherwise.

    dlt's schema has the key and the types of an earlier declaration. The contracts have those of this run.
    """
    schema = pipeline.schemas.get(shop.name)
    if schema is None:
        return
    for table, contract in contracts.items():
        known: Mapping[str, Any] = schema.tables.get(table, {}).get("columns", {})
        hints = contract.columns_hints()
        for hint in known.values():
            for key in ("primary_key", "dedup_sort"):
                hint.pop(key, None)
        for column in contract.columns:
            hint = known.get(column.name)
            if hint is None:
                continue
            hint["nullable"] = hints.get(column.name, {}).get("nullable", True)
            if hint.get("data_type") != column.data_type or hint.get("precision") != column.precision:
                hint["data_type"] = column.data_type
                for key in ("precision", "scale"):
                    hint.pop(key, None)
                    if getattr(column, key) is not None:
                        hint[key] = getattr(column, key)
            elif hint.get("scale") != column.scale:
                hint["scale"] = column.scale


def _bounds_of(endpoint: EndpointPlan) -> Bounds | None:
    """Return the interval that a run reads of an endpoint, None for a snapshot."""
    starts = [slice_.start for slice_ in endpoint.slices if slice_.start is not None]
    ends = [slice_.end for slice_ in endpoint.slices if slice_.end is not None]
    return (min(starts), max(ends)) if starts and ends else None


def _key_types(
    shop: Shop,
    resource: Resource,
    table: Mapping[str, TColumnSchema],
    probe: Probe,
    bounds: Bounds | None,
    parent_types: Mapping[str, Column],
    *,
    is_empty: bool,
) -> dict[str, Column]:
    """Return the undeclared columns of key and cursor of one resource, with their types.

    `table` are the columns that it has in the warehouse. `is_empty` says that these may get other types.
    """
    found: dict[str, Column] = {}
    unknown = []
    for column in resource.columns:
        if not column.inferred:
            continue
        is_cursor = column == resource.cursor
        if column.name not in table or (is_cursor and is_empty):
            unknown.append(column)
            continue
        found[column.name] = column.with_type(evolved_column(column.name, table[column.name]))
        if is_empty:
            found[column.name] = found[column.name].as_guess()
        if is_cursor and not can_be_cursor(found[column.name], open_ended=resource.open_ended):
            raise WarehouseError(
                f"{resource.name}: the cursor {column.name} is stored as {type_text(found[column.name])}, which tells "
                f"no window: declare another column with path: {'.'.join(column.path)}, or load {resource.name} into "
                "a new table"
            )
    for column in list(unknown):
        if source := _column_of_parent(shop, resource, column):
            # without a record of the child, its sample would make the key of the parent a text
            found[column.name] = column.with_type(parent_types.get(source.name, source))
            unknown.remove(column)
    if unknown:
        records = _sample(shop, resource, probe, bounds)
        found |= {column.name: sampled_type(resource, column, records) for column in unknown}
    return found


def _depth(shop: Shop, name: str) -> int:
    """Return how many parents a resource has above it."""
    parent = shop.resource(name).parent
    return 0 if parent is None else 1 + _depth(shop, parent)


def _column_of_parent(shop: Shop, resource: Resource, column: Column) -> Column | None:
    """Return the column of the parent's table with the values of a column, None if it has none."""
    if not resource.comes_from_parent(column):
        return None
    path = resource.path_in_parent(column)
    parent = shop.resource(resource.parent or "")
    return next((entry for entry in parent.columns if entry.path == path), None)


def _sample(shop: Shop, resource: Resource, probe: Probe, bounds: Bounds | None) -> list[Any]:
    """Return the records of the first page of a table's endpoint: of all records, or of the run's interval.

    Some APIs refuse a request that names no interval.
    """
    parent = shop.parent_of(resource)
    try:
        records = probe.page(parent, max_parents=_SAMPLED_PARENTS).records
    except ApiError as error:
        if bounds is None or isinstance(error, RetryLater):
            raise
        records = probe.page(parent, bounds, max_parents=_SAMPLED_PARENTS).records
    return explode(records, resource, parent)[0] if resource.rows_from else records


def _unlike_parent(
    resources: Mapping[str, Resource], resource: Resource, column: Column
) -> list[tuple[str, Column]]:
    """Return the change that gives a column and the parent's column, from which its values come, one type."""
    if not column.inferred or not resource.comes_from_parent(column):
        return []
    parent = resources[resource.parent or ""]
    path = resource.path_in_parent(column)
    source = next((entry for entry in parent.columns if entry.path == path), None)
    if source is None or type_text(source) == type_text(column):
        return []
    if source.guessed or (source.inferred and not column.guessed and may_become(source, column)):
        return [(parent.name, source.with_type(column))]
    return [(resource.name, column.with_type(source))]
