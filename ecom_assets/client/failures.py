"""Turns any exception into one of this project's errors, in one line without a secret.

dlt wraps every error in errors of its own, so the useful one is somewhere in the chain of causes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ecom_assets.client.redaction import Redactor
from ecom_assets.foundation.disk_errors import disk_problem
from ecom_assets.foundation.errors import IngestError, WarehouseError

_log = logging.getLogger(__name__)

_ITERATION_ENDS = (StopIteration, StopAsyncIteration, GeneratorExit)


def failure_of(error: Exception, redactor: Redactor) -> IngestError:
    """Return the IngestError in an error's chain of causes, else a new one made of its first cause.

    In the second case the error is unexpected, and its traceback goes to the log, where secrets are scrubbed.

    Args:
        error: What was raised, by dlt or by this project.
        redactor: Hides secrets in the text, which may quote a piece of the declaration.

    Raises:
        BaseException: The first cause is no error but the end of the process that somebody asks for.
    """
    causes = cause_chain(error)
    raise_interruption(causes)
    for cause in causes:
        if isinstance(cause, IngestError):
            # a piece of the declaration that it quotes may be the secret
            cause.args = (redactor.scrub(str(cause)),)
            return cause
    if disk := disk_problem(causes[-1]):
        return WarehouseError(redactor.scrub(disk))
    _log.error("unexpected error", exc_info=error)
    text = " ".join(str(causes[-1]).split())
    return IngestError(redactor.scrub(f"{type(causes[-1]).__name__}: {text}"))


def raise_interruption(causes: Iterable[BaseException]) -> None:
    """Raise the exception among causes that ends the process, such as a KeyboardInterrupt, if there is one.

    dlt and DuckDB raise an error of their own in its place, and a run would go on after that.
    """
    for cause in causes:
        if not isinstance(cause, (Exception, GeneratorExit)):
            raise cause.with_traceback(None) from None


def cause_chain(error: BaseException) -> list[BaseException]:
    """Return an error and what it was raised from, the first cause last.

    The chain leaves out the end of an iterator. Python notes it as the context of whatever is raised next.
    """
    causes: list[BaseException] = []
    following: BaseException | None = error
    while (
        following is not None
        and following not in causes
        and not (causes and isinstance(following, _ITERATION_ENDS))
    ):
        causes.append(following)
        following = following.__cause__ or following.__context__
    return causes
