"""Dagster's event log in batches, in its SQLite files and in PostgreSQL. The instance's `dagster.yaml` selects one."""

from ecom_assets.orchestration.event_log.sqlite import BatchedSqliteStorage

__all__ = ["BatchedSqliteStorage"]
