"""Where a shop's secrets come from: the Dagster resource, then dlt's secret providers.

dlt's providers are asked for the places of `ecom_assets.declaration.secret_use`, the shop's own place first. No secret
is kept here. See `ecom_assets.client.auth` for the auth objects made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dlt
from dlt.common.configuration.providers import EnvironProvider
from dlt.common.typing import TSecretStrValue

from ecom_assets.declaration.neighbours import uses_of_neighbours
from ecom_assets.declaration.reading import Shop
from ecom_assets.declaration.secret_use import SecretUse, is_general, secret_places, variable_of
from ecom_assets.declaration.table.privacy import PII_KEY_NAME
from ecom_assets.foundation.errors import MissingSecret
from ecom_assets.sandbox import SANDBOX_KEY

PLACEHOLDER = "<configure me>"
"""What dlt writes into a new secrets.toml; nobody has filled in a secret with this value."""

SANDBOX_SCHEME = "sandbox://"
"""How the `base_url` of a shop begins that uses the bundled sandbox."""


_SECRET_OF_ID = {"username": "password", "client_id": "client_secret"}
"""The fields that are ids, each with the field of its secret."""


@dataclass(frozen=True)
class FoundSecret:
    """A secret, and where it came from.

    Attributes:
        value: What a provider or the Dagster resource has, as it is; None if nothing was found.
        place: The place in dlt's secrets; "" for another source.
        source: The other source in words, such as `the Dagster resource`.
        problem: A text about a provider that failed, else "".
    """

    value: Any = field(default=None, repr=False)
    place: str = ""
    source: str = ""
    problem: str = ""


def secret_names(shop: Shop) -> tuple[str, ...]:
    """Return the names of the secrets that sign a shop's requests."""
    names = [name for auth in shop.auths for name in auth.fields.values()]
    names += [entry.name for auth in shop.client.auth_objects for entry in auth.missing_fields()]
    return tuple(dict.fromkeys(names))


def used_secrets(shop: Shop) -> tuple[str, ...]:
    """Return the names of all secrets that a shop uses: those that sign requests, and the key of hashed columns."""
    names = secret_names(shop)
    return (*names, PII_KEY_NAME) if shop.needs_pii_key and PII_KEY_NAME not in names else names


def environment_variable(shop: Shop, name: str) -> str:
    """Return the environment variable of a secret's first place in dlt's secrets."""
    return variable_of(secret_places(shop.name, name)[0])


