"""Read one YAML file of a declaration: strict YAML of limited size, known keys, texts as keys, and no secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ecom_assets.declaration.error_text import Place, allowed_keys, format_path, format_place, format_value
from ecom_assets.declaration.files.secrets_in_files import refuse_secrets
from ecom_assets.declaration.files.yaml_loader import MAX_DEPTH, load_strictly
from ecom_assets.foundation.errors import DeclarationError

TOP_KEYS = (
    "name",
    "extends",
    "docs_url",
    "client",
    "policy",
    "partitions",
    "audit",
    "dagster",
    "resource_defaults",
    "resources",
)

_MAX_BYTES = 4 * 2**20
_MAX_VALUES = 250_000
"""Values in a document, aliases written out: far more than a shop of 200 tables with 100 columns has."""


def read_file(file: Path, top_keys: Sequence[str] = TOP_KEYS) -> dict[str, Any]:
    """Return the mapping in a YAML file.

    Args:
        file: The file.
        top_keys: The keys that messages say it may have at the top, by default those of a shop.

    Raises:
        DeclarationError: The file cannot be read or is not valid YAML, has a key that is not a text, or a secret.
    """
    label = format_path(file)
    document = _read(file, label, top_keys)
    check_document(document, label)
    return document


def check_document(document: dict[str, Any], label: str) -> None:
    """Check the size of a document, that its keys are texts, and that it holds no secret.

    Raises:
        DeclarationError: For the first of these that is wrong.
    """
    _Size(label).measure(document, ())
    check_keys(document, (), label)
    refuse_secrets(document, label)


def unknown_keys(
    document: dict[str, Any], label: str, top_keys: Sequence[str] = TOP_KEYS
) -> list[DeclarationError]:
    """Return the errors of the keys at the top of a document that are unknown."""
    return [
        DeclarationError(label, format_place((key,)), "an unknown key", allowed_keys(key, top_keys))
        for key in document
        if key not in top_keys
    ]


def _read(file: Path, label: str, top_keys: Sequence[str]) -> dict[Any, Any]:
    """Return the mapping in a YAML file."""
    try:
        document = load_strictly(_read_text(file, label))
    except OSError as error:
        raise DeclarationError(
            label, "file", error.strerror or "an error", "a file that can be read"
        ) from None
    except UnicodeDecodeError:
        raise DeclarationError(label, "file", "bytes that are not UTF-8", "UTF-8") from None
    except RecursionError:
        # merge keys that lead back to themselves; brackets end at the loader's own limit
        raise DeclarationError(
            label, "file", "an alias that contains itself", "aliases that do not contain themselves"
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "file"
        # the name of an alias or a tag comes from the file, and might be a secret that lacks its quotes;
        # single characters such as ':' cannot be one
        problem = re.sub(r"\b(alias|anchor|tag|handle)\b.*", r"\1", error.problem or "a mistake")
        raise DeclarationError(
            label, place, f"broken YAML ({problem})", "valid YAML with each key once"
        ) from None
    except yaml.YAMLError:
        raise DeclarationError(
            label, "file", "a character that YAML does not allow", "printable text"
        ) from None
    if not isinstance(document, dict):
        found = "nothing" if document is None else "a list" if isinstance(document, list) else "a text"
        raise DeclarationError(label, "file", found, f"a mapping with {', '.join(top_keys)}")
    return document


def _read_text(file: Path, label: str) -> str:
    """Return the text in a file. Only a regular file is opened, because a pipe or a device may never end."""
    if not file.is_file() and (file.is_symlink() or file.exists()):
        found = "a folder" if file.is_dir() else "a file of another kind"
        if file.is_symlink() and not file.exists():
            found = "a link to a file that does not exist"
        raise DeclarationError(label, "file", found, "a regular file")
    with file.open("rb") as opened:
        content = opened.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        allowed = f"at most {_MAX_BYTES:,} bytes; spread the resources over several shops"
        raise DeclarationError(label, "file", f"more than {_MAX_BYTES:,} bytes", allowed)
    return content.decode("utf-8-sig")


class _Size:
    """Measures a document whose aliases are written out, without writing them out.

    A few hundred bytes of aliases that name each other stand for billions of values.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._known: dict[int, tuple[int, int]] = {}
        self._open: set[int] = set()

    def measure(self, value: Any, place: Place) -> tuple[int, int]:
        """Return the number of values in a value, and of levels below it.

        Raises:
            DeclarationError: There are too many of them, or a value contains itself.
        """
        if not isinstance(value, (dict, list)):
            return 1, 0
        if id(value) in self._open:
            raise self._error((), "an alias that contains itself", "aliases that do not contain themselves")
        if id(value) not in self._known:
            if len(place) > MAX_DEPTH:
                raise self._too_deep(place)
            self._open.add(id(value))
            size, levels = 1, 0
            for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
                entry_size, entry_levels = self.measure(entry, (*place, key))
                size, levels = size + entry_size, max(levels, entry_levels + 1)
                if size > _MAX_VALUES:
                    allowed = f"at most {_MAX_VALUES:,} values once aliases are written out"
                    raise self._error(place[:3], f"more than {_MAX_VALUES:,} values", allowed)
            self._open.discard(id(value))
            self._known[id(value)] = size, levels
        size, levels = self._known[id(value)]
        if len(place) + levels > MAX_DEPTH + 1:
            raise self._too_deep(place)
        return size, levels

    def _too_deep(self, place: Place) -> DeclarationError:
        levels = f"{MAX_DEPTH} levels within each other"
        return self._error(place[:3], f"more than {levels}", f"at most {levels}")

    def _error(self, place: Place, found: str, allowed: str) -> DeclarationError:
        written = tuple(piece if isinstance(piece, int) else str(piece) for piece in place)
        return DeclarationError(self._label, format_place(written), found, allowed)


def check_keys(value: Any, place: Place, label: str) -> None:
    """Refuse keys that YAML does not read as text, such as `on` or `2026-01-01`, and texts that nothing can store."""
    entries: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        entries = value.items()
        for key in value:
            if not isinstance(key, str):
                raise DeclarationError(
                    label,
                    format_place(place),
                    f"the key {format_value(key)}",
                    "a text as key; put it in quotes",
                )
            _check_text(key, place, label)
    elif isinstance(value, list):
        entries = enumerate(value)
    elif isinstance(value, str):
        _check_text(value, place, label)
    for key, entry in entries:
        check_keys(entry, (*place, key), label)


def _check_text(text: str, place: Place, label: str) -> None:
    """Refuse a text that neither Dagster nor a warehouse can store."""
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        found = "a text with half of a surrogate pair"
        raise DeclarationError(label, format_place(place), found, "whole characters")
