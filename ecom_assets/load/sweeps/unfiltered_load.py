"""The load of unfiltered records, with `unfiltered: load`: a second reading without the filter of the windows.

The sweep has read keys only. So the list is read again, by the reader of a load, and verified like a window. Only the
chosen records go through the contract, with their nested lists and children. Their rows are written in the transaction
in which the sweep marks rows.

These records belong to no window. The ledger and the rejected rows have `unfiltered` in place of a partition key. Once
a record has a cursor, its window brings it like any other one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from ecom_assets.client.api_connection import ApiConnection
from ecom_assets.declaration.reading import Endpoint, Resource, Shop
from ecom_assets.extract.chosen_records import KeyTexts
from ecom_assets.extract.slices import UNFILTERED, Slice
from ecom_assets.foundation.errors import NotPublished
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.commit import WriteFirst
from ecom_assets.load.plan import EndpointPlan, LoadPlan
from ecom_assets.load.run import load_plan
from ecom_assets.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class UnfilteredLoad:
    """What a load of unfiltered records did: the rows it kept and the records it rejected, of the swept table.

    `unpublished` tells why the copy for readers lacks them.
    """

    kept: int
    rejected: int
    unpublished: NotPublished | None


def load_unfiltered(
    connection: ApiConnection,
    warehouse: Warehouse,
    shop: Shop,
    resource: Resource,
    chosen: Collection[KeyTexts],
    mark: WriteFirst,
    on_progress: OnProgress,
) -> UnfilteredLoad:
    """Load the chosen records of a resource, and mark the rows of its table in the same transaction.

    Args:
        connection: The open API.
        warehouse: Where the table is.
        shop: The declared shop.
        resource: The swept resource.
        chosen: The primary keys of the records to load.
        mark: Marks the rows, and is called again if the load has to begin again.
        on_progress: Takes lines about progress for a person.

    Raises:
        IngestError: A table cannot be loaded. Nothing was marked either.
    """
    on_progress(
        f"{resource.name}: reading the list again to load {len(chosen)} records that no window brings"
    )
    plan = _plan(shop, resource, chosen, _loaded_tables(warehouse, shop, resource))
    report = load_plan(connection, warehouse, plan, on_progress, first=mark)
    (window,) = report.resources[resource.name].windows
    if window.fetched < len(chosen):
        on_progress(
            f"{resource.name}: {len(chosen) - window.fetched} of these records did not come in the second reading. "
            "They are gone, or only deletes.params show them: then declare these parameters for the endpoint too"
        )
    return UnfilteredLoad(window.kept, window.rejected, report.unpublished)


def _loaded_tables(warehouse: Warehouse, shop: Shop, resource: Resource) -> Sequence[str]:
    """Return the tables that are made of the records of a resource, and that a load has made."""
    with warehouse.read(shop.name) as transaction:
        present = transaction.columns_of(shop.name)
    return [
        entry.name
        for entry in shop.tables
        if entry.name in present and shop.root_of(entry).name == resource.name
    ]


def _plan(shop: Shop, resource: Resource, chosen: Collection[KeyTexts], tables: Sequence[str]) -> LoadPlan:
    """Return the plan of a load that reads the whole list, in one slice without a window."""
    endpoint = resource.endpoint or Endpoint(path="")
    unfiltered = resource.model_copy(
        update={
            "endpoint": endpoint.model_copy(
                update={
                    "incremental": shop.incremental_of(resource.name).model_copy(
                        update={"start_param": None, "end_param": None, "server_filter": False}
                    )
                }
            )
        }
    )
    entries = tuple(unfiltered if entry.name == resource.name else entry for entry in shop.resources)
    shop = shop.model_copy(update={"resources": entries})
    resources = tuple(entry for entry in shop.resources if entry.name in tables)
    slice_ = Slice(f"{resource.name}/{UNFILTERED}", key=UNFILTERED)
    plan = EndpointPlan(shop.resource(resource.name), (slice_,), resources, frozenset(chosen))
    return LoadPlan(shop, resources, (plan,), datetime.now(timezone.utc))
