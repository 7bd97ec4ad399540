"""Reading declarations: from a YAML file to a Shop, with one clear line for whatever is wrong in it.

This is the public face of the declaration: the models come from `model` and its parts, and can all be
imported from here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ecom_assets.declaration.client import Auth, Client, Policy
from ecom_assets.declaration.column import Column, Reference
from ecom_assets.declaration.endpoint import Endpoint, Incremental
from ecom_assets.declaration.error_text import format_path, format_place, format_value, to_declaration_error
from ecom_assets.declaration.extends import Layers, expand_endpoint, merge_mappings
from ecom_assets.declaration.placeholders import parent_field, placeholder_names
from ecom_assets.declaration.resource import Resource, RowsFrom, SchemaContract
from ecom_assets.declaration.shop import Partitions, Shop
from ecom_assets.foundation.errors import DeclarationError

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
    "format_path",
    "load_shop",
    "load_shops",
    "shop_files",
    "shops_dir",
]

BUNDLED_SHOPS = Path(__file__).parents[1] / "shops"
SCHEMA_FILE = BUNDLED_SHOPS / "declaration.schema.json"
"""The JSON Schema of a declaration, drawn from the models by `make docs`."""

DEFAULT_KEYS = ("primary_key", "write_disposition", "schema_contract", "endpoint", "max_rejected")
"""Keys of a resource that `resource_defaults` may hold."""


def shops_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of declarations: ECOM_SHOPS_DIR, else the one that comes with the package."""
    given = environ.get("ECOM_SHOPS_DIR")
    return Path(given) if given else BUNDLED_SHOPS


def shop_files(folder: Path) -> list[Path]:
    """Return the YAML files of a folder by name; raises DeclarationError when there is none.

    One whose name begins with an underscore is no shop: it is there to be extended.
    """
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise DeclarationError(
            format_path(folder), "folder", found, "a folder of YAML files (ECOM_SHOPS_DIR)"
        )
    files = sorted(
        file
        for file in folder.iterdir()
        if file.suffix in (".yaml", ".yml") and not file.name.startswith("_") and file.is_file()
    )
    if not files:
        raise DeclarationError(
            format_path(folder), "folder", "no YAML file", "one file per shop, such as sandbox.yaml"
        )
    return files


def load_shops(folder: Path | None = None) -> tuple[tuple[Shop, ...], dict[Path, DeclarationError]]:
    """Return the shops of a folder (that of `shops_dir` unless given) and what is wrong with the other files.

    Shops are in the order of their files; of two of one name the second one's file is wrong. Raises
    DeclarationError for a folder without files.
    """
    shops: dict[str, Shop] = {}
    wrong: dict[Path, DeclarationError] = {}
    for file in shop_files(shops_dir() if folder is None else folder):
        try:
            shop = load_shop(file)
            if shop.name in shops:
                found = f"{format_value(shop.name)}, the name of {format_path(shops[shop.name].file)}"
                raise DeclarationError(format_path(file), "name", found, "a name of its own")
            shops[shop.name] = shop
        except DeclarationError as error:
            wrong[file] = error
    return tuple(shops.values()), wrong


def load_shop(file: Path) -> Shop:
    """Return the shop that a YAML file declares; raises DeclarationError for the first mistake in it.

    A mistake in a file that it extends is said of that file.
    """
    layers = Layers(file)
    merged = _with_defaults_merged(layers)
    try:
        return Shop.model_validate({**merged, "file": file})
    except ValidationError as error:
        raise to_declaration_error(
            error.errors(include_url=False)[0], layers.document, layers.locate
        ) from None


def _with_defaults_merged(layers: Layers) -> dict[str, Any]:
    """Return a document with its `resource_defaults` worked into its resources."""
    document = layers.document
    defaults = document.get("resource_defaults") or {}
    if not isinstance(defaults, dict):
        label, place = layers.locate(("resource_defaults",))
        raise DeclarationError(label, format_place(place), format_value(defaults), "a mapping")
    for key in defaults:
        if key not in DEFAULT_KEYS:
            label, place = layers.locate(("resource_defaults", key))
            raise DeclarationError(label, format_place(place), "an unknown key", ", ".join(DEFAULT_KEYS))
    merged = {key: value for key, value in document.items() if key not in ("resource_defaults", "extends")}
    resources = document.get("resources")
    if isinstance(resources, list):
        merged["resources"] = [_merge_defaults(entry, defaults) for entry in resources]
    return merged


def _merge_defaults(resource: Any, defaults: dict[str, Any]) -> Any:
    """Return a resource on top of the defaults, of which a child takes no windows, and a nested list no endpoint."""
    if not isinstance(resource, dict):
        return resource
    if resource.get("rows_from") is not None:
        defaults = {key: value for key, value in defaults.items() if key != "endpoint"}
    resource = expand_endpoint(resource)
    usual = defaults.get("endpoint")
    if isinstance(usual, dict) and any(map(parent_field, placeholder_names(resource.get("endpoint")))):
        defaults = {
            **defaults,
            "endpoint": {key: value for key, value in usual.items() if key != "incremental"},
        }
    return merge_mappings(defaults, resource)
