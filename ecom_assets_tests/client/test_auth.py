"""dlt's auth objects, made of a shop's auth kinds and secrets."""

from __future__ import annotations

from dlt.sources.helpers.rest_client.auth import (
    APIKeyAuth,
    BearerTokenAuth,
    HttpBasicAuth,
    OAuth2ClientCredentials,
)

from ecom_assets.client.auth import build_auth
from ecom_assets.client.secrets import secret_names
from ecom_assets_tests.support.servers.loopback import shop_at

API = "https://api.example.com"
BASIC = {"type": "http_basic"}
OAUTH2 = {
    "type": "oauth2_client_credentials",
    "access_token_url": "https://id.example.com/token",
    "access_token_request_data": {"scope": "read"},
    "default_token_expiration": 60,
}


def test_no_auth() -> None:
    """An API without auth has no auth objects."""
    assert build_auth(shop_at(API), {}) == ()


def test_auth_objects() -> None:
    """Each kind becomes dlt's own object, in the order of the declaration and under its names."""
    auth = [
        {"type": "api_key", "name": "X-Key", "prefix": "Key "},
        {"type": "api_key", "name": "key", "location": "query", "secret": "second"},
        {"type": "bearer"},
        BASIC,
        OAUTH2 | {"secret": {"client_id": "app"}},
    ]
    shop = shop_at(API, auth)
    names = ("api_key", "second", "token", "username", "password", "app", "client_secret")
    assert secret_names(shop) == names
    header, query, bearer, basic, oauth2 = build_auth(shop, {name: f"the {name}" for name in names})
    assert isinstance(header, APIKeyAuth)
    assert (header.name, header.api_key, header.location) == ("X-Key", "Key the api_key", "header")
    assert isinstance(query, APIKeyAuth)
    assert (query.name, query.api_key, query.location) == ("key", "the second", "query")
    assert isinstance(bearer, BearerTokenAuth)
    assert bearer.token == "the token"
    assert isinstance(basic, HttpBasicAuth)
    assert (basic.username, basic.password) == ("the username", "the password")
    assert isinstance(oauth2, OAuth2ClientCredentials)
    assert (oauth2.client_id, oauth2.client_secret) == ("the app", "the client_secret")
    assert oauth2.access_token_url == "https://id.example.com/token"
    assert oauth2.access_token_request_data == {"scope": "read"}
    assert oauth2.default_token_expiration == 60
