"""Secrets of the shop that an API repeats in its records: the client masks them, and the run counts them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from requests import Response

from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.client.redaction import HIDDEN
from ecom_assets.foundation.progress import OnProgress


def is_masked(response: Response) -> bool:
    """Tell whether an answer held a secret of the shop."""
    return getattr(response, "is_masked", False)


def count_masked(value: Any) -> int:
    """Return how many texts in records contain the mask."""
    if isinstance(value, str):
        return HIDDEN in value
    if isinstance(value, dict):
        value = [*value, *value.values()]
    return sum(map(count_masked, value)) if isinstance(value, Iterable) else 0


def masked_text(count: int) -> str:
    """Return what is said about masked values, for a person."""
    return (
        f"{count} values of the records contain a secret of the shop, which is stored as {HIDDEN}: the API repeats it, "
        "or the secret is a common word. Ask for records without it, or use another secret"
    )


def report_masked(resource: str, statistics: SliceStatistics, on_progress: OnProgress) -> None:
    """Tell about the masked values of a slice, if there are any."""
    if statistics.masked:
        on_progress(f"{resource}: {masked_text(statistics.masked)}")
