"""The search for leaks, on which the tests of secrets rely, does find them."""

from __future__ import annotations

import base64

import pytest

from ecom_assets_tests.support.secrets.leaks import SECRET, TOKEN, forms, leaks


@pytest.mark.parametrize("secret", [SECRET, TOKEN, "S3cr3tUser"])
def test_this_would_be_noticed(secret: str) -> None:
    """The search for leaks finds a secret in every form, and in none of the usual texts."""
    for form in forms(secret):
        assert leaks(f"see {form}.", [secret]), form
    for user in ("u", "us", "usr"):
        assert leaks(base64.b64encode(f"{user}:{secret}!".encode()).decode(), [secret])
    assert leaks("GET /things: status 401 Unauthorized; check *** dGhlLXVzZXI6cGFzcw==", [secret]) == []
