"""The wording of errors in a declaration: where, what was found, what is allowed.

Models raise `value_error` and `rule_error`. `to_declaration_error` turns these, and pydantic's own errors, into the one
line that a user sees.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic_core import ErrorDetails, PydanticCustomError

from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.foundation.errors import DeclarationError

LONGEST_ECHO = 60
"""The most characters of a value that a message repeats."""

_SIMILAR = 0.75
"""How similar an unknown key must be to a known one, from 0 to 1; below that, guesses mislead."""
_SHORTEST_PART = 3
"""The fewest letters of a key that may stand for a longer one, such as url for base_url."""

Place = tuple[str | int, ...]
"""A place in a document: the keys, and the positions in lists, that lead to it."""

_REQUIRED = {
    "base_url": "the address of the API",
    "by": "sweep",
    "client": "a mapping with base_url",
    "columns": "a mapping of column names",
    "cursor_path": "the field that tells when a record changed, such as updated_at",
    "data_type": ", ".join(COLUMN_TYPES),
    "name": "a lower snake_case name",
    "primary_key": "the columns that identify a record",
    "resources": "a list of resources, at least one",
    "start": "a date or a time such as 2026-01-01 or 2026-01-01T06:00:00Z",
    "unions": "a list of views, at least one",
    "type": "api_key, bearer, http_basic, oauth2_client_credentials, login, hmac",
    "endpoint.path": "a path below base_url, such as /v1/orders",
    "retry_errors.path": "the JSONPath to an error's code, such as errors[*].code",
    "retry_errors.values": "a list of the codes that are retried, such as [THROTTLED]",
    "rows_from.path": "the field that holds the list, such as line_items",
    "rows_from.resource": "the resource whose records hold the list",
}
"""What is allowed for each required key, by the key alone or with the key above it."""
_ALLOWED_TYPES = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "string_type": "a text",
}
"""What is allowed where a value has a wrong type, by pydantic's name of the error."""


