"""The model of an auth kind: which secrets sign a request, and where they go.

No model here ever holds a secret, only the name of one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic.json_schema import JsonSchemaValue
from typing_extensions import Self

from ecom_assets.declaration.error_text import Place, allowed_keys, format_value, rule_error, value_error
from ecom_assets.declaration.field_types import (
    SECRET_NAME,
    DottedText,
    Prefix,
    Text,
    secret_name,
    whole_number,
)
from ecom_assets.declaration.model import Check, DeclarationModel, Documented, text_schema

AUTH_FIELDS = {
    "api_key": ("api_key",),
    "bearer": ("token",),
    "http_basic": ("username", "password"),
    "oauth2_client_credentials": ("client_id", "client_secret"),
    "login": ("username", "password"),
    "hmac": ("api_key", "api_secret"),
}
"""The secret fields of each auth kind, in dlt's words where dlt has the kind."""

_TOKEN_KINDS = ("oauth2_client_credentials", "login")
AUTH_KEY_OWNERS = {
    "name": ("api_key", "login", "hmac"),
    "location": ("api_key", "login", "hmac"),
    "prefix": ("api_key", "login"),
    "access_token_url": _TOKEN_KINDS,
    "access_token_request_data": _TOKEN_KINDS,
    "access_token_request_auth": ("oauth2_client_credentials",),
    "access_token_request_format": _TOKEN_KINDS,
    "access_token_path": ("login",),
    "default_token_expiration": _TOKEN_KINDS,
    "signed_text": ("hmac",),
    "hash": ("hmac",),
    "encoding": ("hmac",),
    "signature_value": ("hmac",),
    "signed_headers": ("hmac",),
    "signed_params": ("hmac",),
    "timestamp_format": ("hmac",),
}
"""The auth kinds of each key that only some kinds have; every kind has the other keys."""

SECRET_IN_PATH = "{secret}"
"""What stands in `base_url` for a secret in the path."""

SIGNED_PARTS = (
    "method",
    "url",
    "host",
    "path",
    "query",
    "sorted_query",
    "sorted_params",
    "body",
    "body_hash",
    "timestamp",
    "nonce",
    "api_key",
    "api_secret",
)
"""What a text to be signed may hold in braces."""
_PART = re.compile(r"\{(\w+)\}")

