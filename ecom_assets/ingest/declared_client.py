"""How a declared API is reached, as frozen models: its address, auth kinds, paging and request policy.

What is read from it is `model`'s. No model here ever holds a secret, only the name of one.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from dlt.sources.helpers.rest_client import paginators
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, model_validator
from typing_extensions import Self

from ecom_assets.ingest.declared_errors import broken, shown, wrong
from ecom_assets.ingest.declared_values import (
    Prefix,
    Text,
    address_problem,
    json_path,
    number,
    secret_name,
    whole,
)

AUTH_FIELDS = {
    "api_key": ("api_key",),
    "bearer": ("token",),
    "http_basic": ("username", "password"),
    "oauth2_client_credentials": ("client_id", "client_secret"),
}
"""The secret fields of each auth kind, in dlt's words."""

PAGINATORS: Mapping[str, type[paginators.BasePaginator]] = {
    "offset": paginators.OffsetPaginator,
    "page_number": paginators.PageNumberPaginator,
    "cursor": paginators.JSONResponseCursorPaginator,
    "json_link": paginators.JSONLinkPaginator,
    "header_link": paginators.HeaderLinkPaginator,
    "header_cursor": paginators.HeaderCursorPaginator,
    "single_page": paginators.SinglePagePaginator,
}
"""dlt's paginators; `auto` is none of them, because a guess cannot be proved complete."""

_TOTAL_KEYS = ("total_path", "total_header")
_NUMBERS = {"limit": 1, "offset": 0, "base_page": 0, "page": 0, "maximum_offset": 1, "maximum_page": 1}


class Declared(BaseModel):
    """A part of a declaration: frozen, of exact types, without unknown keys; null means the default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    UNWRITTEN: ClassVar[frozenset[str]] = frozenset()
    """Fields that are not keys in a file."""

    @classmethod
    def written_keys(cls) -> tuple[str, ...]:
        """Return the keys that a file may hold here, in the order of the documentation."""
        return tuple(
            field.alias or name for name, field in cls.model_fields.items() if name not in cls.UNWRITTEN
        )

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        """Refuse unknown keys before anything else, since one is mostly a known key misspelt."""
        if not isinstance(data, Mapping):
            return data
        for key in data:
            if key not in cls.written_keys() and key not in cls.UNWRITTEN:
                raise wrong("an unknown key", ", ".join(cls.written_keys()), key)
        return {key: value for key, value in data.items() if value is not None}


def _secret_names(value: Any) -> Any:
    """Take one name of a secret, or a mapping of auth fields to names."""
    allowed = "the name of a secret in lower snake_case, never the secret itself"
    if isinstance(value, str):
        return secret_name(value, allowed)
    if isinstance(value, Mapping):
        return {field: secret_name(name, allowed, field) for field, name in value.items()}
    raise wrong(shown(value), f"{allowed}, or a mapping of auth fields to such names")


class Auth(Declared):
    """One auth kind and where its secret goes; never the secret itself."""

    type: Literal["api_key", "bearer", "http_basic", "oauth2_client_credentials"]
    name: Text = "Authorization"
    location: Literal["header", "query", "param"] = "header"
    prefix: Prefix | None = None
    secret: Annotated[str | Mapping[str, str] | None, BeforeValidator(_secret_names)] = None
    access_token_url: Text | None = None
    access_token_request_data: Mapping[str, Any] = Field(default_factory=dict)
    default_token_expiration: Annotated[int, whole(1)] = 3600

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
        oauth2 = ("access_token_url", "access_token_request_data", "default_token_expiration")
        owners = dict.fromkeys(("name", "location", "prefix"), "api_key")
        owners |= dict.fromkeys(oauth2, "oauth2_client_credentials")
        for key in sorted(self.model_fields_set & set(owners)):
            if owners[key] != self.type:
                raise broken((key,), f"{key} with type {self.type}", f"{key} with type {owners[key]} only")
        if self.prefix and self.location != "header":
            raise broken(
                ("prefix",), f"prefix with location {self.location}", "prefix with location header only"
            )
        if self.type == "oauth2_client_credentials" and self.access_token_url is None:
            raise broken(("access_token_url",), "nothing", "the address that gives out tokens")
        fields = AUTH_FIELDS[self.type]
        if isinstance(self.secret, str) and len(fields) > 1:
            raise broken(("secret",), "one name", f"a mapping of {', '.join(fields)} to names")
        for field in self.secret if isinstance(self.secret, Mapping) else ():
            if field not in fields:
                raise broken(("secret", field), "an unknown field", ", ".join(fields))
        return self


def _one_or_several(value: Any) -> Any:
    """Take one auth kind for a list of one."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def check_paginator(value: Any) -> dict[str, Any]:
    """Take a paginator in dlt's words, or its bare type, with keys that this type has.

    Every type may also say where the API reports the total: `total_path` or `total_header`.
    """
    config = {"type": value} if isinstance(value, str) else value
    if not isinstance(config, Mapping):
        raise wrong(shown(value), "a mapping with a type")
    kind = config.get("type")
    if not isinstance(kind, str) or kind not in PAGINATORS:
        raise wrong("nothing" if kind is None else shown(kind), ", ".join(PAGINATORS), "type")
    signature = inspect.signature(PAGINATORS[kind].__init__).parameters
    known = ["type", *(key for key in signature if key != "self" and key not in _TOTAL_KEYS), *_TOTAL_KEYS]
    for key, given in config.items():
        if key not in known:
            raise wrong("an unknown key", f"{', '.join(known)} with type {kind}", key)
        try:
            _check_paginator_value(key, given)
        except ValueError as error:
            raise wrong(shown(given), str(error), key) from None
    if kind == "offset" and config.get("limit") is None:
        raise wrong("nothing", "a whole number, 1 or more", "limit")
    return dict(config)


