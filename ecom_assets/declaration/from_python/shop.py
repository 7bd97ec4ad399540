"""A shop declared in Python: dlt's REST API configuration as a dictionary.

What no file can hold is taken out of the dictionary first: secrets, auth objects and paginator objects. The rest is a
declaration like that of a file, with the same checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import dlt
from dlt.common.configuration.specs import BaseConfiguration

from ecom_assets.declaration.api.policy import Policy
from ecom_assets.declaration.assets.settings import AssetSettings
from ecom_assets.declaration.audit import Audit
from ecom_assets.declaration.dlt_config.spellings import Spellings
from ecom_assets.declaration.error_text import (
    Place,
    allowed_keys,
    dictionary_label,
    format_place,
    format_value,
)
from ecom_assets.declaration.files.secrets_in_files import find_secret
from ecom_assets.declaration.files.yaml_file import check_keys
from ecom_assets.declaration.from_python.auth import TakenAuth
from ecom_assets.declaration.from_python.paginator import declared_paginator
from ecom_assets.declaration.from_python.secret import ALLOWED, SecretPlace
from ecom_assets.declaration.partitions import Partitions
from ecom_assets.declaration.reading import build_shop
from ecom_assets.declaration.secret_use import secret_places
from ecom_assets.declaration.shop import Shop
from ecom_assets.foundation.errors import DeclarationError

_KEYS = ("client", "resource_defaults", "resources")
"""The keys of dlt's configuration; the other parts of a declaration are arguments."""

_MAX_DEPTH = 50
"""Levels of a dictionary. A deeper one contains itself."""


def rest_api_shop(
    name: str,
    config: Mapping[str, Any],
    *,
    partitions: Mapping[str, Any] | Partitions | None = None,
    policy: Mapping[str, Any] | Policy | None = None,
    audit: Mapping[str, Any] | Audit | None = None,
    dagster: Mapping[str, Any] | AssetSettings | None = None,
) -> Shop:
    """Return the shop that a dictionary declares, for `build_defs` and `run_load`.

    The dictionary is not changed. The shop shows no secret of it: not in its `repr`, in errors, in Dagster or in a
    pickle.

    Args:
        name: The shop's name: that of the dlt source, the dataset, the Dagster group and the key prefix.
        config: dlt's REST API configuration (`RESTAPIConfig`), with the keys of a declaration.
        partitions: The windows, such as `{"every": "day", "start": "2026-01-01"}`; required if a resource is windowed.
        policy: Rate limit, retries, timeout and concurrency.
        audit: A schedule of audits, such as `{"every": "week", "windows": 5}`.
        dagster: How the tables look and run as Dagster assets, such as `{"owners": ["team:data"]}`.

    Raises:
        DeclarationError: It names each mistake's place in the dictionary, what was found and what is allowed.
    """
    label = dictionary_label(name) if isinstance(name, str) else "the dictionary of a shop"
    if not isinstance(config, Mapping):
        raise DeclarationError(label, "config", format_value(config), f"a mapping with {', '.join(_KEYS)}")
    for key in config:
        if key not in _KEYS:
            beside = "; name, partitions, policy and dagster are arguments of rest_api_shop"
            allowed = allowed_keys(key, _KEYS, beside)
            raise DeclarationError(label, format_place((str(key),)), "an unknown key", allowed)
    document = _Copy(name, label).copy(config, ())
    taken = TakenAuth(label)
    with_own_auth = list(_owners_of_auth(document))
    for place, owner in with_own_auth:
        owner["auth"] = taken.take(owner["auth"], place)
    own_places = {place[:2] for place, _ in with_own_auth}
    check_keys(document, (), label)
    _refuse_secrets(document, label)
    document |= {
        "name": name,
        "partitions": partitions,
        "policy": policy,
        "audit": audit,
        "dagster": dagster,
    }
    spellings = Spellings(document, label)
    shop = build_shop(
        spellings.document,
        lambda place: (label, spellings.written_place(place)),
        wrong=spellings.errors,
    )
    shop._literal_secrets = taken.literals
    of_defaults = taken.objects.get(("resource_defaults",), [])
    owners = {"": taken.objects.get(("client",), [])} | {
        resource.name: taken.objects.get(place, [] if place in own_places else of_defaults)
        for position, resource in enumerate(shop.resources)
        if resource.endpoint and (place := ("resources", position))
    }
    shop.client._auth_objects = {name: tuple(objects) for name, objects in owners.items() if objects}
    return shop