def format_value(value: Any) -> str:
    """Return a value as messages repeat it: a text shortened and in quotes, a container only by its kind."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list" if value else "an empty list"
    text = str(value)
    text = text if len(text) <= LONGEST_ECHO else f"{text[:LONGEST_ECHO]}…"
    return repr(text) if isinstance(value, str) else text


def format_path(file: Path) -> str:
    """Return the path of a file as messages write it: relative if it is below the working directory."""
    absolute, here = file.absolute(), Path.cwd()
    path = str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
    # a name that is not UTF-8 holds characters that nothing can print or store
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def dictionary_label(shop: str) -> str:
    """Return what messages call the dictionary of a shop in Python, which has no file."""
    return f"the dictionary of shop {shop}"


def format_place(place: Place) -> str:
    """Return a place in a file, such as `resources[0].columns.id`; keys with unusual characters are quoted."""
    text = ""
    for piece in place:
        if isinstance(piece, int):
            text += f"[{piece}]"
        else:
            text += f".{piece if re.fullmatch(r'[A-Za-z0-9_-]{1,60}', piece) else format_value(piece)}"
    return text.removeprefix(".") or "file"


def allowed_keys(key: object, known: Iterable[str], beside: str = "") -> str:
    """Return what is allowed in place of an unknown key: the known keys, and the one that is written much like it.

    Args:
        key: The unknown key.
        known: The known keys, in the order of the documentation.
        beside: What follows the list of the known keys.
    """
    known = tuple(known)
    allowed = f"{', '.join(known)}{beside}"
    similar = _similar_key(str(key)[:LONGEST_ECHO], known)
    return f"{allowed}; did you mean {similar}?" if similar else allowed


def _similar_key(key: str, known: Iterable[str]) -> str | None:
    """Return the one of the known keys that is written like a key, or of which it is a part at one end."""
    wanted = _letters(key)
    written = {_letters(name): name for name in known}
    similar = get_close_matches(wanted, written, 1, _SIMILAR)
    if not similar and len(wanted) >= _SHORTEST_PART:
        parts = [
            name
            for name in written
            if name.startswith(wanted) or name.endswith(wanted) or wanted.startswith(name)
        ]
        similar = parts if len(parts) == 1 else []
    return written[similar[0]] if similar else None


def _letters(key: str) -> str:
    """Return a key without what other spellings change, such as primaryKey or primary-key."""
    return re.sub(r"[\W_]", "", key).casefold()


def value_error(found: str, allowed: str, *place: str | int) -> PydanticCustomError:
    """Return the error of a value that is wrong by itself.

    Args:
        found: What the file has.
        allowed: What it may have.
        place: Where the value is, below the value that is being validated.
    """
    return PydanticCustomError(
        "value", "{found}; {allowed}", {"found": found, "allowed": allowed, "place": place}
    )


def rule_error(place: Place, found: str, allowed: str) -> PydanticCustomError:
    """Return the error of values that contradict each other.

    It names the resource that breaks the rule, even if the value comes from `resource_defaults`.

    Args:
        place: Where the error is, below the model that checks the rule.
        found: What the file has.
        allowed: What it may have.
    """
    return PydanticCustomError(
        "rule", "{found}; {allowed}", {"found": found, "allowed": allowed, "place": place}
    )


def to_declaration_error(
    error: ErrorDetails,
    document: Mapping[str, Any],
    locate: Callable[[Place], tuple[str, Place]],
    merged: Mapping[str, Any] | None = None,
) -> DeclarationError:
    """Turn an error of pydantic into one line about the file that the user wrote.

    Args:
        error: One of pydantic's errors, those of `value_error` and `rule_error` included.
        document: The document as read from the files, before defaults are merged into its resources.
        locate: Returns the displayed path of the file that a place of the document comes from, and the place in
            that file.
        merged: The document after defaults are merged into its resources; it has all columns of a resource.
    """
    context: Mapping[str, Any] = error.get("ctx") or {}
    place = _place_in_document(merged or document, (*error["loc"], *context.get("place", ())))
    if error["type"] != "rule":
        place = _place_in_defaults(document, place)
    section = place
    file, place = locate(place)
    if error["type"] in ("rule", "value"):
        return DeclarationError(file, format_place(place), context["found"], context["allowed"])
    if error["type"] == "missing":
        keys = [str(piece) for piece in place[-2:]]
        allowed = _REQUIRED.get(".".join(keys)) or _REQUIRED[keys[-1]]
        return DeclarationError(file, format_place(place), "nothing", allowed)
    found = format_value(error["input"])
    if error["type"] == "literal_error":
        allowed = ", ".join(re.findall(r"'([^']*)'", context["expected"]))
    else:
        # a dictionary in Python may hold objects of any type
        allowed = _ALLOWED_TYPES.get(error["type"], "a value of another type")
        # a text in place of client.auth or of a part of it might be the secret itself
        if is_auth(section) and isinstance(error["input"], str):
            found = "a text"
    return DeclarationError(file, format_place(place), found, allowed)


def is_auth(place: Place) -> bool:
    """Tell whether a place is an auth, of the client or of an endpoint, or a part of one."""
    return place[:2] == ("client", "auth") or any(
        place[at : at + 2] == ("endpoint", "auth") for at in range(1, 3)
    )


def _place_in_document(document: Any, location: Place) -> Place:
    """Turn a place in the models into one in the document.

    In a document columns have names instead of positions, and a single auth has no position.
    """
    place: list[str | int] = []
    for piece in location:
        if isinstance(piece, int) and place[-1:] == ["auth"] and not isinstance(document, list):
            continue
        if isinstance(piece, int) and place[-1:] == ["columns"] and isinstance(document, Mapping):
            piece = list(document)[piece]
        place.append(piece)
        try:
            document = document[piece]
        except (KeyError, IndexError, TypeError):
            document = None
    # the name of a column is its key
    return tuple(
        place[:-1] if place[-3:-2] == ["columns"] and place[-1] == "name" and document is None else place
    )


def _place_in_defaults(document: Mapping[str, Any], place: Place) -> Place:
    """Return the place in `resource_defaults` if the value, or its absence, comes from there, else the same place."""
    defaults: Place = ("resource_defaults", *place[2:])
    if place[:1] != ("resources",) or _exists(document, place):
        return place
    is_missing_in_defaults = not _exists(document, place[:-1]) and _exists(document, defaults[:-1])
    return defaults if is_missing_in_defaults or _exists(document, defaults) else place


def _exists(document: Any, place: Place) -> bool:
    """Tell whether a document has something at a place."""
    for piece in place:
        try:
            document = document[piece]
        except (KeyError, IndexError, TypeError):
            return False
    return True
