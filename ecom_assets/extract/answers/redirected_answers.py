"""Answers that come from another address than the one that was asked."""

from __future__ import annotations

from urllib.parse import urlsplit

from requests import Response

from ecom_assets.client.redirects import lost_by_redirect
from ecom_assets.foundation.errors import IncompleteSlice


def is_redirected(response: Response) -> bool:
    """Tell whether a response comes from another path than the one that was asked for."""
    if not response.history:
        return False
    asked, came = (urlsplit(each.url or "").path.rstrip("/") for each in (response.history[0], response))
    return asked != came


def refuse_lost_request(resource: str, response: Response) -> None:
    """Require that records are those that were asked for, although the API redirected the request.

    Args:
        resource: The resource's name, for the message.
        response: An answer with records.

    Raises:
        IncompleteSlice: A redirect lost parameters or the body of the request.
    """
    if lost := lost_by_redirect(response):
        status = response.history[0].status_code
        raise IncompleteSlice(
            f"{resource}: the API redirects the request with status {status} and loses {lost}, so its records are not "
            "those that were asked for. Declare the path that it redirects to; often it only ends in '/'"
        )
