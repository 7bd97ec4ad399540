"""dlt's auth objects, made of a shop's auth kinds and secrets.

See `ecom_assets.client.secrets` for where the secrets come from, and `ecom_assets.client.signing` for their use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from dlt.sources.helpers.rest_client.auth import (
    APIKeyAuth,
    BearerTokenAuth,
    HttpBasicAuth,
    OAuth2ClientCredentials,
)
from requests.auth import AuthBase

from ecom_assets.client.auth_kinds.hmac_signature import HmacSignature
from ecom_assets.client.auth_kinds.login import LoginToken
from ecom_assets.client.auth_kinds.path_key import KeyInPath
from ecom_assets.declaration.python_values import AuthObject
from ecom_assets.declaration.reading import Auth, Shop


def build_auth(shop: Shop, secrets: Mapping[str, str]) -> tuple[AuthBase, ...]:
    """Return the auth objects of one run: dlt's in the order of the declaration, then those of a shop in Python.

    Args:
        shop: The shop.
        secrets: What `resolve_secrets` returned.
    """
    declared = [_auth_object(auth, secrets) for auth in shop.client.auth]
    return (*declared, *_ready_objects(shop.client.auth_objects_of(), secrets))


def build_endpoint_auth(shop: Shop, secrets: Mapping[str, str]) -> dict[str, tuple[AuthBase, ...]]:
    """Return the auth objects of the endpoints that do not use the client's, by the name of their resource."""
    return {
        resource.name: (
            *(_auth_object(auth, secrets) for auth in resource.endpoint.auth),
            *_ready_objects(shop.client.auth_objects_of(resource.name), secrets),
        )
        for resource in shop.resources
        if resource.endpoint and resource.endpoint.auth is not None
    }


def _ready_objects(objects: Iterable[AuthObject], secrets: Mapping[str, str]) -> list[AuthBase]:
    """Return the auth objects of a shop in Python for one run, without those that a pickle left out."""
    return [ready for entry in objects if (ready := entry.ready(secrets)) is not None]


def _auth_object(auth: Auth, secrets: Mapping[str, str]) -> AuthBase:
    """Return the auth object of one declared kind."""
    values = {field: secrets[name] for field, name in auth.fields.items()}
    if auth.type == "api_key":
        key = (auth.prefix or "") + values["api_key"]
        if auth.location == "path":
            return KeyInPath(values["api_key"])
        return APIKeyAuth(name=auth.name, api_key=key, location=auth.location)
    if auth.type == "bearer":
        return BearerTokenAuth(token=values["token"])
    if auth.type == "http_basic":
        return HttpBasicAuth(username=values["username"], password=values["password"])
    if auth.type == "login":
        return LoginToken(auth, values)
    if auth.type == "hmac":
        return HmacSignature(auth, values)
    return OAuth2ClientCredentials(
        access_token_url=cast(str, auth.access_token_url),  # never None for this kind
        client_id=values["client_id"],
        client_secret=values["client_secret"],
        access_token_request_data=dict(auth.access_token_request_data),
        default_token_expiration=auth.default_token_expiration,
    )
