"""What went wrong inside of dlt, which wraps every error in errors of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from dlt.common.destination.exceptions import DestinationException
from dlt.pipeline.exceptions import PipelineStepFailed

from ecom_assets.ingest.errors import ApiError, IngestError, WarehouseError
from ecom_assets.ingest.redaction import Redactor
from ecom_assets.ingest.warehouse import one_line

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


@contextmanager
def writing(path: Path, redactor: Redactor) -> Iterator[None]:
    """Turn what goes wrong while the warehouse at `path` is written into a WarehouseError of one clear line."""
    try:
        yield
    except IngestError:
        raise
    except (PipelineStepFailed, DestinationException, duckdb.Error, OSError) as error:
        text = redactor.scrub(one_line(causes_of(error)[-1]))
        failure = WarehouseError(f"the warehouse {path} was left as it was: {text}")
    else:
        return
    raise failure


def causes_of(error: BaseException) -> list[BaseException]:
    """Return an error and what it was raised from, the first cause last."""
    causes: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in causes:
        causes.append(following)
        following = following.__cause__ or following.__context__
    return causes
