"""What went wrong inside of dlt, which wraps every error in errors of its own."""

from __future__ import annotations

import logging

from dlt.extract.exceptions import ResourceExtractionError

from ecom_assets.ingest.errors import ApiError, IngestError
from ecom_assets.ingest.redaction import Redactor

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


def pipe_of(error: Exception) -> str | None:
    """Return the name of the dlt resource in which something went wrong, where dlt says so."""
    for cause in causes_of(error):
        if isinstance(cause, ResourceExtractionError):
            return str(cause.pipe_name)
    return None


def causes_of(error: BaseException) -> list[BaseException]:
    """Return an error and what it was raised from, the first cause last."""
    causes: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in causes:
        causes.append(following)
        following = following.__cause__ or following.__context__
    return causes
