"""Why a request got no answer, in words of our own: an error's text holds the address that was signed.

What an answer says is `answers`'.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from requests import exceptions
from urllib3.exceptions import DecodeError, NewConnectionError, ProtocolError
from urllib3.exceptions import TimeoutError as PoolTimeout


def reason_of(error: Exception, timeout: float) -> tuple[str, bool]:
    """Return why there was no answer, without the error's own text, and whether to try again.

    That text holds the signed address; what is said instead comes from the kind of error at the bottom.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its TLS certificate is not trusted ({cause.verify_message})", False
        if isinstance(cause, ssl.SSLError) and cause.reason:
            return f"TLS failed ({cause.reason.replace('_', ' ').lower()})", True
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "the host name is not known", True
    late = (exceptions.Timeout, PoolTimeout, TimeoutError)
    # urllib3 counts every connection that cannot be made as a timeout
    if any(isinstance(cause, late) and not isinstance(cause, NewConnectionError) for cause in causes):
        return f"no answer within {timeout:g} s", True
    if isinstance(error, (ProtocolError, exceptions.ChunkedEncodingError)):
        return "the body was cut off", True
    if isinstance(error, exceptions.ConnectionError):
        stated = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
        return f"no connection ({stated[-1].lower()})" if stated else "the connection was dropped", True
    if isinstance(error, (DecodeError, exceptions.ContentDecodingError)):
        return "the body cannot be decompressed", False
    return f"the request cannot be sent ({type(error).__name__})", False


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and everything wrapped in it, each once, the outer before the inner."""
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        cause = pending.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            pending += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
            yield cause
