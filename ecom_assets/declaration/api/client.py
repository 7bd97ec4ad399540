"""The models of how an API is reached: its address and its auth kinds.

No model here ever holds a secret, only the name of one.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, StrictBool, model_validator
from pydantic.json_schema import JsonSchemaValue
from typing_extensions import Self

from ecom_assets.declaration.api.paginator import Paginator
from ecom_assets.declaration.error_text import Place, format_value, rule_error, value_error
from ecom_assets.declaration.field_types import (
    SECRET_NAME,
    Prefix,
    Text,
    secret_name,
    whole_number,
)
from ecom_assets.declaration.model import Check, DeclarationModel, Documented, text_schema
from ecom_assets.declaration.python_values import AuthObject, missing_names
from ecom_assets.declaration.secret_use import host_and_port

AUTH_FIELDS = {
    "api_key": ("api_key",),
    "bearer": ("token",),
    "http_basic": ("username", "password"),
    "oauth2_client_credentials": ("client_id", "client_secret"),
}
"""The secret fields of each auth kind, in dlt's words."""

AUTH_KEY_OWNERS = {
    "name": "api_key",
    "location": "api_key",
    "prefix": "api_key",
    "access_token_url": "oauth2_client_credentials",
    "access_token_request_data": "oauth2_client_credentials",
    "access_token_request_auth": "oauth2_client_credentials",
    "access_token_request_format": "oauth2_client_credentials",
    "default_token_expiration": "oauth2_client_credentials",
}
"""The auth kind of each key that only one kind has; every kind has the other keys."""

Address = Annotated[Text, Documented(text_schema(r"https?://[^\s@?#/]+[^\s@?#]*"))]
BaseUrl = Annotated[Text, Documented(text_schema(r"(https?://[^\s@?#/]+|sandbox://)[^\s@?#]*"))]


def _secret_names(value: Any) -> Any:
    """Take one name or place of a secret, or a mapping of auth fields to these."""
    allowed = "the name of a secret in lower snake_case, or its place such as vault.acme.key, never the secret itself"
    if isinstance(value, str):
        return secret_name(value, allowed)
    if isinstance(value, Mapping):
        return {field: secret_name(name, allowed, field) for field, name in value.items()}
    raise value_error(format_value(value), f"{allowed}, or a mapping of auth fields to such names")


_SECRET_NAME_SCHEMA = text_schema(SECRET_NAME)
_SECRET_SCHEMA = {
    "anyOf": [
        _SECRET_NAME_SCHEMA,
        {"type": "object", "additionalProperties": _SECRET_NAME_SCHEMA},
        {"type": "null"},
    ]
}


class Auth(DeclarationModel):
    """One auth kind and where its secret goes; never the secret itself."""

    type: Literal["api_key", "bearer", "http_basic", "oauth2_client_credentials"] = Field(
        description="The auth kind, in dlt's words."
    )
    name: Text = Field(
        default="Authorization", description="Name of the header or parameter that carries the key."
    )
    location: Literal["header", "query", "param"] = Field(
        default="header", description="Where the key goes; `param` means the same as `query`."
    )
    prefix: Prefix | None = Field(
        default=None, description="Text before the key in a header, such as `Token ` with its space."
    )
    secret: Annotated[str | Mapping[str, str] | None, Check(_secret_names, _SECRET_SCHEMA)] = Field(
        default=None,
        description="Another name for the secret under `sources.<shop>.`, or with dots its place in dlt's secrets; for "
        "several a mapping of field to name.",
    )
    access_token_url: Address | None = Field(
        default=None, description="The address to request access tokens from."
    )
    access_token_request_data: Mapping[str, Any] = Field(
        default_factory=dict, description="Further fields of the request for a token, such as `scope`."
    )
    access_token_request_auth: Literal["client_secret_post", "client_secret_basic"] = Field(
        default="client_secret_post",
        description="Where client id and secret go: into the body of the request for a token, or into its "
        "Authorization header.",
    )
    access_token_request_format: Literal["form", "json"] = Field(
        default="form", description="How the body of the request for a token is written."
    )
    default_token_expiration: Annotated[int, whole_number(1)] = Field(
        default=3600, description="Seconds that a token is valid if the response does not say it."
    )

    @property
    def fields(self) -> dict[str, str]:
        """Return, for each secret field of this kind, the name of its secret, or with dots its place."""
        given = (
            {AUTH_FIELDS[self.type][0]: self.secret}
            if isinstance(self.secret, str)
            else dict(self.secret or {})
        )
        return {field: given.get(field, field) for field in AUTH_FIELDS[self.type]}

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        """Refuse keys of another auth kind, and names for secrets that this kind does not have."""
        for key in sorted(self.model_fields_set & set(AUTH_KEY_OWNERS)):
            if (owner := AUTH_KEY_OWNERS[key]) != self.type:
                raise rule_error((key,), f"{key} with type {self.type}", f"{key} with type {owner} only")
        if self.prefix and self.location != "header":
            raise rule_error(
                ("prefix",), f"prefix with location {self.location}", "prefix with location header only"
            )
        if self.type == "oauth2_client_credentials" and self.access_token_url is None:
            raise rule_error(("access_token_url",), "nothing", "the address to request access tokens from")
        fields = AUTH_FIELDS[self.type]
        if isinstance(self.secret, str) and len(fields) > 1:
            raise rule_error(("secret",), "one name", f"a mapping of {', '.join(fields)} to names")
        for field in self.secret if isinstance(self.secret, Mapping) else ():
            if field not in fields:
                raise rule_error(("secret", field), "an unknown field", ", ".join(fields))
        return self


