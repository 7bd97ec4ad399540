"""What went wrong inside of dlt, which wraps every error in errors of its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from dlt.extract.exceptions import ResourceExtractionError

from ecom_assets.ingest.declaration import Resource, Shop
from ecom_assets.ingest.errors import ApiError, ContractBroken, IngestError
from ecom_assets.ingest.redaction import Redactor
from ecom_assets.ingest.source import records_name

_log = logging.getLogger(__name__)


def failure_of(error: Exception, redactor: Redactor) -> IngestError:
    """Return the failure of our own inside of what dlt raised around it, else one made of its last cause."""
    causes = causes_of(error)
    for cause in causes:
        if isinstance(cause, IngestError):
            return cause
    _log.error("reading failed", exc_info=error)
    text = " ".join(str(causes[-1]).split())
    return ApiError(redactor.scrub(f"{type(causes[-1]).__name__}: {text}"))


def failed_tables(
    shop: Shop, tables: Sequence[Resource], error: Exception, failure: IngestError
) -> list[Resource]:
    """Return which of the tables of one reading a failure concerns: those of an endpoint, one table, or all."""
    if isinstance(failure, ContractBroken) and failure.resource is not None:
        return [resource for resource in tables if resource.name == failure.resource]
    pipes = [cause.pipe_name for cause in causes_of(error) if isinstance(cause, ResourceExtractionError)]
    through = [
        resource
        for resource in tables
        if any(records_name(shop.resource(name)) in pipes for name in shop.read_through(resource))
    ]
    return through or list(tables)


def causes_of(error: BaseException) -> list[BaseException]:
    """Return an error and what it was raised from, the first cause last."""
    causes: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in causes:
        causes.append(following)
        following = following.__cause__ or following.__context__
    return causes
