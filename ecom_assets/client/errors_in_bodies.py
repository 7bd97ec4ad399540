"""Temporary errors that an API tells in the body of a successful response, such as a throttle with status 200."""

from __future__ import annotations

import json

from requests import Response

from ecom_assets.declaration.api.retry import RetryErrors
from ecom_assets.foundation.json_path import find_values


def temporary_error(response: Response, declared: RetryErrors | None) -> str | None:
    """Return the declared value that a successful response has at the declared path, None if it has none of them."""
    if declared is None or response.status_code >= 300 or not response.content.strip():
        return None
    body = response.content.decode("utf-8", "replace")
    # most bodies hold none of the values, and need no parsing
    if not any(json.dumps(value)[1:-1] in body or value in body for value in declared.values):
        return None
    try:
        found = {str(value) for value in find_values(declared.path, response.json())}
    except Exception:  # not JSON: whoever reads the body reports it
        return None
    return next((value for value in declared.values if value in found), None)
