"""How a declared API is reached, as frozen models: its address, auth kinds, paging and request policy.

What is read from it is `model`'s. No model here ever holds a secret, only the name of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator
from pydantic.json_schema import JsonSchemaValue
from typing_extensions import Self

from ecom_assets.declaration.address import Address, BaseUrl, address_problem
from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_check import Check, text_schema
from ecom_assets.declaration.field_types import (
    SECRET_NAME,
    Prefix,
    Text,
    finite_number,
    secret_name,
    whole_number,
)
from ecom_assets.declaration.paginator import Paginator

AUTH_FIELDS = {
    "api_key": ("api_key",),
    "bearer": ("token",),
    "http_basic": ("username", "password"),
    "oauth2_client_credentials": ("client_id", "client_secret"),
}
"""The secret fields of each auth kind, in dlt's words."""

AUTH_OWNERS = {
    "name": "api_key",
    "location": "api_key",
    "prefix": "api_key",
    "access_token_url": "oauth2_client_credentials",
    "access_token_request_data": "oauth2_client_credentials",
    "default_token_expiration": "oauth2_client_credentials",
}
"""The auth kind that each key belongs to; the others are of every kind."""


class DeclarationModel(BaseModel):
    """A part of a declaration: frozen, of exact types, without unknown keys; null means the default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    NOT_IN_FILE: ClassVar[frozenset[str]] = frozenset()
    """Fields that are not keys in a file."""

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        """Return the keys that a file may hold here, in the order of the documentation."""
        return tuple(
            field.alias or name for name, field in cls.model_fields.items() if name not in cls.NOT_IN_FILE
        )

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        """Refuse unknown keys before anything else, since one is mostly a known key misspelt."""
        if not isinstance(data, Mapping):
            return data
        for key in data:
            if key not in cls.file_keys() and key not in cls.NOT_IN_FILE:
                raise value_error("an unknown key", ", ".join(cls.file_keys()), key)
        return {key: value for key, value in data.items() if value is not None}


def _secret_names(value: Any) -> Any:
    """Take one name of a secret, or a mapping of auth fields to names."""
    allowed = "the name of a secret in lower snake_case, never the secret itself"
    if isinstance(value, str):
        return secret_name(value, allowed)
    if isinstance(value, Mapping):
        return {field: secret_name(name, allowed, field) for field, name in value.items()}
    raise value_error(format_value(value), f"{allowed}, or a mapping of auth fields to such names")


_SECRET_FORM = text_schema(SECRET_NAME)
_SECRETS = {
    "anyOf": [_SECRET_FORM, {"type": "object", "additionalProperties": _SECRET_FORM}, {"type": "null"}]
}


class Auth(DeclarationModel):
    """One auth kind and where its secret goes; never the secret itself."""

    type: Literal["api_key", "bearer", "http_basic", "oauth2_client_credentials"] = Field(
        description="The auth kind, in dlt's words."
    )
    name: Text = Field(
        default="Authorization", description="Name of the header or parameter that takes the key."
    )
    location: Literal["header", "query", "param"] = Field(
        default="header", description="Where the key goes; `param` is another word for query."
    )
    prefix: Prefix | None = Field(
        default=None, description="Put before the key in a header, such as `Token ` with its space."
    )
    secret: Annotated[str | Mapping[str, str] | None, Check(_secret_names, _SECRETS)] = Field(
        default=None,
        description="Another name for the secret under `sources.<shop>.`; for several a mapping of field to name.",
    )
    access_token_url: Address | None = Field(default=None, description="The address that gives out tokens.")
    access_token_request_data: Mapping[str, Any] = Field(
        default_factory=dict, description="Further fields of the request for a token, such as `scope`."
    )
    default_token_expiration: Annotated[int, whole_number(1)] = Field(
        default=3600, description="Seconds a token is valid where the answer does not say so."
    )

    @property
    def fields(self) -> dict[str, str]:
        """Return the name of the secret, under `sources.<shop>`, of each secret field of this kind."""
        given = (
            {AUTH_FIELDS[self.type][0]: self.secret}
            if isinstance(self.secret, str)
            else dict(self.secret or {})
        )
        return {field: given.get(field, field) for field in AUTH_FIELDS[self.type]}

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        """Refuse keys that belong to another kind, and a renaming of fields that this kind does not have."""
        for key in sorted(self.model_fields_set & set(AUTH_OWNERS)):
            if (owner := AUTH_OWNERS[key]) != self.type:
                raise rule_error((key,), f"{key} with type {self.type}", f"{key} with type {owner} only")
        if self.prefix and self.location != "header":
            raise rule_error(
                ("prefix",), f"prefix with location {self.location}", "prefix with location header only"
            )
        if self.type == "oauth2_client_credentials" and self.access_token_url is None:
            raise rule_error(("access_token_url",), "nothing", "the address that gives out tokens")
        fields = AUTH_FIELDS[self.type]
        if isinstance(self.secret, str) and len(fields) > 1:
            raise rule_error(("secret",), "one name", f"a mapping of {', '.join(fields)} to names")
        for field in self.secret if isinstance(self.secret, Mapping) else ():
            if field not in fields:
                raise rule_error(("secret", field), "an unknown field", ", ".join(fields))
        return self


def _one_or_several(value: Any) -> Any:
    """Take one auth kind for a list of one."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def _one_or_list(form: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [form["items"], {"type": "array", "items": form["items"]}]}


