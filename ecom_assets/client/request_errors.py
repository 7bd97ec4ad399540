"""The errors about requests to a shop's API: one line each, with method, path, what happened and what to do.

A line never holds the query or a secret.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import urlsplit

from requests import PreparedRequest, Response

from ecom_assets.client.redaction import Redactor
from ecom_assets.client.secrets import environment_variable, secret_names
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import ApiError, RefusedRequest, RetryLater
from ecom_assets.foundation.retry_statuses import (
    API_FAULT_ADVICE,
    RETRIED_WITH_TIME,
    TEMPORARY_STATUSES,
    THROTTLE_ADVICE,
)

_REFUSALS = (400, 416, 422)
"""Statuses of a request that the API understands and does not answer."""
_BODY_SHOWN = 200
"""Characters of a body that an error shows."""

_WANTS_TLS = re.compile(r"\bto (an )?HTTPS (port|server)\b|\bSSL-enabled server port\b", re.IGNORECASE)
"""What nginx, Go and Apache say in a response with status 400 to a plain request on a port for TLS."""


class RequestErrors:
    """Makes the errors about one shop's API, or about the address that gives out its tokens."""

    def __init__(self, shop: Shop, redactor: Redactor, *, for_token: bool = False) -> None:
        """Keep what the messages need.

        Args:
            shop: Names the secrets and variables to check.
            redactor: Hides the secrets that a server may have repeated.
            for_token: Whether the requests ask for tokens.
        """
        self._shop = shop
        self.redactor = redactor
        self._for_token = for_token

    def message(self, request: PreparedRequest, text: str) -> str:
        """Return one line about a request, without its query and without secrets."""
        path = urlsplit(request.url or "").path
        return " ".join(self.redactor.scrub(f"{request.method} {path}: {text}").split())

    def scrub_body(self, body: bytes) -> bytes:
        """Return a body without secrets. One that brings a token stays as it is: it goes to the auth object only."""
        return body if self._for_token else self.redactor.scrub_body(body)

    def bad_status(self, response: Response) -> ApiError:
        """Return the error for a status of 400 or more, with advice and the beginning of the body."""
        tries = getattr(response, "tries", 1)
        body = response.content.decode("utf-8", "replace")
        # nothing that a terminal would act upon, nor the zeros that UTF-16 puts between its characters
        text = "".join(character for character in body if character.isprintable() or character.isspace())
        # scrubbed before it is cut, so that no half of a secret is left at the end
        body_start = " ".join(self.redactor.scrub(text).split())[:_BODY_SHOWN]
        status = f"status {status_text(response.status_code)}{_tries_text(tries)}"
        advice = self._advice(response.status_code, is_paused=getattr(response, "pause", None) is not None)
        is_plain = urlsplit(response.request.url or "").scheme == "http"
        if response.status_code == 400 and is_plain and _WANTS_TLS.search(text):
            advice = f"the server speaks https, not http: {scheme_advice('https')}"
        kind = RefusedRequest if response.status_code in _REFUSALS else ApiError
        return kind(self.message(response.request, f"{status}; {advice}; body: {body_start or 'empty'}"))

    def declared_error(self, response: Response, error: str) -> ApiError:
        """Return the error for a successful response whose body tells of a temporary error until the last try."""
        tries = getattr(response, "tries", 1)
        status = f"status {status_text(response.status_code)}{_tries_text(tries)}"
        text = f"{status}, with the error {error!r} of policy.retry_errors; {THROTTLE_ADVICE}"
        return ApiError(self.message(response.request, text))

    def pause_too_long(self, response: Response, seconds: float, longest: float) -> RetryLater:
        """Return the error for a response that asks for a pause longer than a run waits; both in seconds."""
        throttle = ", a throttle" if response.status_code in RETRIED_WITH_TIME else ""
        status = f"status {status_text(response.status_code)}{throttle}; the API asks for a pause of {seconds:.0f} s"
        text = f"{status}; a run waits {longest:.0f} s at most"
        return RetryLater(self.message(response.request, text), seconds)

    def held_back(self, request: PreparedRequest, seconds: float, longest: float) -> RetryLater:
        """Return the error for a request that is not sent: another response asked for a pause that still lasts.

        Args:
            request: The request that is held back.
            seconds: What is left of the pause.
            longest: The seconds that a run waits at most.
        """
        text = (
            f"not sent: the API asks for a pause, of which {seconds:.0f} s are left; "
            f"a run waits {longest:.0f} s at most"
        )
        return RetryLater(self.message(request, text), seconds)

    def no_response(self, request: PreparedRequest, reason: str, tries: int, advice: str = "") -> ApiError:
        """Return the error for a request that got no response.

        Args:
            request: The request.
            reason: Why there is no response.
            tries: How many times the request was sent.
            advice: What the user can do, "" for nothing.
        """
        text = f"{_host(request.url)}: {reason}{_tries_text(tries)}"
        return ApiError(self.message(request, f"{text}; {advice}" if advice else text))

    def _advice(self, status: int, *, is_paused: bool) -> str:
        """Return what the user can do about a status; `is_paused` says whether the response asks for a pause."""
        if status == 403 and is_paused:
            return f"this is a throttle, as the response says how long to wait: {THROTTLE_ADVICE}"
        if status in (401, 403) or (self._for_token and status == 400):
            names = secret_names(self._shop)
            if objects := self._shop.client.auth_objects:
                return f"check the auth object {', '.join(entry.kind for entry in objects)} and its secrets"
            if not names:
                return "the API wants a secret, and client.auth declares none"
            if all(self._shop.literal_secret(name) for name in names):
                return f"check the secrets {', '.join(names)} in {self._shop.declared_in}"
            variables = ", ".join(environment_variable(self._shop, name) for name in names)
            return (
                f"check the secrets {', '.join(names)}, which come from the Dagster resource, the "
                f"environment ({variables}) or dlt's secrets under sources.{self._shop.name}"
            )
        if status in (404, 405) and self._for_token:
            return "check client.auth.access_token_url"
        if status == 404:
            return "check client.base_url and the endpoint's path"
        if status == 405:
            return "check the endpoint's method"
        if status in TEMPORARY_STATUSES:
            advice = TEMPORARY_STATUSES[status].advice
            if status in self._shop.policy.retry_statuses or is_paused:
                return advice
            return f"{advice}; to retry it, declare it in policy.retry_statuses"
        if status >= 500:
            return API_FAULT_ADVICE
        return "the API refused the request: check the endpoint's params, its paginator and incremental"


def scheme_advice(scheme: str) -> str:
    """Return what to do about an address with the wrong scheme, given the right one."""
    return f"begin the address in client.base_url, or in access_token_url, with {scheme}://"


def status_text(status: int) -> str:
    """Return a status with its standard phrase, such as `429 Too Many Requests`."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _tries_text(tries: int) -> str:
    return f" after {tries} tries" if tries > 1 else ""


def _host(url: str | None) -> str:
    """Return the host of an address, with its port where it names one."""
    parts = urlsplit(url or "")
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