def _check_paginator_value(key: str, value: Any) -> None:
    """Raise ValueError with what is allowed for a value of the wrong type; null is dlt's default."""
    if value is None or key == "type":
        return
    if key in _NUMBERS:
        if not isinstance(value, int) or isinstance(value, bool) or value < _NUMBERS[key]:
            raise ValueError(f"a whole number, {_NUMBERS[key]} or more")
    elif key == "stop_after_empty_page":
        if not isinstance(value, bool):
            raise ValueError("true or false")
    elif not isinstance(value, str) or not value.strip():
        raise ValueError("a text")
    elif key in ("total_path", "has_more_path", "next_url_path", "cursor_path"):
        try:
            json_path(value)
        except ValueError:
            raise ValueError("a JSONPath, such as data or result.items") from None


Paginator = Annotated[Mapping[str, Any], BeforeValidator(check_paginator)]


class Client(Declared):
    """How the API is reached: address, auth kinds, the usual paginator and headers."""

    base_url: Text
    auth: Annotated[tuple[Auth, ...], BeforeValidator(_one_or_several)] = ()
    paginator: Paginator | None = None
    headers: Mapping[str, str] = Field(default_factory=dict)
    allow_http: StrictBool = False

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        """Check the addresses, and that no two auth kinds take the same secret by accident."""
        problem = address_problem(self.base_url, allow_http=self.allow_http, sandbox=True)
        if problem:
            raise broken(("base_url",), *problem)
        seen: set[str] = set()
        for position, auth in enumerate(self.auth):
            if auth.access_token_url is not None:
                problem = address_problem(auth.access_token_url, allow_http=self.allow_http, sandbox=False)
                if problem:
                    raise broken(("auth", position, "access_token_url"), *problem)
            for name in auth.fields.values():
                if name in seen:
                    raise broken(
                        ("auth", position, "secret"),
                        f"the secret {name} twice",
                        "another name for each secret",
                    )
                seen.add(name)
        return self


class Policy(Declared):
    """How hard the API is asked. Times in seconds; `max_retries` counts the tries after the first one."""

    max_retries: Annotated[int, whole(0, 10)] = 3
    backoff_factor: Annotated[float, number("a number, 0 or more", lambda given: given >= 0)] = 2.0
    timeout: Annotated[float, number("a number of seconds above 0", lambda given: given > 0)] = 30.0
    requests_per_second: (
        Annotated[float, number("a number above 0, or null", lambda given: given > 0)] | None
    ) = None
    concurrency: Annotated[int, whole(1, 64)] = 8
    lookback: Annotated[int, whole(0)] = 0
