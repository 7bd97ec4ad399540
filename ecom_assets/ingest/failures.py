"""What went wrong, in one line without a secret: inside of dlt, which wraps every error in errors of its own,
or in this project.
"""

from __future__ import annotations

import logging

from ecom_assets.ingest.errors import IngestError
from ecom_assets.ingest.redaction import Redactor

_log = logging.getLogger(__name__)


def failure_of(error: Exception, redactor: Redactor) -> IngestError:
    """Return the failure of our own inside of what was raised around it, else one made of its last cause.

    Of the latter, which nobody has foreseen, the log gets the traceback; the guard of the logs scrubs it.
    """
    causes = causes_of(error)
    for cause in causes:
        if isinstance(cause, IngestError):
            # a piece of the declaration that it quotes may be the secret
            cause.args = (redactor.scrub(str(cause)),)
            return cause
    _log.error("this was not foreseen", exc_info=error)
    text = " ".join(str(causes[-1]).split())
    return IngestError(redactor.scrub(f"{type(causes[-1]).__name__}: {text}"))


def causes_of(error: BaseException) -> list[BaseException]:
    """Return an error and what it was raised from, the first cause last."""
    causes: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in causes:
        causes.append(following)
        following = following.__cause__ or following.__context__
    return causes
