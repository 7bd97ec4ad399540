"""Sends the signed requests of a session, and retries them: after a status such as 429, or a transport error.

The adapter signs a copy of each request just before it leaves, when dlt and the session have already logged the
unsigned request. Only here does a secret stand next to an address. The responses and errors that the adapter hands back
contain nothing of that copy.

See `ecom_assets.foundation.retry_statuses` for the statuses that are retried, `ecom_assets.client.retry_wait` for the
time between two tries, and `ecom_assets.client.signing` for how a request is signed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from ecom_assets.client.errors_in_bodies import temporary_error
from ecom_assets.client.http_connection import bounded_connection_class, complete_before
from ecom_assets.client.rate_limit import RateLimit
from ecom_assets.client.read_statistics import SLICE_HEADER, ReadStatistics
from ecom_assets.client.redaction import Redactor
from ecom_assets.client.request_errors import RequestErrors
from ecom_assets.client.response_body import ResponseTooLarge, read_body
from ecom_assets.client.responses import ApiResponse
from ecom_assets.client.retry_wait import LONGEST_WAIT, backoff, retry_after
from ecom_assets.client.signing import RequestSigner
from ecom_assets.client.transport_errors import (
    TransportFailure,
    response_too_large,
    response_too_late,
    transport_failure,
)
from ecom_assets.declaration.reading import Policy
from ecom_assets.foundation.errors import ApiError
from ecom_assets.foundation.retry_statuses import RETRIED_WITH_TIME

_ADDRESS_HEADERS = ("Location", "Content-Location", "Link")
"""Headers of a response that hold addresses."""

_log = logging.getLogger(__name__)


class ShopAdapter(HTTPAdapter):
    """Signs, sends and retries requests to one origin; everything above it handles only the unsigned request."""

    def __init__(
        self,
        policy: Policy,
        base_url: str,
        auth: Sequence[AuthBase],
        redactor: Redactor,
        errors: RequestErrors,
        statistics: ReadStatistics | None,
        rate_limit: RateLimit,
        endpoint_auth: Mapping[str, Sequence[AuthBase]] | None = None,
    ) -> None:
        """Serve the origin of `base_url` only, with one connection for each of the policy's workers.

        Args:
            policy: Timeouts, size limit, number of retries, backoff and number of workers.
            base_url: An address of the origin, the only one that requests may go to.
            auth: dlt's auth objects, applied in this order.
            redactor: Learns each token that is obtained later, so that it is hidden too.
            errors: Words the errors.
            statistics: Counts the requests and retries of each slice; None counts nothing.
            rate_limit: Decides when each request may leave.
            endpoint_auth: The auth objects of the endpoints that do not use `auth`, by the name of their resource.
        """
        super().__init__(pool_connections=1, pool_maxsize=policy.concurrency)
        self.policy = policy
        self._origin = _origin(base_url)
        self._signer = RequestSigner(auth, redactor, self._wait_for_turn, endpoint_auth)
        self._errors = errors
        self._statistics = statistics
        self._rate_limit = rate_limit
        self._pools: dict[str, Any] = {}
        self._verified_pools: set[tuple[int, str]] = set()

    def __deepcopy__(self, memo: object) -> ShopAdapter:
        """Return the same adapter: the session that it belongs to is not copied either."""
        return self

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> ApiResponse:
        """Return the response to the last try, whatever its status.

        A request is sent again, `policy.max_retries` times at most, after one of the policy's `retry_statuses`, a
        connection that fails or is dropped, a timeout, or a body that is cut off. After a 401, it is sent once more
        with a new token, if it has one.

        With a Retry-After header or its like, all workers wait (`RateLimit.pause`). Without one, only this worker
        sleeps: 1, 2, 4 … seconds times `policy.backoff_factor`, LONGEST_WAIT seconds at most. The others go on.

        Args:
            request: The unsigned request.
            *args: As for HTTPAdapter.
            **kwargs: As for HTTPAdapter, except for `timeout`, which is always the policy's.

        Raises:
            ApiError: The request goes to another origin, or no try brought a response.
            RetryLater: The API asks for a pause of more than LONGEST_WAIT seconds.
        """
        target = _origin(request.url or "")
        if target != self._origin:
            refused = f"refused to send this to {target}: this shop's requests go to {self._origin} only"
            raise ApiError(self._errors.message(request, refused))
        unsigned = request.copy()
        unsigned.url = self._signer.unsigned_address(request.url or "")
        slice_id = request.headers.get(SLICE_HEADER)
        statistics = self._statistics.of(slice_id) if self._statistics and slice_id else None
        kwargs["timeout"] = self.policy.timeout
        tries = 0
        renewals = 0  # of a token, which count as no retries
        while True:
            tries += 1
            self._wait_for_turn(unsigned)
            if statistics:
                statistics.requests += 1
                statistics.retries += tries > 1
            outcome = self._try(unsigned, tries, *args, may_renew_token=not renewals, **kwargs)
            is_last = tries - renewals > self.policy.max_retries
            if isinstance(outcome, ApiResponse):
                if outcome.is_token_refused:
                    renewals += 1
                    _log.info("%s", self._errors.message(unsigned, "the token is refused; trying a new one"))
                    continue
                if not self._is_retried(outcome):
                    return outcome
                error = temporary_error(outcome, self.policy.retry_errors)
                reason, pause = f"status {outcome.status_code}", outcome.pause
                if pause is not None:
                    self._rate_limit.pause(pause)  # for all workers: the API counts the whole shop's requests
                    if pause > LONGEST_WAIT:
                        raise self._errors.pause_too_long(outcome, pause, LONGEST_WAIT)
                if is_last and error:
                    raise self._errors.declared_error(outcome, error)
                if is_last:
                    return outcome
            else:
                reason, pause = outcome.reason, None
                if is_last or not outcome.is_temporary:
                    raise self._errors.no_response(unsigned, reason, tries, outcome.advice)
            # a pause holds all workers, in `_wait_for_turn`; only a backoff is this worker's own sleep
            own_wait = 0.0 if pause is not None else backoff(self.policy.backoff_factor, tries - renewals)
            next_try = f"{reason}; try {tries + 1} in {pause or own_wait:g} s"
            _log.info("%s", self._errors.message(unsigned, next_try))
            if own_wait:
                sleep(own_wait)

    def _is_retried(self, response: ApiResponse) -> bool:
        """Return whether a status may be temporary, and note the pause that the response asks for."""
        status = response.status_code
        is_declared = status in self.policy.retry_statuses or (
            temporary_error(response, self.policy.retry_errors) is not None
        )
        if is_declared or status in RETRIED_WITH_TIME:
            response.pause = retry_after(response, self.policy.retry_after)
        return is_declared or response.pause is not None

    def _wait_for_turn(self, unsigned: PreparedRequest) -> None:
        """Return when a request may leave; raises RetryLater in a pause that is longer than a run waits."""
        pause_left = self._rate_limit.wait(LONGEST_WAIT)
        if pause_left:
            raise self._errors.held_back(unsigned, pause_left, LONGEST_WAIT)

    def _try(
        self, unsigned: PreparedRequest, tries: int, *args: Any, may_renew_token: bool, **kwargs: Any
    ) -> ApiResponse | TransportFailure:
        """Sign and send once, and read the body to its end. A refused token is dropped if it may be renewed.

        Only this frame holds the signed request, and every exception that could hold it ends here.
        """
        signed = self._signer.sign(unsigned)
        kwargs["stream"] = True
        end = monotonic() + self.policy.response_timeout
        response: Response | None = None
        try:
            with complete_before(end):
                response = super().send(signed, *args, **kwargs)
                # read here, so that a body that is cut off is retried
                response._content = read_body(response.raw, self.policy.max_response_bytes)
            response._content_consumed = True  # type: ignore[attr-defined]
        except Exception as error:
            if response is not None:
                response.close()  # with the connection, on which the rest of the body may still come
            if isinstance(error, ResponseTooLarge) and response is not None:
                return response_too_large(response.status_code, self.policy)
            return (
                response_too_late(self.policy)
                if monotonic() >= end
                else transport_failure(error, self.policy)
            )
        unsigned_response = ApiResponse.from_signed(response, unsigned, tries, self._errors)
        if response.status_code == 401 and may_renew_token:
            unsigned_response.is_token_refused = self._signer.drop_token(unsigned, signed)
        headers = unsigned_response.headers
        if self._statistics:
            self._statistics.note_date(headers.get("Date"), headers.get("Age"))
        for name in _ADDRESS_HEADERS:
            if name in headers:
                headers[name] = self._signer.without_secrets(headers[name])
        return unsigned_response

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return a pool whose connections are bounded, and print nothing.

        From debuglevel 1 on, `http.client` prints the signed request, past all logging. The adapter serves one
        origin, so it looks each pool up only once.
        """
        pool_key = repr((args[1:], kwargs))
        pool: Any = self._pools.get(pool_key)
        if pool is None:
            pool = super().get_connection_with_tls_context(*args, **kwargs)
            pool.ConnectionCls = bounded_connection_class(pool.ConnectionCls)
            self._pools[pool_key] = pool
        return pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Configure a pool's certificate check once: requests looks for the certificates on the disk each time."""
        pool_key = (id(conn), repr((verify, cert)))
        if pool_key not in self._verified_pools:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
            self._verified_pools.add(pool_key)

    def close(self) -> None:
        """Close all connections and drop the pools."""
        self._pools.clear()
        self._verified_pools.clear()
        super().close()


def _origin(url: str) -> str:
    """Return scheme, host and port of an address, the port also where it is the default one."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"
