"""Opens an OpenAPI file: parses it, and follows references within its own folder, never over the network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin

import yaml
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource, Unresolvable

from ecom_assets.declaration.error_text import format_path, format_value
from ecom_assets.discovery.description.swagger import as_openapi
from ecom_assets.foundation.errors import DeclarationError

_MAX_REFERENCES = 20


class Document:
    """The parsed files of one description. Each file is parsed once, each reference is followed once.

    `schemas` holds what was worked out about a mapping, by its `id()`. `schemas_of_examples` keeps the schemas made
    from examples, by the `id()` of the mapping with the example, so that no other mapping gets their `id()`.
    `not_followed` are the references that lead nowhere.
    """

    def __init__(self, file: Path, content: Any, label: str) -> None:
        """Hold the outermost file; the others are parsed when a reference leads to them."""
        self._folder = file.resolve().parent
        self._label = label
        self._resources: dict[str, Resource[Any]] = {}
        self._found: dict[str, tuple[Any, str] | None] = {}
        self.schemas: dict[int, Any] = {}
        self.schemas_of_examples: dict[int, dict[str, Any]] = {}
        self.not_followed: dict[str, None] = {}
        registry: Registry[Any] = Registry(retrieve=self._read_file)  # type: ignore[call-arg]
        self._registry = registry.with_resource(file.resolve().as_uri(), Resource.opaque(content))

    def follow(self, base: str, reference: str) -> tuple[Any, str] | None:
        """Return what a reference leads to, and the address of its file; None where it leads nowhere.

        Args:
            base: The address of the file that has the reference.
            reference: The reference, such as `#/components/schemas/Order`.
        """
        try:
            address = urljoin(base, reference)
        except ValueError:
            return None
        if address not in self._found:
            try:
                content = self._registry.resolver(base_uri=base).lookup(reference).contents
                self._found[address] = content, urldefrag(address)[0]
            except (Unresolvable, ValueError, LookupError, TypeError, AttributeError):
                # the last ones come from pointers into something that is neither a mapping nor a list
                self._found[address] = None
                self.not_followed[reference] = None
        return self._found[address]

    def _read_file(self, uri: str) -> Resource[Any]:
        folder = f"{self._folder.as_uri()}/"
        if not uri.startswith(folder):
            raise NoSuchResource(uri)
        if uri not in self._resources:
            try:
                content = _parse(self._folder / uri.removeprefix(folder), self._label)
            except DeclarationError:
                raise NoSuchResource(uri) from None
            self._resources[uri] = Resource.opaque(content)
        return self._resources[uri]


@dataclass(frozen=True)
class Node:
    """A mapping in a document, with the address of its file."""

    content: Mapping[str, Any]
    document: Document
    base: str

    def get(self, key: str) -> Node | None:
        """Return the mapping under a key, its references followed; None where there is none or it leads nowhere."""
        return self._node(self.content.get(key))

    def each(self, key: str) -> list[tuple[str, Node]]:
        """Return the mappings in the mapping or list under a key, their references followed, each with its name."""
        value = self.content.get(key)
        if isinstance(value, Mapping):
            entries = list(value.items())
        else:
            entries = list(enumerate(value)) if isinstance(value, list) else []
        nodes = [(str(name), self._node(entry)) for name, entry in entries]
        return [(name, node) for name, node in nodes if node is not None]

    def text(self, key: str) -> str:
        """Return the text under a key in one line, empty where there is none."""
        value = self.content.get(key)
        return " ".join(value.split()) if isinstance(value, str) else ""

    def _node(self, value: Any) -> Node | None:
        base = self.base
        for _ in range(_MAX_REFERENCES):
            if not isinstance(value, Mapping):
                return None
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return Node(value, self.document, base)
            found = self.document.follow(base, reference)
            if found is None:
                return None
            value, base = found
        return None


def open_document(file: Path) -> Node:
    """Return the outermost mapping of a file, JSON or YAML, with OpenAPI 3 or Swagger 2.0.

    Raises:
        DeclarationError: The file cannot be read, or has another content.
    """
    label = format_path(file)
    content = _parse(file, label)
    if isinstance(content, Mapping) and str(content.get("swagger")) == "2.0" and "paths" in content:
        content = as_openapi(content)
    version = content.get("openapi") if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or not str(version).startswith("3."):
        found = "nothing" if version is None else format_value(version)
        if isinstance(content, Mapping) and "swagger" in content:
            found = f"swagger {content['swagger']}"
        raise DeclarationError(label, "openapi", found, "a version of OpenAPI 3, such as 3.0.3 or 3.1.0")
    return Node(content, Document(file, content, label), file.resolve().as_uri())


def _parse(file: Path, label: str) -> Any:
    try:
        text = file.read_text("utf-8-sig")
        with suppress(ValueError):
            return json.loads(text)
        # the loader in C, if there is one: such files may have thousands of lines
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        _set_text_keys(content, set())
        return content
    except OSError as error:
        raise DeclarationError(
            label, "file", error.strerror or "an error", "a file that can be read"
        ) from None
    except RecursionError:
        raise DeclarationError(label, "file", "values nested too deeply", "JSON or YAML") from None
    except (ValueError, TypeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "file"
        raise DeclarationError(label, place, "something that cannot be read", "JSON or YAML") from None


def _set_text_keys(value: Any, done: set[int]) -> None:
    """Turn the keys of a YAML document into texts: YAML reads `200` as a number, and `on` as true.

    `done` has the `id()` of each part that was changed: an alias makes a part appear twice, or in itself.
    """
    if not isinstance(value, (dict, list)) or id(value) in done:
        return
    done.add(id(value))
    if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
        entries = [(str(key), entry) for key, entry in value.items()]
        value.clear()
        value.update(entries)
    for entry in value.values() if isinstance(value, dict) else value:
        _set_text_keys(entry, done)
