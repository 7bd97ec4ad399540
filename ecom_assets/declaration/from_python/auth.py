"""Takes the secrets and auth objects out of a dictionary, so that what remains is a declaration without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dlt.sources.helpers.rest_client.auth import (
    APIKeyAuth,
    BearerTokenAuth,
    HttpBasicAuth,
    OAuth2ClientCredentials,
)
from dlt.sources.rest_api.config_setup import get_auth_class
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth

from ecom_assets.declaration.api.auth import AUTH_FIELDS
from ecom_assets.declaration.error_text import Place, format_place
from ecom_assets.declaration.from_python.secret import (
    ALLOWED,
    SecretPlace,
    is_placeholder,
    literal_secret,
)
from ecom_assets.declaration.python_values import AuthObject, LiteralSecret
from ecom_assets.foundation.errors import DeclarationError

_KINDS: Mapping[type[Any], tuple[str, tuple[str, ...]]] = {
    APIKeyAuth: ("api_key", ("name", "api_key", "location")),
    BearerTokenAuth: ("bearer", ("token",)),
    HttpBasicAuth: ("http_basic", ("username", "password")),
    HTTPBasicAuth: ("http_basic", ("username", "password")),
    OAuth2ClientCredentials: (
        "oauth2_client_credentials",
        (
            "access_token_url",
            "client_id",
            "client_secret",
            "access_token_request_data",
            "default_token_expiration",
        ),
    ),
}
"""The declared kind of each class that has one, and its fields."""

_DEFAULT_KIND = "bearer"
"""What dlt takes a mapping without a type for."""


@dataclass
class TakenAuth:
    """What was taken out of a dictionary.

    Attributes:
        label: What messages call the dictionary.
        literals: The secrets that stood in it, by the names under which the declaration knows them.
        objects: The auth objects that are no declared kind, by the place of their client, resource or defaults.
    """

    label: str
    literals: dict[str, LiteralSecret] = field(default_factory=dict)
    objects: dict[Place, list[AuthObject]] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)

    def take(self, value: Any, place: Place) -> Any:
        """Return an `auth`, of the client or of an endpoint, as a declaration has it.

        Args:
            value: A mapping, an auth object, or a list of these. Anything else is returned as it is.
            place: Its place in the dictionary.

        Raises:
            DeclarationError: A secret field holds something else than a secret, or an auth object cannot be used.
        """
        if isinstance(value, list):
            entries = [self._take_one(entry, (*place, position)) for position, entry in enumerate(value)]
            return [entry for entry in entries if entry is not None]
        return self._take_one(value, place)

    def _take_one(self, value: Any, place: Place) -> Any:
        """Return one auth kind as a mapping, None for an object that is no declared kind."""
        if type(value) in _KINDS:
            kind, names = _KINDS[type(value)]
            fields = {name: getattr(value, name) for name in names}
            given = {name: entry for name, entry in fields.items() if entry is not None and entry != {}}
            return self._declared(kind, {**given, "type": kind}, place)
        if isinstance(value, AuthBase):
            self._add_object(value, {}, place)
            return None
        if isinstance(value, type) and issubclass(value, AuthBase):
            raise self._error(place, f"the class {value.__name__}", f"an object: {value.__name__}(…)")
        if not isinstance(value, Mapping):
            return value
        kind = value.get("type") or _DEFAULT_KIND
        if kind in AUTH_FIELDS:
            return self._declared(kind, {**value, "type": kind}, place)
        return self._registered(kind, value, place)

    def _declared(self, kind: str, auth: dict[str, Any], place: Place) -> dict[str, Any]:
        """Return a mapping of a declared kind without its secrets, which are named instead."""
        fields = AUTH_FIELDS[kind]
        named = auth.pop("secret", None)
        names: dict[str, Any] = {fields[0]: named} if isinstance(named, str) else dict(named or {})
        for name in fields:
            value = auth.pop(name, None)
            if value is None or is_placeholder(value):
                continue
            if isinstance(value, SecretPlace):
                names[name] = value.place
                continue
            literal = literal_secret(value)
            if literal is None:
                raise self._error((*place, name), f"a value of type {type(value).__name__}", ALLOWED)
            names[name] = self._free_name(names.get(name, name))
            self.literals[names[name]] = literal
        self._names.update(str(names.get(name, name)) for name in fields)
        if names:
            auth["secret"] = names.get(fields[0]) if len(fields) == 1 and set(names) == {fields[0]} else names
        return auth

    def _free_name(self, name: str) -> str:
        """Return a name for a secret that stood in the dictionary: two of them may be of one field."""
        number = 2
        free = name
        while free in self._names:
            free, number = f"{name}_{number}", number + 1
        return free

    def _registered(self, kind: Any, value: Mapping[str, Any], place: Place) -> Any:
        """Make the object of a type that was registered with dlt's `register_auth`."""
        try:
            auth_class = get_auth_class(kind)
        except (ValueError, TypeError):
            return value  # the model of the client words the error
        fields = {name: entry for name, entry in value.items() if name != "type"}
        places = {name: entry.place for name, entry in fields.items() if isinstance(entry, SecretPlace)}
        given = {
            name: entry for name, entry in fields.items() if name not in places and not is_placeholder(entry)
        }
        problem = ""
        try:
            auth = auth_class(**given)
        except Exception as error:  # its text may hold a field's value
            problem = type(error).__name__
        if problem:
            found = f"keys with which {auth_class.__name__} fails with {problem}"
            raise self._error(place, found, f"the arguments of {auth_class.__name__}")
        self._add_object(auth, places, place)
        return None

    def _add_object(self, auth: AuthBase, places: Mapping[str, str], place: Place) -> None:
        if isinstance(auth, HTTPDigestAuth):
            raise self._error(
                place,
                "HTTPDigestAuth, which signs after a first response",
                "an auth object that signs each request",
            )
        owner = place[:2] if place[0] == "resources" else place[:1]
        self.objects.setdefault(owner, []).append(AuthObject(auth, {**_places_in(auth), **places}))

    def _error(self, place: Place, found: str, allowed: str) -> DeclarationError:
        return DeclarationError(self.label, format_place(place), found, allowed)


def _places_in(auth: AuthBase) -> dict[str, str]:
    """Return the places that the fields of an auth object name."""
    return {name: entry.place for name, entry in vars(auth).items() if isinstance(entry, SecretPlace)}
