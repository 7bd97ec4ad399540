"""Read one YAML file of a declaration: strict YAML, known keys at the top, texts as keys, and no secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ecom_assets.declaration.error_text import Place, format_path, format_place, format_value
from ecom_assets.declaration.files.secrets_in_files import refuse_secrets
from ecom_assets.foundation.errors import DeclarationError

TOP_KEYS = ("name", "extends", "client", "policy", "partitions", "resource_defaults", "resources")


def read_file(file: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file.

    Raises:
        DeclarationError: The file cannot be read or is not valid YAML, has an unknown key at the top, a key that is
            not a text, or a secret.
    """
    label = format_path(file)
    document = _read(file, label)
    try:
        check_keys(document, (), label)
        refuse_secrets(document, label)
    except RecursionError:
        raise DeclarationError(
            label, "file", "an alias that contains itself", "aliases that do not contain themselves"
        ) from None
    for key in document:
        if key not in TOP_KEYS:
            raise DeclarationError(label, format_place((key,)), "an unknown key", ", ".join(TOP_KEYS))
    return document


class _Loader(yaml.SafeLoader):
    """A safe YAML loader that refuses a repeated key instead of using the last value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping; raises MarkedYAMLError at the second of two equal keys."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.MarkedYAMLError(problem="a key that occurs twice", problem_mark=key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return a value; raises MarkedYAMLError, which knows the line, for an impossible date and the like."""
        try:
            return super().construct_object(node, deep)
        except ValueError:
            problem = "a value that does not exist, such as an impossible date"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None


def _read(file: Path, label: str) -> dict[Any, Any]:
    """Return the mapping in a YAML file."""
    try:
        document = yaml.load(file.read_text(encoding="utf-8-sig"), Loader=_Loader)  # a subclass of SafeLoader
    except OSError as error:
        raise DeclarationError(
            label, "file", error.strerror or "an error", "a file that can be read"
        ) from None
    except UnicodeDecodeError:
        raise DeclarationError(label, "file", "bytes that are not UTF-8", "UTF-8") from None
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
        raise DeclarationError(label, "file", found, f"a mapping with {', '.join(TOP_KEYS)}")
    return document


def check_keys(value: Any, place: Place, label: str) -> None:
    """Refuse keys that YAML does not read as text, such as `on`, `1` or `2026-01-01`."""
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
    elif isinstance(value, list):
        entries = enumerate(value)
    for key, entry in entries:
        check_keys(entry, (*place, key), label)
