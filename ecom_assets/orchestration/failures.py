"""How a failed run is reported to Dagster: the failure's text, where to look, and whether to retry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetObservation,
    Failure,
    OpExecutionContext,
    RetryRequested,
)

from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import (
    ApiError,
    BrokerError,
    ContractBroken,
    DeclarationError,
    IngestError,
    MissingSecret,
    RetryLater,
    WarehouseError,
    named_error,
)
from ecom_assets.load.run import RunReport

MAX_PAUSES = 3
"""How often a run waits for the pause that an API asks for, before it fails."""

_WHERE_TO_LOOK: tuple[tuple[type[IngestError], str], ...] = (
    (MissingSecret, "the places that the message names; {file} says which secrets the shop needs"),
    (DeclarationError, "{file}, at the place that the message names"),
    (ContractBroken, "the columns in {file}; `ecom-assets preview {shop} RESOURCE` shows what the API sends"),
    (RetryLater, "policy.requests_per_second in {file}"),
    (ApiError, "`ecom-assets check {shop}` tests whether the API behaves as {file} declares"),
    (
        WarehouseError,
        "ECOM_WAREHOUSE and ECOM_LOCK_TIMEOUT in the environment, and the warehouse that they name",
    ),
    (BrokerError, "ECOM_BROKER in the environment, and the broker that it names"),
    (IngestError, "the run's stderr, which has the traceback of an unexpected error"),
)
"""Where to look for the cause of an error. The first kind that fits counts."""


def failure_of_resources(shop: Shop, errors: Mapping[str, IngestError], attempted: int) -> Failure:
    """Return the one failure of a run in which some resources failed.

    Dagster may retry it only if each error comes from the API, the broker or the warehouse: a retry changes nothing
    about the others.

    Args:
        shop: The shop that was loaded.
        errors: The error of each failed resource, by the resource's name.
        attempted: How many resources the run tried to load, failed ones included.
    """
    lines = [named_error(name, error) for name, error in errors.items()]
    headline = f"{len(errors)} of {attempted} resources failed, the others were loaded"
    description = (
        lines[0] if attempted == 1 else "\n".join([headline if len(errors) < attempted else "", *lines])
    )
    return Failure(
        description=description.strip(),
        metadata={
            **where_to_look(shop, errors.values()),
            "resources_failed": len(errors),
            **{f"error/{name}": str(error) for name, error in errors.items()},
        },
        allow_retries=all(
            isinstance(error, (ApiError, BrokerError, WarehouseError)) for error in errors.values()
        ),
    )


def failure_of_run(shop: Shop, error: IngestError) -> Failure:
    """Return the failure of a run that ended as a whole, before or after it read anything."""
    return Failure(description=str(error), metadata=where_to_look(shop, [error]), allow_retries=False)


def failure_or_retry(
    context: AssetExecutionContext | OpExecutionContext, failure: Failure, errors: Iterable[IngestError]
) -> RetryRequested | Failure:
    """Return what an op raises after errors: a request to run it again where the API asked for a pause.

    Args:
        context: Of the op that failed. It knows how often the op was retried.
        failure: What the op raises if no error asks for a pause, or after MAX_PAUSES pauses.
        errors: All errors of the run. The longest pause counts.
    """
    pauses = [error for error in errors if isinstance(error, RetryLater)]
    if not pauses:
        return failure
    if context.retry_number >= MAX_PAUSES:
        failure.description = f"{failure.description} (after {MAX_PAUSES} pauses)"
        failure.allow_retries = False
        return failure
    longest = max(pauses, key=lambda error: error.seconds)
    context.log.warning(f"{longest}; trying again in {longest.seconds:g} s")
    return RetryRequested(max_retries=MAX_PAUSES, seconds_to_wait=longest.seconds)


def report_failures(
    context: AssetExecutionContext,
    shop: Shop,
    failures: Mapping[AssetKey, Mapping[str | None, IngestError]],
) -> None:
    """Log the reason of each failure as an observation of its asset: the asset's own page shows it.

    Args:
        context: Of the run that loaded.
        shop: The shop that was loaded.
        failures: The errors of each asset by partition key; None is the key of an error of all partitions of the run.
    """
    only = context.partition_key if context.has_partition_key else None
    for key, errors in failures.items():
        for partition, error in errors.items():
            context.log_event(
                AssetObservation(
                    key,
                    description=f"The load failed. {error}",
                    partition=partition or only,
                    # the overview of the asset shows the metadata, and not the description
                    metadata={"reason": str(error), **where_to_look(shop, [error])},
                )
            )


def failures_of(report: RunReport) -> dict[str, Mapping[str | None, IngestError]]:
    """Return the errors of each failed resource, as `report_failures` takes them."""
    found: dict[str, Mapping[str | None, IngestError]] = {}
    for name, entry in report.resources.items():
        if entry.error:
            found[name] = {None: entry.error}
        elif entry.failed_windows:
            found[name] = dict[str | None, IngestError](entry.failed_windows.items())
    return found


def where_to_look(shop: Shop, errors: Iterable[IngestError]) -> dict[str, str]:
    """Return the shop, its file and where to look, as metadata."""
    file = shop.declared_in
    looks = [next(look for kind, look in _WHERE_TO_LOOK if isinstance(error, kind)) for error in errors]
    look = "; ".join(dict.fromkeys(looks)).format(
        shop=shop.name if shop.file.name else "MODULE:NAME", file=file
    )
    return {"shop": shop.name, "declaration": file, "look_at": look}
