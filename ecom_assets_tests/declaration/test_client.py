"""The client of a declaration: every valid address, auth kind and paginator."""

from __future__ import annotations

from typing import Any

import pytest

from ecom_assets.declaration.reading import Client


def client(**given: Any) -> Client:
    """Return a client with the given keys, as a file gives them."""
    return Client.model_validate({"base_url": "https://api.example.com"} | given)


OAUTH2 = {"type": "oauth2_client_credentials", "access_token_url": "https://id.example.com/token"}


@pytest.mark.parametrize(
    ("auth", "fields"),
    [
        ({"type": "bearer"}, [{"token": "token"}]),
        ({"type": "http_basic"}, [{"username": "username", "password": "password"}]),
        (OAUTH2, [{"client_id": "client_id", "client_secret": "client_secret"}]),
        ({"type": "api_key", "prefix": "Token ", "secret": "user_key"}, [{"api_key": "user_key"}]),
        (
            {"type": "http_basic", "secret": {"password": "key"}},
            [{"username": "username", "password": "key"}],
        ),
        (
            [{"type": "api_key", "location": "query"}, {"type": "api_key", "secret": "other"}],
            [{"api_key": "api_key"}, {"api_key": "other"}],
        ),
        ([], []),
    ],
)
def test_auth_fields(auth: Any, fields: list[dict[str, str]]) -> None:
    """Each auth kind names its secrets, by its own names or by those in the file."""
    assert [entry.fields for entry in client(auth=auth).auth] == fields


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8080",
        "http://localhost/api",
        "http://[::1]:1",
        "https://x.example.com/v1/",
        "sandbox://",
    ],
)
def test_address(address: str) -> None:
    """Encrypted, loopback and sandbox addresses are valid."""
    assert client(base_url=address).base_url == address


def test_plain_http_can_be_allowed() -> None:
    """Plain http to a host that is not loopback needs `allow_http`."""
    with pytest.raises(ValueError, match="loopback"):
        client(base_url="http://shop.example.com")
    allowed = client(base_url="http://shop.example.com", allow_http=True)
    assert allowed.base_url == "http://shop.example.com"


@pytest.mark.parametrize(
    "paginator",
    [
        {"type": "offset", "limit": 10, "total_header": "X-Total-Count", "stop_after_empty_page": False},
        {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": None},
        {
            "type": "cursor",
            "cursor_path": "meta.next",
            "cursor_param": "page_token",
            "total_path": "meta.count",
        },
        {"type": "json_link", "next_url_path": "links.next"},
        {"type": "header_link", "links_next_key": "next", "total_header": "X-Total"},
        {"type": "header_cursor", "cursor_key": "X-Next", "cursor_param": "token"},
        {"type": "single_page"},
    ],
)
def test_paginators(paginator: dict[str, Any]) -> None:
    """Each of dlt's paginators is valid, in dlt's words, with the place of the total."""
    assert client(paginator=paginator).paginator == paginator
