"""The assets of views that unite the same table of several shops.

Each load of a table below reports its view, as an event without a run. A person may materialise it at any time.
"""

# no postponed annotations here: Dagster reads that of `context` as a type
from collections.abc import Iterator, Sequence
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetsDefinition,
    AssetSpec,
    Failure,
    MaterializeResult,
    MetadataValue,
    TableColumn,
    TableSchema,
    multi_asset,
)

from ecom_assets.declaration.reading import format_path
from ecom_assets.declaration.table.union import Union
from ecom_assets.foundation.errors import IngestError
from ecom_assets.load.unions import UnionReport, refresh_unions
from ecom_assets.warehouse.choice import warehouse_from_environment, warehouse_kind

CHECK = "view_written"
_CHECK_TEXT = (
    "The view has all columns of the loaded tables: no two of them have one column with different types."
)


def union_key(union: Union) -> AssetKey:
    """Return the key of the asset of a view."""
    return AssetKey([union.dataset, union.name])


def union_asset(union: Union, tables: Sequence[AssetKey]) -> AssetsDefinition:
    """Return the asset of a view.

    Args:
        union: The view.
        tables: The keys of the tables that it unites.
    """
    key = union_key(union)
    spec = AssetSpec(
        key,
        deps=tables,
        description=(
            f"The rows of {union.table} of {', '.join(union.shops)}, with the name of the shop in the column "
            f"{union.shop_column}: a view. Each load of one of them writes it anew where columns or shops changed."
        ),
        group_name=union.dataset,
        kinds={"view", warehouse_kind()},
        metadata={
            "declaration": MetadataValue.path(format_path(union.file.absolute())),
            "dagster/table_name": str(union),
        },
    )

    @multi_asset(
        name=f"write_view_{union.dataset}__{union.name}",
        specs=[spec],
        check_specs=[AssetCheckSpec(CHECK, asset=key, description=_CHECK_TEXT)],
    )
    def write_view(context: AssetExecutionContext) -> Iterator[MaterializeResult[Any] | AssetCheckResult]:
        try:
            (report,) = refresh_unions([union], warehouse_from_environment(), context.log.info)
        except IngestError as error:
            raise Failure(description=str(error), metadata={"view": str(union)}) from None
        if report.error is not None:
            raise Failure(description=str(report.error), metadata={"view": str(union)}) from None
        yield MaterializeResult(asset_key=key, metadata=_metadata(report))
        yield AssetCheckResult(asset_key=key, check_name=CHECK, **_outcome(report))

    return write_view


def report_unions(context: AssetExecutionContext, reports: Sequence[UnionReport]) -> None:
    """Report the views over the tables that a run loaded, as events without a run."""
    for report in reports:
        key = union_key(report.union)
        if report.error is None:
            context.instance.report_runless_asset_event(AssetMaterialization(key, metadata=_metadata(report)))
        context.instance.report_runless_asset_event(
            AssetCheckEvaluation(asset_key=key, check_name=CHECK, **_outcome(report))
        )


def _metadata(report: UnionReport) -> dict[str, Any]:
    left_out = [f"{shop}: {reason}" for shop, reason in report.left_out.items()]
    return {
        "shops": ", ".join(report.shops),
        "left_out": "; ".join(left_out) or "none",
        "dagster/column_schema": TableSchema(
            columns=[TableColumn(name, kind) for name, kind in report.columns.items()]
        ),
    }


def _outcome(report: UnionReport) -> dict[str, Any]:
    text = "all is well" if report.error is None else str(report.error)
    return {"passed": report.error is None, "description": text}
