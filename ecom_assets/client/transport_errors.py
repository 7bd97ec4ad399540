"""Why a request got no response: connection, timeout, TLS and body errors, in words without the signed address.

See `ecom_assets.client.request_errors` for the errors about a response.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from http.client import BadStatusLine
from typing import NamedTuple

from requests import exceptions
from urllib3.exceptions import DecodeError, InvalidHeader, NewConnectionError, ProtocolError, ProxyError
from urllib3.exceptions import TimeoutError as PoolTimeout

from ecom_assets.client.http_connection import BrokenContentLength
from ecom_assets.client.request_errors import scheme_advice, status_text
from ecom_assets.declaration.reading import Policy

_NOT_TLS = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG")
"""What OpenSSL makes of a first answer that is plain text."""
_TLS_ALERT = "\x15\x03"
"""How a TLS server's answer to a plain request begins."""


class TransportFailure(NamedTuple):
    """Why a try brought no response, whether another try may bring one, and what the user can do, "" for nothing."""

    reason: str
    is_temporary: bool
    advice: str = ""


def response_too_large(status: int, policy: Policy) -> TransportFailure:
    """Return the failure for a body that is larger than the policy allows."""
    return TransportFailure(
        f"status {status_text(status)}, but the response is larger than {policy.max_response_bytes:,} bytes",
        False,
        "ask for smaller pages, or raise policy.max_response_bytes",
    )


def response_too_late(policy: Policy) -> TransportFailure:
    """Return the failure for a response that took longer than the policy allows."""
    return TransportFailure(
        f"the response was not complete within {policy.response_timeout:g} s",
        True,
        "ask for smaller pages, or raise policy.response_timeout",
    )


def transport_failure(error: Exception, policy: Policy) -> TransportFailure:
    """Return why there was no response, told from the kind of error at the bottom.

    The error's own text holds the signed address, so no part of it is used.

    Args:
        error: What requests or urllib3 raised.
        policy: Its timeout is in the message.
    """
    causes = list(_nested_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TransportFailure(f"its TLS certificate is not trusted ({cause.verify_message})", False)
        if isinstance(cause, ssl.SSLError) and cause.reason:
            reason = f"TLS failed ({cause.reason.replace('_', ' ').lower()})"
            # a proxy is not at the declared address
            if cause.reason in _NOT_TLS and not any(isinstance(cause, ProxyError) for cause in causes):
                return TransportFailure(
                    f"the server speaks http, not https: {reason}", False, scheme_advice("http")
                )
            return TransportFailure(reason, True)
        if isinstance(cause, BadStatusLine) and getattr(cause, "line", "").startswith(_TLS_ALERT):
            return TransportFailure("the server speaks https, not http", False, scheme_advice("https"))
    if any(isinstance(cause, (BrokenContentLength, InvalidHeader)) for cause in causes):
        return TransportFailure("its response has a contradictory or broken Content-Length", False)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return TransportFailure("the host name is not known", True)
    timeouts = (exceptions.Timeout, PoolTimeout, TimeoutError)
    # urllib3 counts every connection that cannot be made as a timeout
    if any(isinstance(cause, timeouts) and not isinstance(cause, NewConnectionError) for cause in causes):
        reason = f"no answer within {policy.timeout:g} s"
        # the text is Python's own, and the only sign
        if any(isinstance(cause, TimeoutError) and "handshake" in str(cause) for cause in causes):
            return TransportFailure(
                f"{reason} to the TLS handshake",
                True,
                f"if the server speaks http only, {scheme_advice('http')}",
            )
        return TransportFailure(reason, True)
    if isinstance(error, (ProtocolError, exceptions.ChunkedEncodingError)):
        return TransportFailure("the body was cut off", True)
    if isinstance(error, exceptions.ConnectionError):
        reasons = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
        return TransportFailure(
            f"no connection ({reasons[-1].lower()})" if reasons else "the connection was dropped", True
        )
    if isinstance(error, (DecodeError, exceptions.ContentDecodingError)):
        return TransportFailure("the body cannot be decompressed", False)
    if isinstance(error, UnicodeEncodeError):
        return TransportFailure(
            "the request cannot be sent, because a header holds a character that HTTP headers cannot have",
            False,
            "check the secrets, the names in client.auth and the endpoint's headers for letters outside of latin-1",
        )
    return TransportFailure(f"the request cannot be sent ({type(error).__name__})", False)


def _nested_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and everything wrapped in it, each once, the outer before the inner."""
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        cause = pending.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            pending += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
            yield cause
