"""The HTTP adapter under a session: signing, tries, and no secret in what comes out.

The one place in the process that holds a secret next to an address is the adapter here. It signs a copy of
each request after everything above has logged, and hands back answers and errors that never saw that copy.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Sequence
from functools import cache
from time import sleep
from typing import Any, NamedTuple
from urllib.parse import unquote_plus, urlsplit

from dlt.sources.helpers.rest_client.auth import APIKeyAuth, OAuth2ClientCredentials
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from ecom_assets.client.rate_limit import RateLimit
from ecom_assets.client.read_statistics import SLICE_HEADER, ReadStatistics
from ecom_assets.client.redaction import HIDDEN, Redactor
from ecom_assets.client.responses import Answer, Failures, retry_after
from ecom_assets.client.transport_errors import reason_of
from ecom_assets.declaration.reading import Policy
from ecom_assets.foundation.errors import ApiError, IngestError

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
LONGEST_WAIT = 60.0
"""Seconds that a run sits out before one try; a longer Retry-After ends it, a longer backoff is cut."""

_LINKS = ("Location", "Content-Location", "Link")
"""Headers of an answer that hold addresses."""

_QUERY = re.compile(r"\?([^#>\s]*)")

_log = logging.getLogger(__name__)


class _Trouble(NamedTuple):
    """Why a try brought no answer, and whether another one may."""

    reason: str
    passing: bool


class SigningAdapter(HTTPAdapter):
    """Signs, sends and tries again; everything above it deals with the unsigned request."""

    def __init__(
        self,
        policy: Policy,
        base_url: str,
        auth: Sequence[AuthBase],
        redactor: Redactor,
        failures: Failures,
        statistics: ReadStatistics | None,
        rate_limit: RateLimit,
    ) -> None:
        """Serve the origin of `base_url` alone, with a connection for each of the policy's workers."""
        super().__init__(pool_connections=1, pool_maxsize=policy.concurrency)
        self.policy = policy
        self._origin = _origin(base_url)
        self._auth = tuple(auth)
        self._parameters = {
            kind.name for kind in auth if isinstance(kind, APIKeyAuth) and kind.location in ("query", "param")
        }
        self._redactor = redactor
        self._failures = failures
        self._statistics = statistics
        self._rate_limit = rate_limit
        self._token_lock = threading.Lock()
        self._pools: dict[str, Any] = {}
        self._verifying: set[tuple[int, str]] = set()

    def __deepcopy__(self, memo: object) -> SigningAdapter:
        """Stay one and the same, as the session that it belongs to does."""
        return self

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Answer:
        """Return the answer of the last try, whatever its status; raises ApiError when there was none.

        Tried again, `max_retries` times, are RETRIED_STATUSES, a connection that fails or is dropped, a
        timeout and a body that is cut off. The arguments are those of HTTPAdapter, but for the
        timeout, which is the policy's.
        """
        if _origin(request.url or "") != self._origin:
            refused = (
                f"refused to send this to {_origin(request.url or '')}, all goes to {self._origin} alone"
            )
            raise ApiError(self._failures.line(request, refused))
        unsigned = request.copy()
        unsigned.url = self._without_secrets(request.url or "")
        slice_id = request.headers.get(SLICE_HEADER)
        reading = self._statistics.of(slice_id) if self._statistics and slice_id else None
        kwargs["timeout"] = self.policy.timeout
        tries = 0
        while True:
            tries += 1
            self._await_turn(unsigned)
            if reading:
                reading.requests += 1
                reading.retries += tries > 1
            outcome = self._try(unsigned, tries, *args, **kwargs)
            if isinstance(outcome, Answer):
                if outcome.status_code not in RETRIED_STATUSES:
                    return outcome
                reason = f"status {outcome.status_code}"
                wait = retry_after(outcome)
                if wait is not None:
                    self._rate_limit.pause(wait)  # for all workers: what one is told holds for the whole shop
                    if wait > LONGEST_WAIT:
                        raise self._failures.later(outcome, wait, LONGEST_WAIT)
                if tries > self.policy.max_retries:
                    return outcome
            else:
                reason, wait = outcome.reason, None
                if tries > self.policy.max_retries or not outcome.passing:
                    raise self._failures.unreached(unsigned, reason, tries)
            backoff = 0.0 if wait is not None else self._backoff(tries)
            after = f"{reason}; try {tries + 1} in {wait or backoff:g} s"
            _log.info("%s", self._failures.line(unsigned, after))
            if backoff:
                sleep(backoff)

    def _await_turn(self, unsigned: PreparedRequest) -> None:
        """Return when a request may leave; raises RetryLater in a pause longer than a run sits out."""
        left = self._rate_limit.wait(LONGEST_WAIT)
        if left:
            raise self._failures.paused(unsigned, left, LONGEST_WAIT)

    def _backoff(self, tries: int) -> float:
        """Return the seconds that one request waits after so many tries."""
        return min(self.policy.backoff_factor * 2.0 ** (tries - 1), LONGEST_WAIT)

    def _try(self, unsigned: PreparedRequest, tries: int, *args: Any, **kwargs: Any) -> Answer | _Trouble:
        """Sign and send once, and read the body to its end.

        The signed request lives in this frame alone, and every exception that could hold it ends here.
        """
        signed = self._signed(unsigned)
        kwargs["stream"] = True
        try:
            response = super().send(signed, *args, **kwargs)
            # read now, because a body may be cut off, and at once: requests takes it in pieces of ten kilobytes
            response._content = response.raw.read(decode_content=True)
            response._content_consumed = True  # type: ignore[attr-defined]
        except Exception as error:
            return _Trouble(*reason_of(error, self.policy.timeout))
        answer = Answer.of(response, unsigned, tries, self._failures)
        for name in _LINKS:
            if name in answer.headers:
                answer.headers[name] = self._without_secrets(answer.headers[name])
        return answer

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return a pool whose connections print nothing, whatever `http.client`'s debuglevel is.

        At 1 and more, that prints the request as it goes over the wire: past all logging, and signed. As there is
        one origin, the pool is looked up once for each way to it.
        """
        way = repr((args[1:], kwargs))
        pool: Any = self._pools.get(way)
        if pool is None:
            pool = super().get_connection_with_tls_context(*args, **kwargs)
            pool.ConnectionCls = _silent(pool.ConnectionCls)
            self._pools[way] = pool
        return pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Tell a pool once how certificates are to be checked: each time, requests looks for them on the disk."""
        way = (id(conn), repr((verify, cert)))
        if way not in self._verifying:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
            self._verifying.add(way)

    def close(self) -> None:
        """Close all connections, and forget them."""
        self._pools.clear()
        self._verifying.clear()
        super().close()

    def _without_secrets(self, text: str) -> str:
        """Take the parameters that carry a secret, hidden or not, out of the addresses in a text.

        A next link or a redirect may repeat them from the request, and signing would add them once more.
        """

        def kept(query: re.Match[str]) -> str:
            parameters = []
            for parameter in query[1].split("&"):
                name, _, value = parameter.partition("=")
                if unquote_plus(name) not in self._parameters and unquote_plus(value) != HIDDEN:
                    parameters.append(parameter)
            return "?" + "&".join(parameters) if parameters else ""

        return _QUERY.sub(kept, text)

    def _signed(self, unsigned: PreparedRequest) -> PreparedRequest:
        """Return a copy that carries the shop's secrets and no slice."""
        signed = unsigned.copy()
        signed.headers.pop(SLICE_HEADER, None)
        for kind in self._auth:
            signed = (
                self._with_token(kind, signed) if isinstance(kind, OAuth2ClientCredentials) else kind(signed)
            )
        return signed

    def _with_token(self, kind: OAuth2ClientCredentials, request: PreparedRequest) -> PreparedRequest:
        """Sign with a token, which is obtained first when there is none or it has expired."""
        with self._token_lock:  # workers that start at once need one token, not one each
            before = kind.access_token
            try:
                signed: PreparedRequest = kind(request)
            except IngestError:
                raise
            except Exception:  # dlt reads the answer without a look at what it is
                kind.access_token = None
            token = kind.access_token
            if token in (None, "", "None"):  # the last is what dlt makes of an answer without a token
                kind.access_token = token = None
            else:
                self._redactor.add(token)
        if token is None:
            raise ApiError(f"{kind.access_token_url}: the answer holds no access_token that can be used")
        if token != before:
            self._await_turn(request)  # the token took the turn of this request
        return signed


@cache
def _silent(connection: type[Any]) -> type[Any]:
    """Return a kind of connection that never prints what it sends and receives."""
    return type(connection.__name__, (connection,), {"debuglevel": 0, "ecom_silent": True})


def _origin(url: str) -> str:
    """Return scheme, host and port of an address, the port also where it is the usual one."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"
