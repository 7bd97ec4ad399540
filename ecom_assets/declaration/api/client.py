"""The model of how an API is reached: its address, its auth kinds, its headers.

No model here ever holds a secret, only the name of one.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, StrictBool, model_validator
from typing_extensions import Self

from ecom_assets.declaration.api.auth import SECRET_IN_PATH, Auth, Auths
from ecom_assets.declaration.api.paginator import Paginator
from ecom_assets.declaration.error_text import Place, format_value, rule_error
from ecom_assets.declaration.field_types import (
    Text,
)
from ecom_assets.declaration.model import DeclarationModel, Documented, text_schema
from ecom_assets.declaration.python_values import AuthObject, missing_names
from ecom_assets.declaration.secret_use import host_and_port

BaseUrl = Annotated[Text, Documented(text_schema(r"(https?://[^\s@?#/]+|sandbox://)[^\s@?#]*"))]


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

    def check_key_in_path(self, place: Place, auths: Sequence[Auth]) -> None:
        """Require that requests with these auth kinds have a key for `{secret}` in the path, if it is there."""
        in_path = sum(auth.location == "path" for auth in auths)
        address = urlsplit(self.base_url)
        if in_path != (SECRET_IN_PATH in address.path) or SECRET_IN_PATH in address.netloc:
            found = "location path twice" if in_path > 1 else f"no {SECRET_IN_PATH} in the path of base_url"
            if not in_path:
                found = f"no key for {SECRET_IN_PATH} in base_url"
            allowed = (
                f"{SECRET_IN_PATH} in base_url, such as https://api.example.com/{SECRET_IN_PATH}/v1, with one auth: "
                "{type: api_key, location: path}"
            )
            raise rule_error(place, found, allowed)

    @model_validator(mode="after")
    def _check_addresses_and_secrets(self) -> Self:
        """Check the addresses, and that no two auth kinds use the same secret by accident."""
        problem = address_problem(self.base_url, allow_http=self.allow_http, sandbox=True)
        if problem:
            raise rule_error(("base_url",), *problem)
        check_auths(("auth",), self.auth, allow_http=self.allow_http)
        self.check_key_in_path(("auth",), self.auth)
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
