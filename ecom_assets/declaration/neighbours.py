"""The other shops that are declared beside a shop: which secrets they use, and where these are sent.

A secret in a general place must not reach two hosts. See `ecom_assets.client.secrets` for the refusal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ecom_assets.declaration.reading import load_shops
from ecom_assets.declaration.secret_use import SecretUse
from ecom_assets.declaration.shop import Shop
from ecom_assets.foundation.errors import DeclarationError


def with_neighbours(
    shops: Sequence[Shop], given: Mapping[str, Collection[str]] | None = None
) -> tuple[Shop, ...]:
    """Return shops that know which secrets the others use.

    Args:
        shops: All shops of the definitions.
        given: By the shop's name, the names of secrets that it gets from the definitions, so that it looks up none.
    """
    given = given or {}
    uses = [
        use
        for shop in shops
        for use in shop.secret_uses()
        if use.name not in given.get(use.shop, frozenset())
    ]
    aware = []
    for shop in shops:
        copy = shop.model_copy()
        copy._neighbours = tuple(use for use in uses if use.shop != shop.name)
        aware.append(copy)
    return tuple(aware)


def uses_of_neighbours(shop: Shop) -> tuple[SecretUse, ...]:
    """Return the uses of secrets by the other shops: of the same definitions, else of the same folder."""
    if shop._neighbours is not None:
        return shop._neighbours
    if shop.file == Path():
        return ()
    try:
        others, _ = load_shops(shop.file.parent)
    except DeclarationError:
        return ()
    return tuple(use for other in others if other.name != shop.name for use in other.secret_uses())
