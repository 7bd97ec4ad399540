"""What a run reports to Dagster: metadata per materialisation, and how a failure is worded.

The figures come from `ecom_assets.load.run`; nothing is counted here but the rows of whole tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dagster import Failure, MetadataValue

from ecom_assets.declaration.reading import Shop, shown_path
from ecom_assets.foundation.errors import (
    ApiError,
    BrokerError,
    ContractBroken,
    DeclarationError,
    IngestError,
    MissingSecret,
    RetryLater,
    WarehouseError,
)
from ecom_assets.load.run import ResourceReport, RunReport, WindowReport
from ecom_assets.orchestration.markdown import markdown_table
from ecom_assets.warehouse.warehouse import Warehouse


def table_metadata(
    run: RunReport, resource: ResourceReport, warehouse: Warehouse, rows: int | None
) -> dict[str, Any]:
    """Return what holds for a resource in the whole run, whatever its windows.

    `rows` is the number of rows in the table after the load, None when it could not be counted. Phases are
    wall time of the run in seconds.
    """
    metadata: dict[str, Any] = {
        "dagster/table_name": resource.table,
        "dagster/uri": warehouse.uri,
        "load_id": resource.load_id,
        **{f"run_seconds/{phase}": seconds for phase, seconds in run.phases.items()},
    }
    if rows is not None:
        metadata["dagster/row_count"] = rows
    if resource.preview:
        metadata["preview"] = MetadataValue.md(_preview(resource))
    if resource.discarded:
        metadata["discarded_fields"] = dict(resource.discarded)
    return metadata


def window_metadata(window: WindowReport) -> dict[str, Any]:
    """Return the figures of one window (or of a snapshot); a total is null where the API reports none."""
    return {
        "dagster/partition_row_count": window.kept,
        "source_total": MetadataValue.null() if window.source_total is None else window.source_total,
        "fetched": window.fetched,
        "rejected": window.rejected,
        "requests": window.requests,
        "retries": window.retries,
        "restarts": window.restarts,
        "seconds": window.seconds,
    }


def row_counts(shop: Shop, warehouse: Warehouse, tables: Iterable[str]) -> dict[str, int]:
    """Return the rows of whole tables; none when the warehouse cannot be read: the load is done by then."""
    try:
        with warehouse.read(shop.name) as connection:
            return {
                table: connection.fetch_value(f'select count(*) from "{shop.name}"."{table}"')
                for table in tables
            }
    except WarehouseError:
        return {}


def failure(shop: Shop, errors: Mapping[str, IngestError], attempted: int) -> Failure:
    """Return the one failure of a run in which some of the `attempted` resources failed.

    Only what the API did may be different the next time.
    """
    lines = [f"{name}: {error}" for name, error in errors.items()]
    head = f"{len(errors)} of {attempted} resources failed, the others were loaded"
    description = lines[0] if attempted == 1 else "\n".join([head if len(errors) < attempted else "", *lines])
    return Failure(
        description=description.strip(),
        metadata={
            **_where(shop, errors.values()),
            "resources_failed": len(errors),
            **{f"error/{name}": str(error) for name, error in errors.items()},
        },
        allow_retries=all(
            isinstance(error, (ApiError, BrokerError, WarehouseError)) for error in errors.values()
        ),
    )


def refusal(shop: Shop, error: IngestError) -> Failure:
    """Return the failure of a run that ended as a whole, before or after it read anything."""
    return Failure(description=str(error), metadata=_where(shop, [error]), allow_retries=False)


_LOOK: tuple[tuple[type[IngestError], str], ...] = (
    (MissingSecret, "the places that the line names; {file} says which secrets the shop needs"),
    (DeclarationError, "{file}, at the place that the line names"),
    (ContractBroken, "the columns in {file}; `ecom-assets preview {shop} RESOURCE` shows what the API sends"),
    (RetryLater, "policy.requests_per_second in {file}"),
    (ApiError, "`ecom-assets check {shop}` asks the API whether it behaves as {file} declares"),
    (WarehouseError, "ECOM_WAREHOUSE and ECOM_LOCK_TIMEOUT in the environment, and the file that they name"),
    (BrokerError, "ECOM_BROKER in the environment, and the broker that it names"),
    (IngestError, "the run's stderr, where the traceback is if nobody has foreseen this"),
)
"""Where to look for what is behind a failure; the first kind that fits counts."""


def _where(shop: Shop, errors: Iterable[IngestError]) -> dict[str, str]:
    """Return the shop, its file, and where to look."""
    file = shown_path(shop.file)
    looks = [next(look for kind, look in _LOOK if isinstance(error, kind)) for error in errors]
    look = "; ".join(dict.fromkeys(looks)).format(shop=shop.name, file=file)
    return {"shop": shop.name, "declaration": file, "look_at": look}


def _preview(resource: ResourceReport) -> str:
    """Return the first rows of a run, which need not be of each of its windows."""
    table = markdown_table(resource.preview)
    count = len(resource.windows)
    return table if count == 1 else f"First rows of this run's {count} windows\n\n{table}"