class _Copy:
    """Copies a dictionary; paginator objects and dlt's placeholders become what a declaration has for them."""

    def __init__(self, shop: str, label: str) -> None:
        self._shop = shop
        self._label = label

    def copy(self, value: Any, place: Place) -> Any:
        """Return a copy of a value, down to the objects that are neither mappings nor lists."""
        if len(place) > _MAX_DEPTH:
            raise self._error(
                place[:3], "a value that contains itself", "values that do not contain themselves"
            )
        if value is dlt.config.value and not _in_auth(place):
            return self._setting(place)
        if value is dlt.secrets.value or value is dlt.config.value:
            if _in_auth(place):
                return value
            raise self._error(place, "dlt.secrets.value", "it in client.auth, as a field of an auth kind")
        if isinstance(value, SecretPlace) and not _in_auth(place):
            raise self._error(place, repr(value), "it in client.auth, as a field of an auth kind")
        # dlt's objects with settings are mappings too
        if isinstance(value, Mapping) and not isinstance(value, BaseConfiguration):
            return {key: self.copy(entry, (*place, str(key))) for key, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.copy(entry, (*place, position)) for position, entry in enumerate(value)]
        return declared_paginator(value) if place[-1:] == ("paginator",) else value

    def _setting(self, place: Place) -> Any:
        """Return what dlt's configuration has for a key; it is no secret, so it is read at once."""
        places = secret_places(self._shop, str(place[-1]))
        for name in places:
            value: Any = dlt.config.get(name)
            if value is not None:
                return value
        raise self._error(place, "dlt.config.value", f"a value in dlt's configuration at {', '.join(places)}")

    def _error(self, place: Place, found: str, allowed: str) -> DeclarationError:
        return DeclarationError(self._label, format_place(place), found, allowed)


def _in_auth(place: Place) -> bool:
    """Tell whether a place is an auth, of the client or of an endpoint, or a part of one."""
    steps = [piece for piece in place if isinstance(piece, str)]
    return ("client", "auth") in pairwise(steps[:2]) or ("endpoint", "auth") in pairwise(steps[:3])


def _owners_of_auth(document: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield each mapping of a document that has an auth, the client first, with the place of that auth."""
    resources = document.get("resources")
    entries: list[tuple[Place, Any]] = [
        (("client",), document.get("client")),
        (("resource_defaults", "endpoint"), _endpoint_of(document.get("resource_defaults"))),
        *(
            (("resources", position, "endpoint"), _endpoint_of(resource))
            for position, resource in enumerate(resources if isinstance(resources, list) else ())
        ),
    ]
    for place, owner in entries:
        if isinstance(owner, dict) and "auth" in owner:
            yield (*place, "auth"), owner


def _endpoint_of(resource: Any) -> Any:
    return resource.get("endpoint") if isinstance(resource, dict) else None


def _refuse_secrets(document: dict[str, Any], label: str) -> None:
    """Refuse a secret that stands elsewhere than in a secret field of an auth kind: nothing would redact it."""
    place = find_secret(document)
    if place is not None:
        allowed = (
            f"a secret only in a field of an auth kind in client.auth ({ALLOWED}); a key in a header or a parameter is "
            'the kind {"type": "api_key", "name": …, "location": "header" or "query", "api_key": …}'
        )
        raise DeclarationError(label, format_place(place), "a secret", allowed)
