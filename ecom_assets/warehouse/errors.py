"""Errors while a warehouse is written, as one clear line each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from dlt.common.destination.exceptions import DestinationException
from dlt.pipeline.exceptions import PipelineStepFailed

from ecom_assets.client.failures import cause_chain, disk_problem
from ecom_assets.client.redaction import Redactor
from ecom_assets.foundation.errors import IngestError, WarehouseError
from ecom_assets.warehouse.warehouse import Warehouse


@contextmanager
def as_warehouse_error(warehouse: Warehouse, redactor: Redactor) -> Iterator[None]:
    """Turn what goes wrong while a warehouse is written into a WarehouseError of one clear line."""
    foreseen: tuple[type[Exception], ...] = (
        PipelineStepFailed,
        DestinationException,
        OSError,
        *warehouse.driver_errors,
    )
    try:
        yield
    except IngestError:
        raise
    except foreseen as error:
        cause = cause_chain(error)[-1]
        text = redactor.scrub(disk_problem(cause) or one_line(cause))
        failure = WarehouseError(f"the warehouse {warehouse} was left as it was: {text}")
    else:
        return
    raise failure


_ADDED = re.compile(r"Stack Trace:|\n(?:DETAIL|CONTEXT|LINE \d+): ")


def one_line(error: BaseException) -> str:
    """Return an error's text without line breaks, and without what an engine adds: its stack, or a row's values."""
    return " ".join(_ADDED.split(str(error))[0].split())
