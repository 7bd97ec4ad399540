"""dlt's log during a run: the one warning that has no meaning here is left out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class _KnownDifference(logging.Filter):
    """Arrow has no type for JSON: its column is text in Arrow and JSON in dlt's schema, which is what we want.

    dlt warns of it for every slice. That the types of all other columns agree is tested.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return "several column hints were different" not in record.getMessage()


@contextmanager
def quiet_dlt_log() -> Iterator[None]:
    """Leave that warning out meanwhile."""
    known = _KnownDifference()
    logger = logging.getLogger("dlt")
    logger.addFilter(known)
    try:
        yield
    finally:
        logger.removeFilter(known)
