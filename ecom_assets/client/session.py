"""The session to a shop's API, which goes into dlt's REST API source, and what it raises.

Signing, trying again and the request budget are `signing`'s. What an answer says is `answers`', where secrets
come from is `auth`'s.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import urlsplit

from dlt.sources.helpers.requests import Session
from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials
from requests import PreparedRequest, Request, Response
from requests.auth import AuthBase
from requests.exceptions import HTTPError, RequestException, TooManyRedirects
from requests.sessions import merge_hooks, merge_setting
from requests.structures import CaseInsensitiveDict

from ecom_assets.client.adapter import SigningAdapter
from ecom_assets.client.read_statistics import ReadStatistics
from ecom_assets.client.redaction import Redactor, scrubbed_logging
from ecom_assets.client.responses import NO_COOKIES, Failures
from ecom_assets.client.shared_rate_limit import rate_limit_of
from ecom_assets.client.transport_errors import reason_of
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import ApiError


def create_session(
    shop: Shop, auth: Sequence[AuthBase], secrets: Collection[str], statistics: ReadStatistics | None
) -> ShopSession:
    """Return the session that goes into dlt's REST API source as `client.session`; threads may share it.

    `shop.client.base_url` is the only origin that is ever talked to, `auth` comes from `build_auth`, and
    `secrets` are the values that must not show. With a `meter`, tries count for the slice that a request's
    SLICE_HEADER names. Whatever goes wrong is an ApiError: a status of 400 or more that no response action
    of dlt's takes care of, no answer, an answer that is not JSON. A Retry-After beyond LONGEST_WAIT is
    RetryLater. A broker that is configured and cannot be asked is BrokerError, now or later.
    """
    redactor = Redactor(secrets)
    rate_limit = rate_limit_of(shop.name, shop.policy.requests_per_second)
    for kind in auth:
        if isinstance(kind, OAuth2ClientCredentials):
            failures = Failures(shop, redactor, of_token=True)
            adapter = SigningAdapter(
                shop.policy, kind.access_token_url, (), redactor, failures, None, rate_limit
            )
            kind.session = ShopSession(adapter, redactor, failures)
    failures = Failures(shop, redactor)
    adapter = SigningAdapter(
        shop.policy, shop.client.base_url, auth, redactor, failures, statistics, rate_limit
    )
    return ShopSession(adapter, redactor, failures)


class ShopSession(Session):
    """A session of dlt's that keeps no cookies and raises nothing but the project's own errors."""

    def __init__(self, adapter: SigningAdapter, redactor: Redactor, failures: Failures) -> None:
        """Send everything through one adapter; `redactor` also hides tokens obtained later."""
        super().__init__(timeout=adapter.policy.timeout, raise_for_status=False)
        self.redactor = redactor
        self.auth = _leave_unsigned  # with none at all, requests would take a password from .netrc
        self._failures = failures
        self._environment: dict[str, Any] = {}
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def __deepcopy__(self, memo: object) -> ShopSession:
        """Stay one and the same: dlt copies the configuration of a source, and with it this session."""
        return self

    def prepare_request(self, request: Request) -> PreparedRequest:
        """Prepare a request; raises ApiError for one that cannot be, mostly for its next link.

        As requests does it, but for the cookies: merging three jars that are empty takes it as long as the rest.
        """
        prepared = PreparedRequest()
        try:
            prepared.prepare_method(request.method)
            prepared.prepare_url(request.url, merge_setting(request.params, self.params))
            prepared.prepare_headers(
                merge_setting(request.headers, self.headers, dict_class=CaseInsensitiveDict)
            )
            prepared._cookies = NO_COOKIES  # type: ignore[attr-defined]  # what prepare_cookies sets
            prepared.prepare_body(request.data, request.files, request.json)
            prepared.prepare_auth(merge_setting(request.auth, self.auth), request.url)
            prepared.prepare_hooks(merge_hooks(request.hooks, self.hooks))
            return prepared
        except (RequestException, ValueError) as error:
            kind = type(error).__name__
        places = (
            "client.base_url, the endpoint's path, params and headers, and the links in the API's answers"
        )
        raise ApiError(f"{request.method}: the request cannot be made ({kind}); check {places}")

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Return what the environment says of proxies and certificates; it is asked once for each origin."""
        if proxies or (stream, verify, cert) != (None, None, None):
            return super().merge_environment_settings(url, proxies, stream, verify, cert)
        origin = "/".join(str(url).split("/", 3)[:3])
        known = self._environment.get(origin)
        if known is None:
            known = super().merge_environment_settings(url, {}, None, None, None)
            self._environment[origin] = known
        return {**known, "proxies": dict(known["proxies"])}

    def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None:
        """Leave a redirected request unsigned: the adapter signs it, or refuses its host."""

    def get_redirect_target(self, resp: Response) -> str | None:
        """Return where an answer redirects to, if it does; raises ApiError for what is no address."""
        try:
            target = super().get_redirect_target(resp)
            _ = urlsplit(target or "").port
        except ValueError:
            pass
        else:
            return target
        raise ApiError(self._failures.line(resp.request, "redirected to something that is no address"))

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        """Send a request and run its hooks, which are dlt's response actions and may settle any status.

        Errors are raised outside of the except clauses and without the frames below, so that nothing hangs on
        to them that knows a body or an address.
        """
        failure: ApiError
        try:
            # urllib3 logs the signed address, dlt the body of an answer that it ignores
            with scrubbed_logging(self.redactor):
                # past dlt's own method, which only sets a timeout, as the adapter does
                response = super(Session, self).send(request, **kwargs)
            if response.status_code < 400:
                return response
            failure = self._failures.status(response)
        except ApiError as error:
            failure = error.with_traceback(None)
        except HTTPError as error:  # what dlt's own hook raises for a status that no response action took
            failure = self._failures.status(error.response)
        except RequestException as error:
            endless = isinstance(error, TooManyRedirects)
            reason = "redirects without end" if endless else reason_of(error, 0)[0]
            failure = self._failures.unreached(request, reason, 1)
        raise failure


def _leave_unsigned(request: PreparedRequest) -> PreparedRequest:
    return request
