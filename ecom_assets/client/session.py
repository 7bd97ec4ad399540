"""The HTTP session to a shop's API that dlt's REST API source uses, and the errors that it raises.

See `ecom_assets.client.adapter` for signing and retries, and `ecom_assets.client.request_errors` for the errors' texts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from dlt.sources.helpers.requests import Session
from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials
from requests import PreparedRequest, Request, Response
from requests.auth import AuthBase
from requests.exceptions import HTTPError, RequestException, TooManyRedirects
from requests.sessions import merge_hooks, merge_setting
from requests.structures import CaseInsensitiveDict

from ecom_assets.client.adapter import ShopAdapter
from ecom_assets.client.auth_kinds.client_credentials import with_declared_requests
from ecom_assets.client.read_statistics import SLICE_HEADER, ReadStatistics
from ecom_assets.client.redaction import Redactor, scrubbed_logging
from ecom_assets.client.request_errors import RequestErrors
from ecom_assets.client.responses import NO_COOKIES, FailedResponse
from ecom_assets.client.shared_rate_limit import rate_limit_of
from ecom_assets.client.transport_errors import transport_failure
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import ApiError


def create_session(
    shop: Shop,
    auth: Sequence[AuthBase],
    secrets: Collection[str],
    statistics: ReadStatistics | None,
    endpoint_auth: Mapping[str, Sequence[AuthBase]] | None = None,
    ids: Collection[str] = (),
) -> ShopSession:
    """Return the session that goes into dlt's REST API source as `client.session`; threads may share it.

    While it is used, the session raises ApiError for a status of 400 or more that no response action of dlt handles,
    for a missing response, and for a body that is not JSON. It raises RetryLater for a Retry-After longer than
    LONGEST_WAIT.

    Args:
        shop: Its `client.base_url` is the only origin that requests go to.
        auth: What `build_auth` returned for this shop.
        secrets: The values that must never show, `ids` among them.
        statistics: Counts the requests of the slice that a request's SLICE_HEADER names; None counts nothing.
        endpoint_auth: What `build_endpoint_auth` returned for this shop.
        ids: Those of `secrets` that are no secrets in records, such as user names.

    Raises:
        BrokerError: A broker is configured and does not answer; the session may raise it later as well.
    """
    redactor = Redactor(set(secrets) - set(ids), ids)
    auth = with_declared_requests(auth, shop.client.auth, redactor)
    endpoint_auth = {
        resource.name: with_declared_requests(
            endpoint_auth[resource.name], resource.endpoint.auth or (), redactor
        )
        for resource in shop.resources
        if endpoint_auth and resource.endpoint and resource.name in endpoint_auth
    }
    rate_limit = rate_limit_of(shop.name, shop.policy.requests_per_second)
    for entry in (*auth, *(entry for entries in endpoint_auth.values() for entry in entries)):
        if isinstance(entry, OAuth2ClientCredentials):
            errors = RequestErrors(shop, redactor, for_token=True)
            adapter = ShopAdapter(shop.policy, entry.access_token_url, (), redactor, errors, None, rate_limit)
            entry.session = ShopSession(adapter, redactor, errors)
    errors = RequestErrors(shop, redactor)
    adapter = ShopAdapter(
        shop.policy, shop.client.base_url, auth, redactor, errors, statistics, rate_limit, endpoint_auth
    )
    return ShopSession(adapter, redactor, errors, statistics)


class ShopSession(Session):
    """A dlt session that keeps no cookies and raises only this project's errors."""

    def __init__(
        self,
        adapter: ShopAdapter,
        redactor: Redactor,
        errors: RequestErrors,
        statistics: ReadStatistics | None = None,
    ) -> None:
        """Send everything through one adapter.

        Args:
            adapter: Signs, sends and retries.
            redactor: Also hides tokens that are obtained later.
            errors: Words the errors.
            statistics: Knows which slices may fail alone; None lets none.
        """
        super().__init__(timeout=adapter.policy.timeout, raise_for_status=False)
        self.redactor = redactor
        self.auth = _leave_unsigned  # with no auth at all, requests would take a password from .netrc
        self._errors = errors
        self._policy = adapter.policy
        self._statistics = statistics
        self._environment_settings: dict[str, Any] = {}
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def __deepcopy__(self, memo: object) -> ShopSession:
        """Return the same session: dlt copies the configuration of a source, and this session with it."""
        return self

    def prepare_request(self, request: Request) -> PreparedRequest:
        """Return the prepared request, as requests does it but without cookies.

        Merging three empty cookie jars takes requests as long as everything else here.

        Raises:
            ApiError: The request cannot be made, mostly because of a broken next link.
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
        """Return the environment's proxies and certificates, which are read once for each origin."""
        if proxies or (stream, verify, cert) != (None, None, None):
            return super().merge_environment_settings(url, proxies, stream, verify, cert)
        origin = "/".join(str(url).split("/", 3)[:3])
        settings = self._environment_settings.get(origin)
        if settings is None:
            settings = super().merge_environment_settings(url, {}, None, None, None)
            self._environment_settings[origin] = settings
        return {**settings, "proxies": dict(settings["proxies"])}

    def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None:
        """Leave a redirected request unsigned: the adapter signs it, or refuses its host."""

    def get_redirect_target(self, resp: Response) -> str | None:
        """Return the address that a response redirects to, None without one; raises ApiError for a broken address."""
        try:
            target = super().get_redirect_target(resp)
            _ = urlsplit(target or "").port
        except ValueError:
            pass
        else:
            return target
        raise ApiError(self._errors.message(resp.request, "the API redirects to a broken address"))

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        """Send a request and run its hooks; dlt's response actions are hooks, and may accept any status.

        A request of a slice that may fail alone returns a response with the failure.

        Errors are raised outside of the except clauses and without the frames below, so that nothing that knows a
        body or an address stays attached to them.
        """
        slice_id = request.headers.get(SLICE_HEADER, "")
        isolated = self._statistics is not None and self._statistics.is_isolated(slice_id)
        failure: ApiError
        try:
            # urllib3 logs the signed address, dlt the body of a response that it ignores
            with scrubbed_logging(self.redactor):
                # past dlt's own method, which only sets a timeout, as the adapter does
                response = super(Session, self).send(request, **kwargs)
            if response.status_code < 400:
                if isolated:
                    response.json()  # parsed once, here where a body that is not JSON fails the slice alone
                return response
            failure = self._errors.bad_status(response)
        except ApiError as error:
            failure = error.with_traceback(None)
        except HTTPError as error:  # dlt's own hook raises it for a status that no response action handles
            failure = self._errors.bad_status(error.response)
        except RequestException as error:
            too_many = isinstance(error, TooManyRedirects)
            reason = "too many redirects" if too_many else transport_failure(error, self._policy).reason
            failure = self._errors.no_response(request, reason, 1)
        if isolated and self._statistics is not None and self._statistics.fail_alone(slice_id, failure):
            return FailedResponse(request, failure)
        raise failure


def _leave_unsigned(request: PreparedRequest) -> PreparedRequest:
    return request
