"""Which exceptions BigQuery's client raises, and what they mean."""

from __future__ import annotations

from concurrent.futures import TimeoutError as FutureTimeout

import requests
from google.api_core.exceptions import ClientError, GoogleAPIError
from google.auth.exceptions import GoogleAuthError

from ecom_assets.warehouse.remote.errors import NotAtomic

DRIVER_ERRORS: tuple[type[Exception], ...] = (
    GoogleAPIError,
    GoogleAuthError,
    requests.RequestException,
    FutureTimeout,
    NotAtomic,
)
"""Everything that the client raises, and what is refused in its place."""
CONNECT_ERRORS: tuple[type[Exception], ...] = (*DRIVER_ERRORS, OSError, ValueError)
"""What connecting raises. ValueError is a private key that cannot be read."""

_CONFLICTS = ("aborted due to concurrent update", "could not serialize access", "concurrent transaction")
"""BigQuery's words, in lower case, for a transaction that ends because another one writes the same table."""


def is_conflict(error: BaseException) -> bool:
    """Tell whether a statement failed because another transaction writes the same table."""
    text = str(error).lower()
    return isinstance(error, GoogleAPIError) and any(words in text for words in _CONFLICTS)


def server_refused(error: Exception) -> bool:
    """Tell whether the service itself refused a statement, so that it had no effect.

    False means that no answer came, or one that blames the service. Then nobody knows whether the statement had an
    effect.
    """
    return isinstance(error, ClientError)
