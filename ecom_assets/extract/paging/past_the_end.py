"""The hooks of a request for what follows the end of a list, which an API may refuse instead of showing nothing."""

from __future__ import annotations

from typing import Any

from requests import Response

from ecom_assets.extract.answers.ignored_answers import make_empty_page

_REFUSALS = (204, 400, 404, 410, 416, 422)
"""The statuses with which APIs refuse a page that does not exist, or say that they have no content for it."""


def refused_status(response: Response) -> int | None:
    """Return the status with which an API refused a page past the end, None if it did not."""
    return getattr(response, "refused_status", None)


def _empty_if_refused(response: Response, *args: Any, **kwargs: Any) -> None:
    if response.status_code in _REFUSALS:
        response.refused_status = response.status_code  # type: ignore[attr-defined]
        make_empty_page(response)


def past_the_end(hooks: Any) -> Any:
    """Return the hooks of such a request. Those of the endpoint's pages follow: they may say how an answer is read."""
    return _with_first(_empty_if_refused, hooks)


def ends_at_416(hooks: Any) -> Any:
    """Return the hooks of a request for a range of records, to which status 416 says that there are none."""
    return _with_first(_empty_at_416, hooks)


def _with_first(hook: Any, hooks: Any) -> Any:
    return {"response": [hook, *((hooks or {}).get("response") or [])]}


def _empty_at_416(response: Response, *args: Any, **kwargs: Any) -> None:
    if response.status_code == 416:
        make_empty_page(response)
