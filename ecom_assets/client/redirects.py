"""Redirects that lose a part of the request: what answers then is not what was asked for."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from requests import PreparedRequest, Response


def lost_by_redirect(response: Response) -> str | None:
    """Return what a redirect lost of the request, as words: its parameters, or its body. None if it lost nothing.

    A redirect to the same list under another address often drops the query. Of a POST, requests and browsers make a GET
    without a body, except for the statuses 307 and 308. Status 303 to another path loses nothing: by RFC 9110, the
    answer to the request is there.
    """
    if not response.history:
        return None
    asked, came = response.history[0].request, response.request
    if all(each.status_code == HTTPStatus.SEE_OTHER for each in response.history) and _path(asked) != _path(
        came
    ):
        return None
    if names := sorted(_parameters(asked) - _parameters(came)):
        return f"the parameter{'s' if len(names) > 1 else ''} {', '.join(names)}"
    return f"the body of the {asked.method}" if asked.body and not came.body else None


def _parameters(request: PreparedRequest) -> set[str]:
    return {name for name, _ in parse_qsl(urlsplit(request.url or "").query)}


def _path(request: PreparedRequest) -> str:
    return urlsplit(request.url or "").path.rstrip("/")