Address = Annotated[Text, Documented(text_schema(r"https?://[^\s@?#/]+[^\s@?#]*"))]


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

    type: Literal["api_key", "bearer", "http_basic", "oauth2_client_credentials", "login", "hmac"] = Field(
        description="The auth kind, in dlt's words; `login` and `hmac` are this project's."
    )
    name: Text = Field(
        default="Authorization",
        description="Name of the header or parameter that carries the key, the token or the signature.",
    )
    location: Literal["header", "query", "param", "path"] = Field(
        default="header",
        description="Where it goes; `param` means the same as `query`. With `path`, an API key replaces `{secret}` in "
        "`base_url`.",
    )
    prefix: Prefix | None = Field(
        default=None,
        description="Text before the key or the token in a header, such as `Token ` with its space.",
    )
    secret: Annotated[str | Mapping[str, str] | None, Check(_secret_names, _SECRET_SCHEMA)] = Field(
        default=None,
        description="Another name for the secret under `sources.<shop>.`, or with dots its place in dlt's secrets; for "
        "several a mapping of field to name.",
    )
    access_token_url: Address | None = Field(
        default=None, description="The address to request access tokens from; of `login`, to log in at."
    )
    access_token_request_data: Mapping[str, Any] = Field(
        default_factory=dict,
        description="Further fields of the request for a token, such as `scope`. Of `login`, all fields: "
        "`{username}` and `{password}` stand for the secrets.",
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

    access_token_path: DottedText = Field(
        default="access_token",
        description="Where the answer to a login holds the token, such as `data.token`; `$` if it is the token alone.",
    )
    signed_text: Text | None = Field(
        default=None,
        description="The text that is signed, with parts of the request in braces, such as "
        "`{method}{path}{timestamp}{body}`.",
    )
    hash: Literal["sha256", "sha1", "sha512", "md5"] = Field(
        default="sha256", description="The hash of the HMAC, and of `{body_hash}`."
    )
    encoding: Literal["hex", "hex_upper", "base64"] = Field(
        default="hex", description="How the signature is written."
    )
    signature_value: Text = Field(
        default="{signature}",
        description="What the header or the parameter holds, such as `HMAC {api_key}:{signature}`.",
    )
    signed_headers: Mapping[str, str] = Field(
        default_factory=dict,
        description="Further headers, with the same parts in braces, such as `X-Timestamp: '{timestamp}'`.",
    )
    signed_params: Mapping[str, str] = Field(
        default_factory=dict, description="Further parameters, added before the text is signed."
    )
    timestamp_format: Literal["seconds", "milliseconds", "iso"] = Field(
        default="seconds",
        description="How `{timestamp}` is written: seconds or milliseconds since 1970, or ISO 8601.",
    )

    @property
    def fields(self) -> dict[str, str]:
        """Return, for each secret field of this kind, the name of its secret, or with dots its place."""
        given = (
            {AUTH_FIELDS[self.type][0]: self.secret}
            if isinstance(self.secret, str)
            else dict(self.secret or {})
        )
        unused = {"api_key"} if self.type == "hmac" and "api_key" not in self._parts() else set()
        return {field: given.get(field, field) for field in AUTH_FIELDS[self.type] if field not in unused}

    def _parts(self) -> set[str]:
        """Return the parts in braces that the recipe of an HMAC uses."""
        further = (*self.signed_headers.values(), *self.signed_params.values())
        texts = (self.signed_text or "", self.signature_value, *further)
        return {part for text in texts for part in _PART.findall(text)}

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        """Refuse keys of another auth kind, and names for secrets that this kind does not have."""
        for key in sorted(self.model_fields_set & set(AUTH_KEY_OWNERS)):
            if self.type not in (owners := AUTH_KEY_OWNERS[key]):
                allowed = f"{key} with type {' or '.join(owners)} only"
                raise rule_error((key,), f"{key} with type {self.type}", allowed)
        if self.prefix and self.location != "header":
            raise rule_error(
                ("prefix",), f"prefix with location {self.location}", "prefix with location header only"
            )
        if self.location == "path" and (self.type != "api_key" or "name" in self.model_fields_set):
            found = f"location path with {'name' if self.type == 'api_key' else f'type {self.type}'}"
            raise rule_error(("location",), found, "location path with type api_key, and without name")
        if self.type in _TOKEN_KINDS and self.access_token_url is None:
            raise rule_error(("access_token_url",), "nothing", "the address to request access tokens from")
        if self.type == "hmac":
            self._check_recipe()
        fields = AUTH_FIELDS[self.type]
        if isinstance(self.secret, str) and len(fields) > 1:
            raise rule_error(("secret",), "one name", f"a mapping of {', '.join(fields)} to names")
        for field in self.secret if isinstance(self.secret, Mapping) else ():
            if field not in fields:
                raise rule_error(("secret", field), "an unknown field", allowed_keys(field, fields))
        return self

    def _check_recipe(self) -> None:
        """Check the parts in braces of the texts that an HMAC needs."""
        if self.signed_text is None:
            raise rule_error(
                ("signed_text",), "nothing", "the text that is signed, such as {method}{path}{timestamp}"
            )
        texts: dict[Place, str] = {
            ("signed_text",): self.signed_text,
            ("signature_value",): self.signature_value,
        }
        texts |= {("signed_headers", name): text for name, text in self.signed_headers.items()}
        texts |= {("signed_params", name): text for name, text in self.signed_params.items()}
        for place, text in texts.items():
            # what is sent beside the request cannot hold what is made of it, nor the secret itself
            parts = SIGNED_PARTS if place == ("signed_text",) else ("timestamp", "nonce", "api_key")
            if place == ("signature_value",):
                parts = (*parts, "signature")
            elif place[0] == "signed_headers":
                parts = (*parts, "body_hash")
            for part in _PART.findall(text):
                if part not in parts:
                    raise rule_error(place, f"{{{part}}}", ", ".join(f"{{{entry}}}" for entry in parts))
        if "{signature}" not in self.signature_value:
            raise rule_error(
                ("signature_value",), format_value(self.signature_value), "a text with {signature}"
            )


def _list_of_auths(value: Any) -> Any:
    """Take a single auth kind for a list of one."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def _auths_schema(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [schema["items"], {"type": "array", "items": schema["items"]}]}


Auths = Annotated[tuple[Auth, ...], Check(_list_of_auths, _auths_schema)]
"""One auth kind, or a list of several that are all applied."""
