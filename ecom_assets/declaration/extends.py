"""A declaration and the files that it extends, as one document, which knows the file that each place is from.

Mappings merge deeply and resources by name; a paginator and an auth are of one piece, since their keys depend on
their type.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ecom_assets.declaration.error_text import Place, format_path, format_value
from ecom_assets.declaration.file import read_file
from ecom_assets.foundation.errors import DeclarationError

FILE_NAME = r"[^/\\\s]+\.ya?ml"
_ALLOWED = "the name of a YAML file in the same folder, such as _base.yaml"


class Layers:
    """The files of one declaration; `document` is what they come to."""

    def __init__(self, file: Path) -> None:
        """Read a file and those that it extends; raises DeclarationError for a circle and a file that is not there."""
        self._files = [file]
        self._documents = [read_file(file)]
        while self._documents[-1].get("extends") is not None:
            base = _base_file(self._files[-1], self._documents[-1]["extends"])
            if base in self._files:
                raise DeclarationError(
                    format_path(self._files[-1]),
                    "extends",
                    f"{format_value(base.name)}, by which it extends itself",
                    "a file that ends in one without extends",
                )
            self._files.append(base)
            # the name, under which the secrets are, is that of one shop
            self._documents.append({key: value for key, value in read_file(base).items() if key != "name"})
        self._places: list[dict[int, int]] = []
        self.document = self._merged()

    def locate(self, place: Place) -> tuple[str, Place]:
        """Return the shown path of the file that a place of the document is from, and the place in that file.

        Where several files have it, it is the one that overrides; where none has, the one that has most of the way.
        """
        found = [(_depth(document, self._in(at, place)), -at) for at, document in enumerate(self._documents)]
        at = -max(found)[1]
        return format_path(self._files[at]), self._in(at, place)

    def _in(self, at: int, place: Place) -> Place:
        """Return a place as one of the files has it; a resource that is not there has no number there."""
        if place[:1] != ("resources",) or len(place) < 2 or not self._places:
            return place
        return ("resources", self._places[int(place[1])].get(at, -1), *place[2:])

    def _merged(self) -> dict[str, Any]:
        """Lay the documents over each other, the last one at the bottom, and note where each resource is."""
        merged: dict[str, Any] = {}
        for at in reversed(range(len(self._documents))):
            below, above = merged, self._documents[at]
            merged = merge_mappings(below, above)
            if isinstance(above.get("resources"), list):
                if not isinstance(below.get("resources"), list):
                    below, self._places = {"resources": []}, []
                merged["resources"] = self._resources(below["resources"], above["resources"], at)
        return merged

    def _resources(self, below: list[Any], above: list[Any], at: int) -> list[Any]:
        """Lay each resource over the one of its name, or put it behind them."""
        merged = list(below)
        names = {entry["name"]: position for position, entry in enumerate(below) if _is_named(entry)}
        for number, entry in enumerate(above):
            # a name that is there twice in one file is left for the shop to refuse
            position = names.pop(entry["name"], None) if _is_named(entry) else None
            if position is None:
                merged.append(entry)
                self._places.append({at: number})
            else:
                merged[position] = merge_mappings(expand_endpoint(merged[position]), expand_endpoint(entry))
                self._places[position][at] = number
        return merged


def merge_mappings(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Merge two mappings deeply; null in place of a column takes the column away."""
    merged = {**below, **above}
    for key in below.keys() & above.keys() - {"paginator", "auth"}:
        if isinstance(below[key], dict) and isinstance(above[key], dict):
            merged[key] = merge_mappings(below[key], above[key])
            if key == "columns":
                gone = {name for name in below[key] if name in above[key] and above[key][name] is None}
                merged[key] = {name: column for name, column in merged[key].items() if name not in gone}
    return merged


def expand_endpoint(resource: dict[str, Any]) -> dict[str, Any]:
    """Return a resource whose endpoint is a mapping also where the file has the path alone."""
    endpoint = resource.get("endpoint")
    return {**resource, "endpoint": {"path": endpoint}} if isinstance(endpoint, str) else resource


def _base_file(file: Path, name: Any) -> Path:
    """Return the file that another one extends."""
    if not isinstance(name, str) or not re.fullmatch(FILE_NAME, name):
        raise DeclarationError(format_path(file), "extends", format_value(name), _ALLOWED)
    base = file.with_name(name)
    if not base.is_file():
        raise DeclarationError(
            format_path(file), "extends", f"{format_value(name)}, which is not there", _ALLOWED
        )
    return base


def _is_named(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("name"), str)


def _depth(document: Any, place: Place) -> int:
    """Return how far along a place a document goes."""
    for depth, piece in enumerate(place):
        if piece == -1:
            return depth
        try:
            document = document[piece]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(place)
