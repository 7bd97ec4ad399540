"""The job that audits a shop: it reads closed windows again, and observes the assets of the tables.

See `ecom_assets.load.audit.audit` for what is compared.
"""

# no postponed annotations here: Dagster reads those of an op as types

from dagster import (
    AssetKey,
    AssetObservation,
    Config,
    Failure,
    JobDefinition,
    MetadataValue,
    OpExecutionContext,
    in_process_executor,
    job,
    op,
)
from pydantic import Field

from ecom_assets.declaration.audit import Audit
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import IngestError
from ecom_assets.load.audit.audit import audit
from ecom_assets.load.audit.report import AuditReport, TableAudit
from ecom_assets.load.ledger.audits import DRIFT
from ecom_assets.orchestration.automation.jobs import SHOP_TAG, job_name
from ecom_assets.orchestration.failures import failure_or_retry
from ecom_assets.orchestration.resources import secrets_key
from ecom_assets.orchestration.translator import KeyOf, asset_key, load_pool


def audit_job(shop: Shop, declared: Audit, key_of: KeyOf = asset_key) -> JobDefinition | None:
    """Return the job that audits a shop as it declares, None if no table of it can be audited.

    Args:
        shop: The declared shop.
        declared: What it declares of the audit.
        key_of: Returns the keys of the assets that the job observes.
    """
    if all(resource.open_ended for resource in shop.tables):
        return None

    class AuditConfig(Config):
        windows: int = Field(default=declared.windows, description="How many windows of each endpoint.")
        repair: bool = Field(
            default=declared.repair, description="Whether windows with drift are loaded again."
        )

    @op(
        name=f"audit_{shop.name}",
        description="Reads random closed windows again, and compares them with the tables.",
        pool=load_pool(shop),
        required_resource_keys={secrets_key(shop)},
    )
    def audit_tables(context: OpExecutionContext, config: AuditConfig) -> None:
        secrets = getattr(context.resources, secrets_key(shop)).secrets
        try:
            report = audit(
                shop,
                windows=config.windows,
                repair=config.repair,
                secrets=secrets,
                progress=context.log.info,
            )
        except IngestError as error:
            raise failure_or_retry(context, Failure(description=str(error)), [error]) from None
        for line in report.lines():
            context.log.info(line)
        for table in report.tables:
            context.log_event(_observation(key_of(shop, table.resource), table))
        if not report.ok:
            raise Failure(description=_failure_text(report), allow_retries=False)

    @job(
        name=job_name(shop, "audit"),
        description=f"Compares closed windows of {shop.name} with its tables.",
        tags={SHOP_TAG: shop.name},
        executor_def=in_process_executor,
    )
    def audit_shop() -> None:
        audit_tables()

    return audit_shop


def _observation(key: AssetKey, table: TableAudit) -> AssetObservation:
    """Return what the UI shows of one table."""
    figures = {
        name: sum(getattr(window, name) for window in table.windows)
        for name in ("compared", "missing", "stale", "surplus")
    }
    drifted = [window for window in table.windows if window.outcome == DRIFT]
    text = "\n".join(f"- {window.name}: {window.text}" for window in table.windows) or table.reason
    return AssetObservation(
        asset_key=key,
        description=f"audit: {table.scope}",
        metadata={
            "audited": table.scope,
            "windows_audited": len(table.windows),
            "windows_loaded": table.loaded,
            "windows_with_drift": len(drifted),
            **figures,
            "windows": MetadataValue.md(text),
        },
    )


def _failure_text(report: AuditReport) -> str:
    """Return why a run fails: the drift that remains, and what could not be read."""
    windows = [f"{window.resource} {window.name}: {window.text}" for window in report.remaining]
    return "; ".join([*windows, *map(str, report.errors)])
