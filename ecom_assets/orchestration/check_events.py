"""Evaluations of checks as events of a run, which the event log may write as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from dagster import AssetCheckEvaluation, AssetExecutionContext, DagsterEvent, DagsterEventType

# Dagster has no public way to log several events at once, which it does itself with materializations
from dagster._core.events import DagsterEventBatchMetadata


def log_evaluations(context: AssetExecutionContext, evaluations: Sequence[AssetCheckEvaluation]) -> None:
    """Log evaluations of checks in their order, as `context.log_event` does, but as one batch.

    A run of a year of days has some thousands of them, and Dagster's storage opens its files up to seven times for one
    that comes alone. An event log without batches writes each at once.
    """
    batch, step = str(uuid4()), context.get_step_execution_context()
    for number, evaluation in enumerate(evaluations, 1):
        asset = evaluation.asset_key.to_user_string()
        result = "passed" if evaluation.passed else "did not pass"
        reason = f" Description: '{evaluation.description}'" if evaluation.description else ""
        event = DagsterEvent.from_step(
            DagsterEventType.ASSET_CHECK_EVALUATION,
            step,
            evaluation,
            f"Asset check '{evaluation.check_name}' on '{asset}' {result}.{reason}",
            DagsterEventBatchMetadata(batch, is_end=number == len(evaluations)),
        )
        context.op_execution_context._events.append(event)  # where log_event has them from then on
