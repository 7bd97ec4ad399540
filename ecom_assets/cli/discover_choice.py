"""Chooses among the lists that a description has, and shows the choice."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from ecom_assets.discovery.description.collection_guess import CollectionGuess, likeliest_collections

_MOST_WITHOUT_CHOICE = 20
"""A description with at most so many lists is taken whole. Of a longer one, at most so many lists are taken."""

_err = Console(stderr=True, soft_wrap=True, highlight=False)


def chosen_endpoints(collections: Sequence[CollectionGuess], *, all_endpoints: bool) -> tuple[str, ...]:
    """Return the endpoints to discover where the user names none.

    Args:
        collections: The described lists.
        all_endpoints: Take all of them.
    """
    if all_endpoints or len(collections) <= _MOST_WITHOUT_CHOICE:
        return tuple(guess.endpoint for guess in collections)
    return tuple(likeliest_collections(collections, _MOST_WITHOUT_CHOICE))


def print_choice(collections: Sequence[CollectionGuess], chosen: Sequence[str]) -> None:
    """Print each described list with the reasons for the guess, where not all of them are taken."""
    if len(chosen) == len(collections):
        return
    for guess in collections:
        mark = "*" if guess.endpoint in chosen else " "
        _err.print(f"{mark} {guess.path}: {guess.why}", markup=False)
    _err.print(
        f"{len(chosen)} of {len(collections)} described lists are taken (*), because they are likely collections of "
        "a shop. Name others with --endpoint, or take all with --all.",
        markup=False,
    )