class Client(DeclarationModel):
    """How the API is reached: address, auth kinds, the usual paginator and headers."""

    base_url: BaseUrl = Field(
        description="Address of the API: `https://…`, or `sandbox://` for the bundled one."
    )
    auth: Annotated[tuple[Auth, ...], Check(_one_or_several, _one_or_list)] = Field(
        default=(), description="One auth kind, or a list of several that are all applied."
    )
    paginator: Paginator | None = Field(
        default=None, description="The usual paginator of the endpoints; one page unless given."
    )
    headers: Mapping[str, str] = Field(default_factory=dict, description="Sent with each request.")
    allow_http: StrictBool = Field(
        default=False, description="True allows plain http to a host that is not loopback."
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        """Check the addresses, and that no two auth kinds take the same secret by accident."""
        problem = address_problem(self.base_url, allow_http=self.allow_http, sandbox=True)
        if problem:
            raise rule_error(("base_url",), *problem)
        seen: set[str] = set()
        for position, auth in enumerate(self.auth):
            if auth.access_token_url is not None:
                problem = address_problem(auth.access_token_url, allow_http=self.allow_http, sandbox=False)
                if problem:
                    raise rule_error(("auth", position, "access_token_url"), *problem)
            for name in auth.fields.values():
                if name in seen:
                    raise rule_error(
                        ("auth", position, "secret"),
                        f"the secret {name} twice",
                        "another name for each secret",
                    )
                seen.add(name)
        return self


class Policy(DeclarationModel):
    """How hard the API is asked. Times in seconds; `max_retries` counts the tries after the first one."""

    max_retries: Annotated[int, whole_number(0, 10)] = Field(
        default=3,
        description="Tries after the first, on 429, 500, 502, 503, 504, a dropped connection, a timeout, "
        "a body cut off.",
    )
    backoff_factor: Annotated[float, finite_number("a number, 0 or more", 0)] = Field(
        default=2.0,
        description="Waits of 1, 2, 4 … times this many seconds; a Retry-After header wins, and holds all workers.",
    )
    timeout: Annotated[float, finite_number("a number of seconds above 0", 0, above=True)] = Field(
        default=30.0, description="Seconds to wait for the API."
    )
    requests_per_second: (
        Annotated[float, finite_number("a number above 0, or null", 0, above=True)] | None
    ) = Field(
        default=None,
        description="A budget for the whole run, over all its workers; retries and requests for a token count too.",
    )
    concurrency: Annotated[int, whole_number(1, 64)] = Field(default=8, description="Slices in flight.")
    lookback: Annotated[int, whole_number(0)] = Field(
        default=0,
        description="Seconds re-read before a window, as far as no other window of the run reads them, "
        "for records that appear late.",
    )
