"""What a shop in Python brings along that no file can hold: the values of secrets, and auth objects.

An auth object is of a class of the user's own, or of another library. As its secrets the project knows what dlt's type
hints mark as such. See `ecom_assets.client.signing` for its use. Nothing here shows a secret in its `repr`, and nothing
takes one into a pickle.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import dlt
from dlt.common.configuration.specs.base_configuration import is_secret_hint
from dlt.common.typing import is_optional_type
from dlt.sources.helpers.rest_client.auth import AuthConfigBase, OAuth2ClientCredentials, OAuthJWTAuth
from requests.auth import AuthBase


class LiteralSecret:
    """The value of a secret that a dictionary holds. A pickle does not have it: `value` is None in its copy."""

    def __init__(self, value: str | None = None) -> None:
        """Keep the value."""
        self.value = value

    def __repr__(self) -> str:
        """Return a text without the value."""
        return "LiteralSecret(***)"

    def __reduce__(self) -> tuple[type[LiteralSecret], tuple[()]]:
        """Leave the value out of a pickle."""
        return LiteralSecret, ()

    def __deepcopy__(self, memo: object) -> LiteralSecret:
        """Return the same object: it never changes."""
        return self


class MissingField(NamedTuple):
    """A field of an auth object that dlt's configuration has to fill in.

    Attributes:
        field: The field's name.
        name: The name of the secret or setting, or with dots its place.
        is_secret: Whether it is looked up among dlt's secrets, instead of in its whole configuration.
        is_optional: Whether the object does without it.
    """

    field: str
    name: str
    is_secret: bool
    is_optional: bool


class AuthObject:
    """An auth object as it stands in the dictionary. It is copied for each run; a pickle does not have it."""

    def __init__(self, auth: AuthBase | None = None, places: Mapping[str, str] | None = None) -> None:
        """Keep the object.

        Args:
            auth: The object.
            places: By field, the names or places of the secrets that the dictionary names.
        """
        self._auth = auth
        self._places = dict(places or {})

    def __repr__(self) -> str:
        """Return the name of the object's class; its own `repr` may hold anything."""
        return f"AuthObject({self.kind})"

    def __reduce__(self) -> tuple[type[AuthObject], tuple[()]]:
        """Leave the object out of a pickle, as it may hold secrets."""
        return AuthObject, ()

    def __deepcopy__(self, memo: object) -> AuthObject:
        """Return the same object: it never changes."""
        return self

    @property
    def kind(self) -> str:
        """Return the name of the object's class."""
        return type(self._auth).__name__

    @property
    def token_address(self) -> str | None:
        """Return the address that gives out tokens, None if the class is not derived from dlt's own for tokens."""
        return self._auth.access_token_url if isinstance(self._auth, OAuth2ClientCredentials) else None

    def missing_fields(self) -> tuple[MissingField, ...]:
        """Return the fields without a value."""
        missing = []
        for field, hint in self._fields().items():
            value = getattr(self._auth, field, None)
            if field in self._places or value in (None, dlt.secrets.value, dlt.config.value):
                name = self._places.get(field, field)
                obtains = (
                    isinstance(self._auth, OAuthJWTAuth) and field == "token"
                )  # by itself, when it signs
                optional = obtains or (is_optional_type(hint) and value is None)
                missing.append(MissingField(field, name, is_secret_hint(hint), optional))
        return tuple(missing)

    def known_secrets(self) -> dict[str, str]:
        """Return the secrets that the object holds already, each by a name for it."""
        missing = {entry.field for entry in self.missing_fields()}
        return {
            f"{self.kind}.{field}": str(getattr(self._auth, field))
            for field, hint in self._fields().items()
            if field not in missing and is_secret_hint(hint)
        }

    def ready(self, values: Mapping[str, Any]) -> AuthBase | None:
        """Return the object for one run, None in the copy of a pickle.

        Args:
            values: What was found, by the names of `missing_fields`.
        """
        if not isinstance(self._auth, AuthConfigBase):
            return self._auth
        auth = copy.copy(self._auth)
        for entry in self.missing_fields():
            setattr(auth, entry.field, values.get(entry.name))
        return auth

    def _fields(self) -> Mapping[str, Any]:
        """Return the hint of each field that dlt's configuration can fill in; only dlt's classes have such fields."""
        return self._auth.get_resolvable_fields() if isinstance(self._auth, AuthConfigBase) else {}


def missing_names(objects: Collection[AuthObject]) -> dict[str, str | None]:
    """Return the address of the host that gets each missing secret, by its name; None stands for the API itself."""
    return {
        entry.name: auth.token_address
        for auth in objects
        for entry in auth.missing_fields()
        if entry.is_secret
    }