def _list_of_auths(value: Any) -> Any:
    """Take a single auth kind for a list of one."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def _auths_schema(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [schema["items"], {"type": "array", "items": schema["items"]}]}


Auths = Annotated[tuple[Auth, ...], Check(_list_of_auths, _auths_schema)]
"""One auth kind, or a list of several that are all applied."""


def check_auths(place: Place, auths: Sequence[Auth], *, allow_http: bool) -> None:
    """Check the addresses of tokens, and that no two auth kinds of a request use the same secret by accident.

    Raises:
        PydanticCustomError: An address cannot be used, or a secret is used twice.
    """
    seen: set[str] = set()
    for position, auth in enumerate(auths):
        if auth.access_token_url is not None:
            problem = address_problem(auth.access_token_url, allow_http=allow_http, sandbox=False)
            if problem:
                raise rule_error((*place, position, "access_token_url"), *problem)
        for name in auth.fields.values():
            if name in seen:
                raise rule_error(
                    (*place, position, "secret"),
                    f"the secret {name} twice",
                    "a name that no other auth kind of this client uses",
                )
            seen.add(name)


class Client(DeclarationModel):
    """How the API is reached: address, auth kinds, default paginator and headers."""

    base_url: BaseUrl = Field(
        description="Address of the API: `https://…`, or `sandbox://` for the bundled one."
    )
    auth: Auths = Field(default=(), description="One auth kind, or a list of several that are all applied.")
    paginator: Paginator | None = Field(
        default=None,
        description="Paginator of every endpoint that declares none; a single page unless given.",
    )
    headers: Mapping[str, str] = Field(default_factory=dict, description="Headers of each request.")
    allow_http: StrictBool = Field(
        default=False, description="True allows plain http to a host that is not loopback."
    )

    _auth_objects: Mapping[str, tuple[AuthObject, ...]] = PrivateAttr(default_factory=dict)
    """Auth objects of a shop in Python, which sign after the declared auth kinds. See `auth_objects_of`."""

    @property
    def auth_objects(self) -> tuple[AuthObject, ...]:
        """Return all auth objects of a shop in Python that are no declared kind, those of endpoints included."""
        return tuple(dict.fromkeys(entry for entries in self._auth_objects.values() for entry in entries))

    def auth_objects_of(self, resource: str = "") -> tuple[AuthObject, ...]:
        """Return the auth objects of a resource's endpoint, without a resource those of the client."""
        return self._auth_objects.get(resource, ())

    @property
    def is_sandbox(self) -> bool:
        """Tell whether this is the bundled sandbox."""
        return urlsplit(self.base_url).scheme == "sandbox"

    def secret_hosts(self, auths: Iterable[Auth]) -> dict[str, str]:
        """Return the host and port that each secret of these auth kinds is sent to, by the secret's name."""
        addresses = {name: auth.access_token_url for auth in auths for name in auth.fields.values()}
        addresses |= missing_names(self.auth_objects)
        return {name: host_and_port(address or self.base_url) for name, address in addresses.items()}

    @model_validator(mode="after")
    def _check_addresses_and_secrets(self) -> Self:
        """Check the addresses, and that no two auth kinds use the same secret by accident."""
        problem = address_problem(self.base_url, allow_http=self.allow_http, sandbox=True)
        if problem:
            raise rule_error(("base_url",), *problem)
        check_auths(("auth",), self.auth, allow_http=self.allow_http)
        return self


def address_problem(value: str, *, allow_http: bool, sandbox: bool) -> tuple[str, str] | None:
    """Return what was found and what is allowed if an address cannot be used, None if it can.

    An address that may hold a secret is never repeated.

    Args:
        value: The address.
        allow_http: Whether plain http is allowed to hosts other than this machine.
        sandbox: Whether `sandbox://`, the bundled API, is allowed.
    """
    allowed = "an address that begins with https://" + (" or sandbox://" if sandbox else "")
    if "@" in value:
        return "an address with an @ in it", f"{allowed}; put a user and a password into client.auth"
    if "?" in value or "#" in value:
        return "an address with a query", f"{allowed} and has no ? or # in it"
    if re.search(r"\s", value):
        return format_value(value), f"{allowed}, without spaces"
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return format_value(value), allowed
    if sandbox and parts.scheme == "sandbox":
        return None
    if parts.scheme not in ("http", "https") or not host:
        return format_value(value), allowed
    if parts.scheme == "http" and not allow_http and not _is_loopback(host):
        return format_value(value), (
            "an address that begins with https://, or with http:// and a loopback host; "
            "client.allow_http: true allows http:// to every host"
        )
    return None


def _is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