def resolve_secrets(shop: Shop, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the value of each of a shop's secrets by name, those that its auth objects hold already included.

    A password may be empty, for APIs that take a key as the user name; no other secret may. A shop of the bundled
    sandbox needs no secret.

    Args:
        shop: The shop, with its auth kinds.
        given: Values by name, such as those of the Dagster resource. They win over dlt's secret providers.

    Raises:
        MissingSecret: A secret is not found, is still dlt's placeholder, or cannot be sent; or it is in a general
            place from where another shop would send it to another host; or it is only in a general place, or in
            none, and `given` has a name that the shop does not use.
    """
    held: dict[str, str] = {}
    for auth in shop.client.auth_objects:
        for name, value in auth.known_secrets().items():
            # two objects of one class have fields of the same names
            held[f"{name}_{len(held)}" if name in held else name] = value
    return held | {
        name: _checked_value(shop, name, found, may_be_empty=may_be_empty)
        for name, may_be_empty, found in _found_secrets(shop, given or {})
    }


def pii_key_of(shop: Shop) -> str:
    """Return the key of hashed columns.

    Raises:
        MissingSecret: As `resolve_secrets` does.
    """
    return _checked_value(shop, PII_KEY_NAME, _find_secret(shop, PII_KEY_NAME, {}), may_be_empty=False)


def public_ids(shop: Shop, resolved: Mapping[str, str]) -> set[str]:
    """Return the values of a shop's secrets that are ids or user names, and not secret in records.

    A user name without a password is the secret itself.

    Args:
        shop: The shop, with its auth kinds.
        resolved: What `resolve_secrets` returned.
    """
    fields_by_auth = [
        {field: resolved.get(name, "") for field, name in auth.fields.items()} for auth in shop.auths
    ]
    for entry in shop.client.auth_objects:
        held = {name.rpartition(".")[2]: value for name, value in entry.known_secrets().items()}
        fields_by_auth.append(
            held | {part.field: resolved.get(part.name, "") for part in entry.missing_fields()}
        )
    ids, secret = set[str](), set[str]()
    for fields in fields_by_auth:
        for name, value in fields.items():
            belongs_to = _SECRET_OF_ID.get(name)
            (ids if belongs_to and fields.get(belongs_to) else secret).add(value)
    return ids - secret - {""}


def secret_sources(shop: Shop, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return where each of a shop's secrets comes from, in words and by its name; never a value.

    Args:
        shop: The shop, with its auth kinds.
        given: As for `resolve_secrets`.

    Raises:
        MissingSecret: As `resolve_secrets` does.
    """
    sources = {}
    for name, may_be_empty, found in _found_secrets(shop, given or {}):
        _checked_value(shop, name, found, may_be_empty=may_be_empty)
        sources[name] = found.source or _source_text(found.place)
    return sources


def _found_secrets(shop: Shop, given: Mapping[str, str]) -> list[tuple[str, bool, FoundSecret]]:
    """Return each secret's name, whether it may be empty, and what was found."""
    wanted = [
        (name, field_name == "password") for auth in shop.auths for field_name, name in auth.fields.items()
    ]
    if shop.needs_pii_key:
        wanted.append((PII_KEY_NAME, False))
    found = [(name, may_be_empty, _find_secret(shop, name, given)) for name, may_be_empty in wanted]
    for entry in (entry for auth in shop.client.auth_objects for entry in auth.missing_fields()):
        value = _find_secret(shop, entry.name, given, dlt.secrets if entry.is_secret else dlt.config)
        if value.value is not None or not entry.is_optional:
            found.append((entry.name, entry.field == "password", value))
    for name, _, value in found:
        if value.value is None or is_general(value.place, name):
            _refuse_unused(shop, given)
    return found


def _refuse_unused(shop: Shop, given: Mapping[str, str]) -> None:
    """Refuse a given name that the shop does not use.

    The name may be misspelt, and a general place such as `API_KEY` may have the key of another account.
    """
    used = used_secrets(shop)
    for name in given:
        if name not in used:
            raise MissingSecret(
                f"the Dagster resource {shop.name}_secrets: found {name!r}; allowed: {', '.join(used)}, "
                f"because shop {shop.name} uses no other secret"
            )


def _find_secret(shop: Shop, name: str, given: Mapping[str, str], accessor: Any = dlt.secrets) -> FoundSecret:
    """Return what the first place has that has anything; `accessor` is `dlt.secrets` or `dlt.config`."""
    if given.get(name) is not None:
        return FoundSecret(given[name], source="the Dagster resource")
    if (literal := shop.literal_secret(name)) is not None:
        return _held_secret(shop, name, literal.value)
    places = secret_places(shop.name, name)
    if shop.client.is_sandbox:
        found = _look_up(places[:1], accessor)  # a general secret belongs to a real shop
        # the key of the sandbox is public
        return found if _text_of(found.value) else FoundSecret(SANDBOX_KEY, source="the bundled sandbox")
    found = _look_up(places, accessor)
    if is_general(found.place, name):
        _refuse_second_host(shop, name, found.place)
    return found


def _held_secret(shop: Shop, name: str, value: str | None) -> FoundSecret:
    """Return a secret that the dictionary of a shop in Python holds."""
    if value is None:
        raise MissingSecret(
            f"the secret {name!r} of shop {shop.name!r} is a text in its dictionary, and this copy of the shop came "
            "through a pickle, which never holds one: use dlt.secrets.value or ecom_assets.secret('place.in.secrets')"
        )
    return FoundSecret(value, source=shop.declared_in)


def _look_up(places: tuple[str, ...], accessor: Any = dlt.secrets) -> FoundSecret:
    """Return what dlt's providers have in the first of these places that has a text or a number.

    The client of a vault that cannot be reached may raise any error, and that error's text may hold anything. A later
    place is not asked then: it may hold the secret of another API.
    """
    for place in places:
        try:
            value: Any = accessor.get(place)
        except Exception as error:
            return FoundSecret(problem=f"; a provider of secrets failed with {type(error).__name__}")
        if isinstance(value, (str, int)):
            return FoundSecret(value, place=place)
    return FoundSecret()


def _text_of(value: Any) -> str:
    """Return a secret as it is sent: without the line break that often ends a file."""
    return str(value).strip("\r\n") if isinstance(value, (str, int)) else ""


def _checked_value(shop: Shop, name: str, found: FoundSecret, *, may_be_empty: bool) -> str:
    """Return the value of a secret; raises MissingSecret if it cannot be used."""
    secret = _text_of(found.value)
    label = f"the secret {name!r} of shop {shop.name!r}"
    if secret == PLACEHOLDER:
        raise MissingSecret(f"{label} is still the placeholder {PLACEHOLDER}: {_places_text(shop, name)}")
    if not secret and not (may_be_empty and found.value is not None):
        raise MissingSecret(f"{label} was not found: {_places_text(shop, name)}{found.problem}")
    if not secret.isprintable():
        raise MissingSecret(f"{label} holds a line break or another control character, and cannot be sent")
    return secret


def _refuse_second_host(shop: Shop, name: str, place: str) -> None:
    """Refuse a secret in a general place if another declared shop would send the same one to another host.

    Raises:
        MissingSecret: It names both shops with their hosts, and what to do.
    """
    hosts = {use.name: use.host for use in shop.secret_uses()}
    if name not in hosts:
        return  # a key for hashes is sent nowhere
    for use in uses_of_neighbours(shop):
        if use.host != hosts[name] and place in use.places and _look_up(use.places).place == place:
            raise MissingSecret(_second_host_text(SecretUse(shop.name, name, hosts[name]), use, place))


def _second_host_text(use: SecretUse, other: SecretUse, place: str) -> str:
    own_place = use.places[0]
    return (
        f"the secret {use.name!r} of shop {use.shop!r} is only in the general place {place} "
        f"({_source_text(place)}), and shop {other.shop!r} takes it from there too: {use.shop} would send it to "
        f"{use.host}, {other.shop} to {other.host}. Move it to the place of the shop that it belongs to, such as "
        f"{own_place} ({variable_of(own_place)} in the environment), or name its place in the declaration: "
        "secret: path.in.secrets"
    )


def _source_text(place: str) -> str:
    """Return which provider has a place, in words."""
    *sections, key = place.split(".")
    for provider in dlt.secrets.config_providers:
        if provider.is_empty or provider.get_value(key, TSecretStrValue, "", *sections)[0] is None:
            continue
        if isinstance(provider, EnvironProvider):
            return f"{variable_of(place)} in the environment"
        return f"{place} in {provider.name}"
    return place


def _places_text(shop: Shop, name: str) -> str:
    """Return a text that names every place where a secret is looked for."""
    place, *general = secret_places(shop.name, name)
    text = (
        f"looked in the Dagster resource, the environment variable {variable_of(place)}, "
        f"dlt's secrets under {place} (.dlt/secrets.toml and configured vaults)"
    )
    if not general or shop.client.is_sandbox:
        return text
    variables = " and ".join(map(variable_of, general))
    return f"{text}, and in the general places {' and '.join(general)} (in the environment {variables})"
