"""Sends a limited number of requests to one endpoint while it is explored, over the project's own session."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from dlt.sources.helpers.rest_client.client import RESTClient
from requests import Response

from ecom_assets.client.api_connection import ApiConnection
from ecom_assets.client.redirects import lost_by_redirect
from ecom_assets.client.responses import read_as_lines
from ecom_assets.declaration.placeholders import placeholder_names
from ecom_assets.discovery.exploration.parameter_names import (
    AFTER_PARAMS,
    CURSOR_PARAMS,
    OFFSET_FIELDS,
    PAGE_FIELDS,
    SIZE_PARAMS,
    names_alike,
)
from ecom_assets.extract.request_template import Template
from ecom_assets.foundation.errors import ApiError, RetryLater
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.foundation.retry_statuses import THROTTLE_STATUSES

_MAX_TEXT = 20_000
"""Characters of a refusal that are searched for names."""
MAX_REQUESTS = 12
"""Requests to one endpoint, unless the user allows more."""


class OutOfRequests(Exception):
    """All requests that this endpoint may get are used up."""


@dataclass(frozen=True)
class ApiResponse:
    """What came back: parsed JSON and headers, or why the API refused.

    `refusal` is one line without secrets. `params` are the parameters that were sent. `status` is 0 where there was
    no answer at all. `refused_text` is the whole text of a refusal; it may hold secrets, and is only searched.
    """

    params: Mapping[str, Any]
    status: int
    body: Any
    headers: Mapping[str, str]
    url: str
    refusal: str = ""
    refused_text: str = field(default="", repr=False)

    @property
    def refused(self) -> bool:
        """Tell whether the API answered with something else than JSON and a status below 400."""
        return bool(self.refusal)


class EndpointClient:
    """Sends at most `max_requests` requests to one endpoint; `values` fill its placeholders.

    `reads_lines` says that answers have one JSON value a line, although their content type does not say so.

    Each request varies some parameters. Where there is a body, it varies the body's fields, named by dotted paths.
    """

    def __init__(
        self,
        connection: ApiConnection,
        path: str,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        max_requests: int = MAX_REQUESTS,
        on_progress: OnProgress = lambda text: None,
        described_headers: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Send nothing yet.

        Args:
            connection: The open API.
            path: The endpoint's path below the API's address.
            params: Parameters of every request.
            body: The body of every request, which is a POST then; None for GET.
            max_requests: How many requests may be sent.
            on_progress: Takes a line before each request.
            described_headers: The request headers that a description has, with what it says about each.
        """
        client = connection.shop.client
        self._rest_client = RESTClient(
            client.base_url, headers=dict(client.headers), session=connection.session
        )
        self._on_progress = on_progress
        self.path = path
        self.params = dict(params or {})
        self.body = body
        self.values: Mapping[str, Any] = {}
        self.reads_lines = False
        self.described_headers = dict(described_headers or {})
        self.max_requests = max_requests
        self.request_count = 0

    @property
    def requests_left(self) -> int:
        """Return how many requests may still be sent."""
        return self.max_requests - self.request_count

    def first(self) -> ApiResponse:
        """Return the answer to the plain request. Raises ApiError where it is refused.

        Where the API redirects to the same path with or without a slash at its end, that is the path from now on: such
        a redirect mostly drops the parameters of a request.
        """
        response = self._send(self.path, {}, may_be_refused=False)
        came = urlsplit(response.url).path
        if came.rstrip("/").endswith("/" + self.path.strip("/")):
            self.path = self.path.rstrip("/") + ("/" if came.endswith("/") else "")
        return response

    def request(
        self,
        params: Mapping[str, Any],
        values: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        alone: bool = False,
    ) -> ApiResponse:
        """Return the answer to a request that the API may refuse.

        Args:
            params: Parameters, or fields of the body, in addition to those of every request.
            values: Values of the placeholders for this request alone.
            headers: Headers in addition to those of every request.
            alone: Send none of the parameters of every request.

        Raises:
            OutOfRequests: No request is left.
            ApiError: The API refused the secrets, or asks for a pause.
        """
        usual, self.values = self.values, self.values if values is None else values
        try:
            return self._send(self.path, params, headers, may_be_refused=True, alone=alone)
        finally:
            self.values = usual

    def usable_names(self, usual: Sequence[str], known: Collection[str]) -> list[str]:
        """Return the parameters that are worth trying, in the order of the usual names.

        Args:
            usual: Usual names, the likely ones first.
            known: The parameters that the API is known to have; no others are tried unless it is empty.

        Returns:
            Names of parameters. Where there is a body, the paths of its fields that end in one of the names. If no
            field of the body is about paging, the names themselves.
        """
        if self.body is None:
            return [name for name in usual if not known or name in known] + names_alike(usual, known)
        by_name: dict[str, str] = {}
        for path in body_paths(self.body):
            by_name.setdefault(normalized(path.rpartition(".")[2]), path)
        found = list(dict.fromkeys(by_name[name] for name in map(normalized, usual) if name in by_name))
        if found or (not known and not by_name.keys().isdisjoint(_PAGING_FIELDS)):
            return found
        return [
            name for name in usual if name[0].isalpha() and "[" not in name and (not known or name in known)
        ]

    def follow(self, url: str) -> ApiResponse:
        """Return the answer at an address that the API gave."""
        return self._send(url, None, may_be_refused=True)

    def _send(
        self,
        where: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None = None,
        *,
        may_be_refused: bool,
        alone: bool = False,
    ) -> ApiResponse:
        if self.request_count >= self.max_requests:
            raise OutOfRequests
        self.request_count += 1
        self._on_progress(f"{self.path}: request {self.request_count} of at most {self.max_requests}")
        filled = Template(self.path, self.params, {}, self.body).fill(self.values)
        usual = {} if alone else filled.params
        where, sent = (where, None) if params is None else (filled.path, {**usual, **params})
        responses: list[Response] = []

        def note(response: Response, *args: Any, **kwargs: Any) -> None:
            responses.append(response)

        try:
            if filled.json_body is None:
                response = self._rest_client.get(
                    where, params=sent, headers=dict(headers or {}), hooks={"response": [note]}
                )
            else:
                response = self._rest_client.post(
                    where,
                    params=dict(usual),
                    headers=dict(headers or {}),
                    json=with_fields(filled.json_body, params or {}),
                    hooks={"response": [note]},
                )
            if lost := lost_by_redirect(response):
                raise ApiError(f"{self.path}: the API redirects to another path and loses {lost}")
            body = self._parse(response)
        except ApiError as error:
            # no answer at all: a parameter may have made the API fail, or a link leads to another host
            status = responses[-1].status_code if responses else 0
            if not may_be_refused or status in {401, *THROTTLE_STATUSES} or isinstance(error, RetryLater):
                raise
            text = responses[-1].text[:_MAX_TEXT] if responses else ""
            return ApiResponse(sent or {}, status, None, {}, where, str(error), text)
        return ApiResponse(sent or {}, response.status_code, body, response.headers, response.url)

    def _parse(self, response: Response) -> Any:
        """Return the parsed body, which may be JSON lines without a word about it. Raises ApiError for no JSON."""
        if self.reads_lines:
            read_as_lines(response)
        try:
            return response.json()
        except ApiError:
            read_as_lines(response)
            try:
                values = response.json()
            except ApiError:
                values = []
            if len(values) > 1 and all(isinstance(entry, dict) for entry in values):
                self.reads_lines = True
                return values
            raise


def body_paths(body: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted paths of the single values of a body that no placeholder fills."""
    for name, value in body.items():
        if isinstance(value, Mapping):
            yield from body_paths(value, f"{prefix}{name}.")
        elif not isinstance(value, list) and not placeholder_names(value):
            yield f"{prefix}{name}"


def with_fields(body: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with other values at some dotted paths."""
    changed = dict(body)
    for path, value in fields.items():
        name, _, rest = path.partition(".")
        inner = changed.get(name)
        changed[name] = (
            with_fields(inner if isinstance(inner, Mapping) else {}, {rest: value}) if rest else value
        )
    return changed


def normalized(name: str) -> str:
    """Return a name without case and underscores, in which APIs differ."""
    return name.lower().replace("_", "")


_PAGING_FIELDS = frozenset(
    normalized(name) for name in (*SIZE_PARAMS, *OFFSET_FIELDS, *PAGE_FIELDS, *CURSOR_PARAMS, *AFTER_PARAMS)
)
"""The fields of a body that show where the fields for paging are."""
