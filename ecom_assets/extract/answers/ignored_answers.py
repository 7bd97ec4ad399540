"""Ignored answers: which ones `response_actions` turns into empty pages, and which of them say nothing about records.

An API that answers 404 says that it has no such list. One that answers 403 or 500 says nothing about the list, so the
rows that a table has of it must stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from dlt.sources.helpers.rest_client.exceptions import IgnoreResponseException
from requests import Response

from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.client.request_errors import status_text
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.foundation.errors import ApiError, IncompleteSlice
from ecom_assets.foundation.retry_statuses import TEMPORARY_STATUSES

_REFUSALS = frozenset((401, 402, 403, 407, *TEMPORARY_STATUSES))
"""Statuses below 500 of an API that does not answer the question, although there may be records."""


def is_ignored(response: Response) -> bool:
    """Tell whether a declared response action turned the answer into an empty page."""
    return getattr(response, "ignored", False)


def is_refusal(status: int) -> bool:
    """Tell whether an answer of a status says nothing about the records."""
    return status >= 500 or status in _REFUSALS


def ignored_status(response: Response) -> int:
    """Return the status that an ignored answer had, 0 for any other answer."""
    status: int = getattr(response, "ignored_status", 0)
    return status


def make_empty_page(response: Response, *args: Any, by_content: bool = False, **kwargs: Any) -> Response:
    """Turn an answer into an empty page that knows the status it had."""
    if not is_ignored(response):
        response.ignored_status = response.status_code  # type: ignore[attr-defined]
        response.ignored_by_content = by_content  # type: ignore[attr-defined]
    response.status_code = 200
    response._content = b"{}"
    response.ignored = True  # type: ignore[attr-defined]
    return response


def ignored_error(response: Response) -> int | None:
    """Return the error status of an answer that is ignored whatever its body says, None for any other answer."""
    status: int = getattr(response, "ignored_status", 0)
    is_known = getattr(response, "ignored_by_content", False)
    return status if status >= 400 and not is_known else None


class RefusedLists:
    """Decides what happens to the rows of a list whose answer was ignored although it says nothing about them."""

    def __init__(self, shop: Shop, resource: Resource) -> None:
        """Take a resource with an endpoint."""
        self._resource = resource.name
        # the rows of one record of the root can stay, but not a part of the rows of a record or of a table
        is_child_of_root = resource.parent is not None and resource.parent == shop.root_of(resource).name
        self._rows_can_stay = is_child_of_root and resource.write_disposition == "merge"

    def add(self, response: Response, statistics: SliceStatistics, *, is_first: bool) -> None:
        """Note a refused list of a child in its statistics, so that its rows stay.

        Args:
            response: An ignored answer.
            statistics: Those of the list.
            is_first: Whether it is the answer to the first page.

        Raises:
            IncompleteSlice: The rows cannot stay as they are.
        """
        status = ignored_status(response)
        if not is_refusal(status):
            return
        if not (self._rows_can_stay and is_first):
            raise IncompleteSlice(f"{self._resource}: {refusal_text(status)}")
        statistics.refused = status
        statistics.refusal_is_declared = getattr(response, "ignored_by_content", False)


def refusal_text(status: int) -> str:
    """Return what is wrong with ignoring a status that says nothing about the records, and what to do."""
    return (
        f"the API answered with status {status_text(status)}, which response_actions ignores. It does not say that "
        "there are no records, so the load would lose rows: check the secrets and what they may read, and ignore only "
        "answers that mean an empty list, such as 404"
    )


class IgnoreAction:
    """The hook of a response action `ignore`."""

    def __init__(self, action: Mapping[str, Any]) -> None:
        """Take the declared action, with a status, a content or both."""
        self._status = action.get("status_code")
        self._content = action.get("content")

    def __call__(self, response: Response, *args: Any, **kwargs: Any) -> None:
        """Turn the answer into an empty page if it is the declared one."""
        if is_ignored(response) or not self._has_status(response):
            return
        if self._content is None or _says_only(response, str(self._content)):
            make_empty_page(response, by_content=self._content is not None)

    def only_contains(self, response: Response) -> bool:
        """Tell whether the answer has the declared status, and more in its body than the declared content."""
        return (
            self._content is not None and self._has_status(response) and str(self._content) in response.text
        )

    def _has_status(self, response: Response) -> bool:
        return self._status is None or str(response.status_code) == str(self._status)


def refuse_partial_match(actions: list[tuple[int, IgnoreAction]], response: Response) -> None:
    """Raise ApiError for an error that an action would ignore if its content were the whole body.

    Args:
        actions: The `ignore` actions with their positions in the declaration.
        response: The answer, after all actions.
    """
    if response.status_code < 400:
        return
    for position, action in actions:
        if action.only_contains(response):
            method, path = response.request.method, urlsplit(response.request.url or "").path
            raise ApiError(
                f"{method} {path}: status {response.status_code}; its body contains "
                f"response_actions[{position}].content and more. The content is compared with the whole body, or with "
                "one text of a JSON body: declare that, or status_code alone"
            )


def _says_only(response: Response, content: str) -> bool:
    """Tell whether a body is the declared content, and not records that merely contain it.

    The content may be the whole body, as text or as JSON, or one of the texts in a JSON body that holds no record: the
    body of an error, or an object whose fields are no lists and no objects.
    """
    if response.text.strip() == content.strip():
        return True
    try:
        body = json.loads(response.text)
    except (ValueError, RecursionError):
        return False
    with suppress(ValueError, RecursionError):
        if json.loads(content) == body:
            return True
    is_flat = isinstance(body, dict) and not any(
        value for value in body.values() if isinstance(value, (dict, list))
    )
    return (response.status_code >= 400 or is_flat) and content in _texts(body)


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in a JSON value, without the names of fields."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from _texts(entry)


def guarded(where: str, function: Any) -> Any:
    """Return a function of the declaration as a hook that raises nothing but an ApiError."""

    def hook(response: Response, *args: Any, **kwargs: Any) -> None:
        try:
            function(response)
            return
        except IgnoreResponseException:
            make_empty_page(response)
            return
        except ApiError:
            raise
        except Exception as error:
            text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        # outside of the except clause: the function's error may hold the response
        method, path = response.request.method, urlsplit(response.request.url or "").path
        raise ApiError(f"{method} {path}: {where} raised {text}")

    return hook
