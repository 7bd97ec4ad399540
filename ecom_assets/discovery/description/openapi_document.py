"""Opens an OpenAPI 3 file: parses it, and follows references within its own folder, never over the network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource, Unresolvable

from ecom_assets.declaration.error_text import format_path, format_value
from ecom_assets.foundation.errors import DeclarationError

_MAX_REFERENCES = 20


@dataclass(frozen=True)
class Node:
    """A mapping in a document, with the resolver for its references."""

    content: Mapping[str, Any]
    resolver: Any

    def get(self, key: str) -> Node | None:
        """Return the mapping under a key, its references followed; None where there is none or it leads nowhere."""
        return _node(self.content.get(key), self.resolver)

    def each(self, key: str) -> list[tuple[str, Node]]:
        """Return the mappings in the mapping or list under a key, their references followed, each with its name."""
        value = self.content.get(key)
        if isinstance(value, Mapping):
            entries = list(value.items())
        else:
            entries = list(enumerate(value)) if isinstance(value, list) else []
        nodes = [(str(name), _node(entry, self.resolver)) for name, entry in entries]
        return [(name, node) for name, node in nodes if node is not None]

    def text(self, key: str) -> str:
        """Return the text under a key in one line, empty where there is none."""
        value = self.content.get(key)
        return " ".join(value.split()) if isinstance(value, str) else ""


def _node(value: Any, resolver: Any) -> Node | None:
    for _ in range(_MAX_REFERENCES):
        if not isinstance(value, Mapping):
            return None
        reference = value.get("$ref")
        if not isinstance(reference, str):
            return Node(value, resolver)
        try:
            resolved = resolver.lookup(reference)
        except Unresolvable:
            return None
        value, resolver = resolved.contents, resolved.resolver
    return None


def open_document(file: Path) -> Node:
    """Return the outermost mapping of an OpenAPI 3 file, JSON or YAML. Raises DeclarationError for any other file."""
    label = format_path(file)
    document = _parse(file, label)
    version = document.get("openapi") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or not str(version).startswith("3."):
        found = "nothing" if version is None else format_value(version)
        if isinstance(document, Mapping) and "swagger" in document:
            found = f"swagger {document['swagger']}"
        raise DeclarationError(label, "openapi", found, "a version of OpenAPI 3, such as 3.0.3 or 3.1.0")
    folder = file.resolve().parent.as_uri()

    def read_reference(uri: str) -> Resource[Any]:
        if not uri.startswith(f"{folder}/"):
            raise NoSuchResource(uri)
        try:
            return Resource.opaque(
                _parse(Path(file.resolve().parent / uri.removeprefix(f"{folder}/")), label)
            )
        except DeclarationError:
            raise NoSuchResource(uri) from None

    base = file.resolve().as_uri()
    registry: Registry[Any] = Registry(retrieve=read_reference)  # type: ignore[call-arg]
    registry = registry.with_resource(base, Resource.opaque(document))
    return Node(document, registry.resolver(base_uri=base))


def _parse(file: Path, label: str) -> Any:
    try:
        text = file.read_text("utf-8-sig")
        with suppress(ValueError):
            return json.loads(text)
        # the loader in C, if there is one: such files may have thousands of lines
        return _with_text_keys(yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except OSError as error:
        raise DeclarationError(
            label, "file", error.strerror or "an error", "a file that can be read"
        ) from None
    except (ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "file"
        raise DeclarationError(label, place, "something that cannot be read", "JSON or YAML") from None


def _with_text_keys(value: Any) -> Any:
    """Return a YAML document with texts as keys: YAML reads `200` as a number, and `on` as true."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(entry) for key, entry in value.items()}
    return [_with_text_keys(entry) for entry in value] if isinstance(value, list) else value
