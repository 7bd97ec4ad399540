"""Lists the guesses in a draft with their evidence, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator

from ecom_assets.discovery.evidence import ASSUMED, level_of, weakest
from ecom_assets.discovery.tables.table_draft import TableDraft


def guesses_of(table: TableDraft) -> Iterator[tuple[str, str, str]]:
    """Yield each guess about a table: its place in the declaration, the level of its evidence, and the evidence."""
    for place, evidence in _places(table):
        if evidence:
            yield place, level_of(evidence), str(evidence)
    for column in table.columns:
        reasons = [reason for reason in column.evidence if reason]
        if reasons:
            yield f"columns.{column.name}", weakest(*reasons), "; ".join(reasons)


def _places(table: TableDraft) -> Iterator[tuple[str, str]]:
    yield "primary_key", table.key.evidence
    endpoint = table.endpoint
    if endpoint is None:
        return
    yield "endpoint.data_selector", endpoint.data_selector.evidence
    if endpoint.shape:
        yield "endpoint.records", endpoint.shape.evidence
    yield "endpoint.paginator", endpoint.paging.evidence
    if endpoint.paging.size_param:
        yield "endpoint.page_size", endpoint.paging.size_evidence
    if endpoint.total:
        yield "endpoint.paginator.total", endpoint.total.evidence
    if endpoint.actions:
        yield "endpoint.response_actions", endpoint.actions_evidence
    if endpoint.time_filter:
        for name, evidence in endpoint.time_filter.evidence.items():
            yield f"endpoint.{'' if name in ('params', 'headers') else 'incremental.'}{name}", evidence


def assumed_places(table: TableDraft) -> list[str]:
    """Return the places of the guesses that neither an answer nor a description shows, without those of columns."""
    return [
        place
        for place, level, _ in guesses_of(table)
        if level == ASSUMED and not place.startswith("columns.")
    ]
