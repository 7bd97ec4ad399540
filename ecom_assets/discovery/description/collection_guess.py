"""Guesses which described lists are collections of a shop, by their names, their fields and their parameters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ecom_assets.discovery.description.openapi_document import Node
from ecom_assets.discovery.description.openapi_schema import schema_of
from ecom_assets.discovery.tables.naming import singular, snake_case

_SHOP_WORDS = re.compile(
    r"(^|_)(order|customer|product|variant|item|categor|collection|store|location|refund|return|payment|transaction"
    r"|payout|shipment|fulfil|invoice|inventor|stock|price|discount|coupon|promotion|subscription|cart|checkout"
    r"|charge|dispute|review|vendor|supplier|user|account|quote|credit|gift)"
)
_OTHER_WORDS = re.compile(
    r"(^|_)(setting|config|log|event|webhook|permission|role|schema|report|analytic|metric|search|autocomplete"
    r"|suggest|health|status|version|test|token|session|preview|export|import|job|template|countr|currenc|language"
    r"|timezone|feature|option|enum|type)"
)
_PAGING = re.compile(r"(page|limit|offset|size|cursor|after|skip|first|take|per_page)", re.IGNORECASE)
_KEYS = re.compile(r"_?id|uuid|guid|key|code|number|sku|handle|gid")
_CHANGES = re.compile(r"(^|_)(updated?|modified|changed|created?)(_|$)")
_FEW_FIELDS = 3
_LIKELY = 3


@dataclass(frozen=True)
class CollectionGuess:
    """A described list: its path, whether it is likely a collection of the shop, why, and how likely.

    `search` is the body of a search by POST, empty for a list that is read by GET.
    """

    path: str
    likely: bool
    why: str
    score: int = 0
    search: str = ""

    @property
    def endpoint(self) -> str:
        """Return the list as a value of `--endpoint`."""
        return f"POST {self.path} {self.search}" if self.search else self.path


def guess_collection(path: str, record: Node, params: Sequence[str], search: str = "") -> CollectionGuess:
    """Return whether a described list is likely a collection of the shop.

    Args:
        path: The path of the endpoint.
        record: The schema of its records.
        params: The names of its parameters.
        search: The body of a search by POST.
    """
    words = [snake_case(word) for word in path.split("/") if word and not re.fullmatch(r"v?[\d.]+", word)]
    words = words[:-1] if search and len(words) > 1 else words
    name = words[-1] if words else "records"
    fields = [snake_case(entry) for entry in schema_of(record).properties]
    signs = {
        "a name of a shop's collection": 2 if _SHOP_WORDS.search(name) else 0,
        "a name of something else": -3 if _OTHER_WORDS.search(name) else 0,
        "a plural": 1 if singular(name) != name else 0,
        "a key": 1 if any(map(_KEYS.fullmatch, fields)) or f"{singular(name)}_id" in fields else -1,
        "a time of change": 1 if any(map(_CHANGES.search, fields)) else 0,
        "paging": 1 if any(map(_PAGING.search, params)) else 0,
        "few fields": -1 if len(fields) < _FEW_FIELDS else 0,
    }
    score = sum(signs.values())
    words = ["no key" if sign == "a key" and weight < 0 else sign for sign, weight in signs.items() if weight]
    return CollectionGuess(
        path, score >= _LIKELY, ", ".join([f"{len(fields)} fields", *words]), score, search
    )


def likeliest_collections(guesses: Sequence[CollectionGuess], most: int) -> list[str]:
    """Return the likely collections as values of `--endpoint`, at most so many, in the order of the description."""
    likely = sorted((guess for guess in guesses if guess.likely), key=lambda guess: -guess.score)[:most]
    return [guess.endpoint for guess in guesses if guess in likely]
