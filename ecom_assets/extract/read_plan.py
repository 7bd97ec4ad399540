"""Read plan: which slices a run reads, from which API, and for which tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ecom_assets.client.api_connection import ApiConnection
from ecom_assets.contract.contract import Contract
from ecom_assets.declaration.reading import Resource
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.paging.paginator import SlicePaginator
from ecom_assets.extract.slices import Slice
from ecom_assets.foundation.progress import OnProgress


@dataclass
class ReadPlan:
    """What a run wants read.

    Attributes:
        connection: The open API.
        slices: The slices to read, by the name of the resource with the endpoint.
        load_metrics: The figures of each wanted table, by name.
        contracts: The contract of each wanted table, by name.
        on_progress: Gets lines that say how far the reading is.
        paginator: Makes what reads the pages of a slice.
    """

    connection: ApiConnection
    slices: Mapping[str, Sequence[Slice]]
    load_metrics: Mapping[str, LoadMetrics]
    contracts: Mapping[str, Contract]
    on_progress: OnProgress = field(default=lambda text: None)
    paginator: Callable[..., SlicePaginator] = SlicePaginator

    def slices_by_id(self, resource: Resource) -> dict[str, Slice]:
        """Return the slices of an endpoint by id."""
        return {slice_.id: slice_ for slice_ in self.slices.get(resource.name, ())}
