"""The hooks of a request for what follows the end of a list, which an API may refuse instead of showing nothing."""

from __future__ import annotations

from typing import Any

from requests import Response

from ecom_assets.client.responses import read_as_lines
from ecom_assets.extract.answers.ignored_answers import make_empty_page

_REFUSALS = (400, 404, 410, 416, 422)
"""The statuses with which APIs refuse a page that does not exist."""


def refused_status(response: Response) -> int | None:
    """Return the status with which an API refused a page past the end, None if it did not."""
    return getattr(response, "refused_status", None)


def _empty_if_refused(response: Response, *args: Any, **kwargs: Any) -> None:
    if response.status_code in _REFUSALS:
        response.refused_status = response.status_code  # type: ignore[attr-defined]
        make_empty_page(response)


def past_the_end(*, is_lines: bool) -> Any:
    """Return the hooks of such a request; `is_lines` says that bodies are declared to have one JSON value a line."""
    return {"response": [_empty_if_refused, *([read_as_lines] if is_lines else [])]}


def ends_at_416(hooks: Any) -> Any:
    """Return the hooks of a request for a range of records, to which status 416 says that there are none."""
    return {"response": [_empty_at_416, *((hooks or {}).get("response") or [])]}


def _empty_at_416(response: Response, *args: Any, **kwargs: Any) -> None:
    if response.status_code == 416:
        make_empty_page(response)
