"""Merge a declaration with the files that it extends, and remember the file of each place in the result.

Mappings are merged deeply, and resources by name. A paginator or an auth replaces the one below it as a whole,
since its keys depend on its type.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ecom_assets.declaration.dlt_config.spellings import Spellings
from ecom_assets.declaration.error_text import Place, format_path, format_value
from ecom_assets.declaration.files.yaml_file import TOP_KEYS, check_document, read_file, unknown_keys
from ecom_assets.foundation.errors import DeclarationError

FILE_NAME = r"[^/\\\s]+\.ya?ml"
_LONGEST_NAME = 255
"""Bytes in the name of a file, on every common file system."""
_ALLOWED = "the name of a YAML file in the same folder, such as _base.yaml"


class Layers:
    """The files of one declaration; `document` is the result of merging them."""

    def __init__(self, file: Path, document: dict[str, Any] | None = None) -> None:
        """Read a file and the files that it extends.

        Args:
            file: The file.
            document: The declaration, if it is a part of the file that was read already.

        Raises:
            DeclarationError: A file is wrong or missing, or the files extend each other in a circle.
        """
        self._files = [file]
        if document is not None:
            check_document(document, format_path(file))
        read = read_file(file) if document is None else document
        self._spellings = [Spellings(read, format_path(file))]
        self._documents = [self._spellings[0].document]
        while self._documents[-1].get("extends") is not None:
            base = _base_file(self._files[-1], self._documents[-1]["extends"])
            if base in self._files:
                raise DeclarationError(
                    format_path(self._files[-1]),
                    "extends",
                    f"{format_value(base.name)}, which leads back to this file",
                    "a chain of files that ends in one without extends",
                )
            self._files.append(base)
            self._spellings.append(_read_spellings(base))
            document = self._spellings[-1].document
            # the name belongs to one shop, since its secrets are stored under it
            self._documents.append({key: value for key, value in document.items() if key != "name"})
        self.errors: list[DeclarationError] = []
        """What is wrong with single parts of the files. Unknown keys at the top are not in `document`."""
        for at, known in enumerate(self._spellings):
            unknown = unknown_keys(self._documents[at], format_path(self._files[at]))
            self.errors += [*unknown, *known.errors]
            self._documents[at] = {
                key: value for key, value in self._documents[at].items() if key in TOP_KEYS
            }
        self._positions: list[dict[int, int]] = []
        """For each merged resource: its position in the list of each file that has it, by the file's number."""
        self.document = self._merge()

    def locate(self, place: Place) -> tuple[str, Place]:
        """Return the displayed path of the file that a place of the document comes from, and the place in that file.

        If several files have the place, it is the one that overrides the others. If none has it, it is the one that has
        the longest part of it.
        """
        depths = [
            _depth(document, self._place_in(file, place)) for file, document in enumerate(self._documents)
        ]
        file = depths.index(max(depths))
        return format_path(self._files[file]), self._spellings[file].written_place(
            self._place_in(file, place)
        )

    def _place_in(self, file: int, place: Place) -> Place:
        """Return a place as it is in the file of that number; -1 stands for a resource that the file lacks."""
        if place[:1] != ("resources",) or len(place) < 2 or not self._positions:
            return place
        return ("resources", self._positions[int(place[1])].get(file, -1), *place[2:])

    def _merge(self) -> dict[str, Any]:
        """Merge the documents, beginning with the last, and note the positions of each resource in them."""
        merged: dict[str, Any] = {}
        for file in reversed(range(len(self._documents))):
            below, above = merged, self._documents[file]
            merged = merge_mappings(below, above)
            if isinstance(above.get("resources"), list):
                if not isinstance(below.get("resources"), list):
                    below, self._positions = {"resources": []}, []
                merged["resources"] = self._merge_resources(below["resources"], above["resources"], file)
        return merged

    def _merge_resources(self, below: list[Any], above: list[Any], file: int) -> list[Any]:
        """Merge each resource of a file into the one of the same name, or append it."""
        merged = list(below)
        names = {entry["name"]: position for position, entry in enumerate(below) if _is_named(entry)}
        for position_in_file, entry in enumerate(above):
            # a name that occurs twice in one file is refused later, by the model of the shop
            position = names.pop(entry["name"], None) if _is_named(entry) else None
            if position is None:
                merged.append(entry)
                self._positions.append({file: position_in_file})
            else:
                merged[position] = merge_mappings(expand_endpoint(merged[position]), expand_endpoint(entry))
                self._positions[position][file] = position_in_file
        return merged


def _read_spellings(file: Path) -> Spellings:
    """Return the document in a file in the form of the models."""
    return Spellings(read_file(file), format_path(file))


def merge_mappings(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return two mappings merged deeply, where `above` overrides; null in place of a column removes it."""
    merged = {**below, **above}
    for key in below.keys() & above.keys() - {"paginator", "auth", "write_disposition"}:
        if isinstance(below[key], dict) and isinstance(above[key], dict):
            merged[key] = merge_mappings(below[key], above[key])
            if key == "columns":
                removed = {name for name in below[key] if name in above[key] and above[key][name] is None}
                merged[key] = {name: column for name, column in merged[key].items() if name not in removed}
    return merged


def expand_endpoint(resource: dict[str, Any]) -> dict[str, Any]:
    """Return a resource whose endpoint is a mapping, also if the file has only the path."""
    endpoint = resource.get("endpoint")
    return {**resource, "endpoint": {"path": endpoint}} if isinstance(endpoint, str) else resource


def _base_file(file: Path, name: Any) -> Path:
    """Return the file that another file extends, given the value of `extends`."""
    if not isinstance(name, str) or not re.fullmatch(FILE_NAME, name):
        raise DeclarationError(format_path(file), "extends", format_value(name), _ALLOWED)
    base = file.with_name(name)
    if len(os.fsencode(name)) > _LONGEST_NAME:
        found = f"{format_value(name)}, a name of {len(name)} characters"
        raise DeclarationError(format_path(file), "extends", found, _ALLOWED)
    if not base.is_file():
        raise DeclarationError(
            format_path(file), "extends", f"{format_value(name)}, a file that does not exist", _ALLOWED
        )
    return base


def _is_named(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("name"), str)


def _depth(document: Any, place: Place) -> int:
    """Return how many steps of a place a document has."""
    for depth, piece in enumerate(place):
        if piece == -1:
            return depth
        try:
            document = document[piece]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(place)
