"""The wait before a retry."""

from __future__ import annotations

import pytest
from requests import Response

from ecom_assets.client.retry_wait import retry_after


@pytest.mark.parametrize("value", ["", "-1", "1e3", "Wed", "99999999999999999999", "nan"])
def test_unusable_retry_after(value: str) -> None:
    """A header that is neither seconds nor a date is ignored."""
    response = Response()
    response.headers["Retry-After"] = value
    assert retry_after(response) is None
