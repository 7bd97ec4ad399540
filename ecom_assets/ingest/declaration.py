"""Reading declarations: from a YAML file to a Shop, with one clear line for whatever is wrong in it.

This is the public face of the declaration: the models come from `model` and its parts, and can all be
imported from here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ecom_assets.ingest.declared_client import Auth, Client, Policy
from ecom_assets.ingest.declared_column import Column, Reference
from ecom_assets.ingest.declared_endpoint import Endpoint, Incremental
from ecom_assets.ingest.declared_errors import Place, shown, shown_path, shown_place, worded
from ecom_assets.ingest.declared_resource import Resource, RowsFrom, SchemaContract
from ecom_assets.ingest.errors import DeclarationError
from ecom_assets.ingest.file_secrets import refuse_secrets
from ecom_assets.ingest.model import Partitions, Shop
from ecom_assets.ingest.placeholders import names_in, parent_field

__all__ = [
    "Auth",
    "Client",
    "Column",
    "Endpoint",
    "Incremental",
    "Partitions",
    "Policy",
    "Reference",
    "Resource",
    "RowsFrom",
    "SchemaContract",
    "Shop",
    "load_shop",
    "load_shops",
    "shop_files",
    "shops_dir",
    "shown_path",
]

BUNDLED_SHOPS = Path(__file__).parents[1] / "shops"

_TOP_KEYS = ("name", "client", "policy", "partitions", "resource_defaults", "resources")
_DEFAULT_KEYS = ("primary_key", "write_disposition", "schema_contract", "endpoint", "max_rejected")


def shops_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of declarations: ECOM_SHOPS_DIR, else the one that comes with the package."""
    given = environ.get("ECOM_SHOPS_DIR")
    return Path(given) if given else BUNDLED_SHOPS


def shop_files(folder: Path) -> list[Path]:
    """Return the YAML files of a folder by name; raises DeclarationError when there is none."""
    if not folder.is_dir():
        raise DeclarationError(
            shown_path(folder), "folder", "nothing", "a folder of YAML files (ECOM_SHOPS_DIR)"
        )
    files = sorted(file for file in folder.iterdir() if file.suffix in (".yaml", ".yml") and file.is_file())
    if not files:
        raise DeclarationError(
            shown_path(folder), "folder", "no YAML file", "one file per shop, such as sandbox.yaml"
        )
    return files


def load_shops(folder: Path | None = None) -> tuple[Shop, ...]:
    """Return the shops of a folder (that of `shops_dir` unless given), in the order of their files.

    Raises DeclarationError for the first thing that is wrong, two shops of one name included.
    """
    shops: dict[str, Shop] = {}
    for file in shop_files(shops_dir() if folder is None else folder):
        shop = load_shop(file)
        if shop.name in shops:
            other = shown_path(shops[shop.name].file)
            raise DeclarationError(
                shown_path(file), "name", f"{shown(shop.name)}, the name of {other}", "a name of its own"
            )
        shops[shop.name] = shop
    return tuple(shops.values())


def load_shop(file: Path) -> Shop:
    """Return the shop that a YAML file declares; raises DeclarationError for the first mistake in it."""
    label = shown_path(file)
    try:
        document = _read(file, label)
        _check_keys(document, (), label)
        refuse_secrets(document, label)
        merged = _merged(document, label)
    except RecursionError:
        raise DeclarationError(
            label, "file", "an alias within its own anchor", "mappings and lists that end"
        ) from None
    try:
        return Shop.model_validate({**merged, "file": file})
    except ValidationError as error:
        raise worded(error.errors(include_url=False)[0], document, label) from None


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which refuses a key that is there twice instead of taking the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Raise MarkedYAMLError at the second of two equal keys."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem="a key that is there already", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Raise MarkedYAMLError, which knows the line, for what looks like a date but is none."""
        try:
            return super().construct_object(node, deep)
        except ValueError:
            problem = "a value that its type cannot hold"
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
        # a quoted piece of the file might be a secret; single marks such as ':' are not
        # the name of an alias or a tag is the file's own text, and might be a secret written without quotes
        problem = re.sub(r"\b(alias|anchor|tag|handle)\b.*", r"\1", error.problem or "a mistake")
        raise DeclarationError(label, place, f"broken YAML ({problem})", "YAML with each key once") from None
    except yaml.YAMLError:
        raise DeclarationError(
            label, "file", "a character that YAML does not allow", "printable text"
        ) from None
    if not isinstance(document, dict):
        found = "nothing" if document is None else "a list" if isinstance(document, list) else "a text"
        raise DeclarationError(label, "file", found, f"a mapping with {', '.join(_TOP_KEYS)}")
    return document


def _check_keys(value: Any, place: Place, label: str) -> None:
    """Refuse keys that YAML does not take for text, such as `on`, `1` or `2026-01-01`."""
    entries: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        entries = value.items()
        for key in value:
            if not isinstance(key, str):
                raise DeclarationError(
                    label, shown_place(place), f"the key {shown(key)}", "a text; put it in quotes"
                )
    elif isinstance(value, list):
        entries = enumerate(value)
    for key, entry in entries:
        _check_keys(entry, (*place, key), label)


def _merged(document: dict[str, Any], label: str) -> dict[str, Any]:
    """Return a document with its `resource_defaults` worked into its resources."""
    for key in document:
        if key not in _TOP_KEYS:
            raise DeclarationError(label, shown_place((key,)), "an unknown key", ", ".join(_TOP_KEYS))
    defaults = document.get("resource_defaults") or {}
    if not isinstance(defaults, dict):
        raise DeclarationError(label, "resource_defaults", shown(defaults), "a mapping")
    for key in defaults:
        if key not in _DEFAULT_KEYS:
            raise DeclarationError(
                label, shown_place(("resource_defaults", key)), "an unknown key", ", ".join(_DEFAULT_KEYS)
            )
    merged = {key: value for key, value in document.items() if key != "resource_defaults"}
    resources = document.get("resources")
    if isinstance(resources, list):
        merged["resources"] = [_with_defaults(entry, defaults) for entry in resources]
    return merged


def _with_defaults(resource: Any, defaults: dict[str, Any]) -> Any:
    """Return a resource on top of the defaults, of which a child takes no windows, and a nested list no endpoint."""
    if not isinstance(resource, dict):
        return resource
    if resource.get("rows_from") is not None:
        defaults = {key: value for key, value in defaults.items() if key != "endpoint"}
    endpoint = resource.get("endpoint")
    resource = {**resource, "endpoint": {"path": endpoint}} if isinstance(endpoint, str) else resource
    usual = defaults.get("endpoint")
    if isinstance(usual, dict) and any(map(parent_field, names_in(resource.get("endpoint")))):
        defaults = {
            **defaults,
            "endpoint": {key: value for key, value in usual.items() if key != "incremental"},
        }
    return _laid_over(defaults, resource)


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Merge two mappings deeply; a paginator is one piece, since its keys depend on its type."""
    merged = {**below, **above}
    for key in below.keys() & above.keys() - {"paginator"}:
        if isinstance(below[key], dict) and isinstance(above[key], dict):
            merged[key] = _laid_over(below[key], above[key])
    return merged
