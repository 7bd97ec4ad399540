"""What went wrong, in one line without a secret: inside of dlt, which wraps every error in errors of its own,
or in this project.
"""

from __future__ import annotations

import errno
import logging
import tempfile

from ecom_assets.client.redaction import Redactor
from ecom_assets.foundation.errors import IngestError, WarehouseError

_log = logging.getLogger(__name__)

_ENDS = (StopIteration, StopAsyncIteration, GeneratorExit)
_OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES}


def failure_of(error: Exception, redactor: Redactor) -> IngestError:
    """Return the failure of our own inside of what was raised around it, else one made of its last cause.

    Of the latter, which nobody has foreseen, the log gets the traceback; the guard of the logs scrubs it.
    """
    causes = cause_chain(error)
    for cause in causes:
        if isinstance(cause, IngestError):
            # a piece of the declaration that it quotes may be the secret
            cause.args = (redactor.scrub(str(cause)),)
            return cause
    if disk := disk_problem(causes[-1]):
        return WarehouseError(disk)
    _log.error("this was not foreseen", exc_info=error)
    text = " ".join(str(causes[-1]).split())
    return IngestError(redactor.scrub(f"{type(causes[-1]).__name__}: {text}"))


def cause_chain(error: BaseException) -> list[BaseException]:
    """Return an error and what it was raised from, the first cause last.

    The end of an iterator is none: Python notes it as the context of what happens to be raised after it.
    """
    causes: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in causes and not (causes and isinstance(following, _ENDS)):
        causes.append(following)
        following = following.__cause__ or following.__context__
    return causes


def disk_problem(error: BaseException) -> str | None:
    """Return what is wrong with the disk under the run's own folder; DuckDB's files have errors of DuckDB's."""
    if isinstance(error, OSError) and error.errno in _OF_DISKS:
        reason = error.strerror or errno.errorcode[error.errno]
        return f"the temporary folder {tempfile.gettempdir()} cannot be written: {reason} (TMPDIR names another one)"
    return None
