"""Read declarations: from a YAML file to a `Shop`, with one clear line for each error.

Other packages import the models of a declaration from here.
"""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ecom_assets.declaration.api.auth import Auth
from ecom_assets.declaration.api.client import Client
from ecom_assets.declaration.api.endpoint import Endpoint
from ecom_assets.declaration.api.incremental import Incremental
from ecom_assets.declaration.api.policy import Policy
from ecom_assets.declaration.dlt_config.bindings import bind_resource
from ecom_assets.declaration.error_text import (
    Place,
    allowed_keys,
    format_path,
    format_place,
    format_value,
    to_declaration_error,
)
from ecom_assets.declaration.files.extends import Layers, expand_endpoint, merge_mappings
from ecom_assets.declaration.partitions import Partitions
from ecom_assets.declaration.placeholders import parent_field, placeholder_names
from ecom_assets.declaration.resource import Resource
from ecom_assets.declaration.shop import Shop
from ecom_assets.declaration.table.column import Column, Reference
from ecom_assets.declaration.table.rows_from import RowsFrom
from ecom_assets.declaration.table.schema_contract import SchemaContract
from ecom_assets.foundation.errors import DeclarationError, IngestError, combined
from ecom_assets.foundation.setting_paths import setting_path

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
    "build_shop",
    "format_path",
    "load_shop",
    "load_shops",
    "names_shops_dir",
    "shop_files",
    "shops_dir",
    "unexpected_error",
]

Locate = Callable[[Place], tuple[str, Place]]
"""Returns what messages call the file that a place of a document comes from, and the place in that file."""

BUNDLED_SHOPS = Path(__file__).parents[1] / "shops"
SCHEMA_FILE = BUNDLED_SHOPS / "declaration.schema.json"
"""The JSON Schema of a declaration; `make docs` writes it from the models."""

DEFAULT_KEYS = (
    "primary_key",
    "write_disposition",
    "schema_contract",
    "endpoint",
    "include_from_parent",
    "columns",
    "max_table_nesting",
    "max_new_columns",
    "beyond_max_new_columns",
    "selected",
    "max_rejected",
    "processing_steps",
    "references",
)
"""Keys of a resource that `resource_defaults` may hold."""
_ENDPOINT_DEFAULTS = (
    "endpoint",
    "include_from_parent",
    "columns",
    "selected",
    "processing_steps",
    "references",
)
"""Those of them that nested lists do not take."""


def shops_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of declarations: ECOM_SHOPS_DIR, else the one that comes with the package.

    Raises:
        DeclarationError: ECOM_SHOPS_DIR is no path.
    """
    given = environ.get("ECOM_SHOPS_DIR")
    try:
        return setting_path(given) if given else BUNDLED_SHOPS
    except ValueError as error:
        allowed = "a folder of YAML files"
        raise DeclarationError("environment", "ECOM_SHOPS_DIR", str(error), allowed) from None


def names_shops_dir(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the environment names a folder of declarations."""
    return bool(environ.get("ECOM_SHOPS_DIR"))


def shop_files(folder: Path) -> list[Path]:
    """Return the YAML files of a folder that declare a shop, sorted by name.

    A file whose name begins with an underscore is only extended by others, and declares no shop. A folder or a dangling
    link with the name of a YAML file is among the files, so that reading it reports it.

    Raises:
        DeclarationError: The folder does not exist, or has no such file.
    """
    try:
        is_folder, found = folder.is_dir(), "a file" if folder.exists() else "nothing"
        files = sorted(file for file in folder.iterdir() if _declares_a_shop(file)) if is_folder else []
    except OSError as error:  # a name that is too long, a folder that may not be read
        is_folder, found, files = False, error.strerror or "an error", []
    if not is_folder:
        raise DeclarationError(
            format_path(folder), "folder", found, "a folder of YAML files (ECOM_SHOPS_DIR)"
        )
    if not any(file.is_file() for file in files):
        raise DeclarationError(
            format_path(folder), "folder", "no YAML file", "one file per shop, such as sandbox.yaml"
        )
    return files


def _declares_a_shop(file: Path) -> bool:
    """Tell whether a file, or what has its place, must be the declaration of a shop by its name."""
    # copies that editors and file managers leave have names that begin with a dot
    return file.suffix in (".yaml", ".yml") and not file.name.startswith(("_", "."))


def load_shops(
    folder: Path | None = None, beside: Sequence[Shop] = ()
) -> tuple[tuple[Shop, ...], dict[Path, DeclarationError]]:
    """Return the shops of a folder, and the errors of those files that declare none.

    The shops are in the order of their files. If two files declare the same name, the second one is an error.

    Args:
        folder: The folder; by default that of `shops_dir`.
        beside: Shops in Python, whose names no file may have.

    Raises:
        DeclarationError: The folder does not exist, or has no file that declares a shop.
    """
    shops: dict[str, Shop] = {}
    errors: dict[Path, DeclarationError] = {}
    taken = {shop.name: shop.declared_in for shop in beside}
    for file in shop_files(shops_dir() if folder is None else folder):
        try:
            shop = load_shop(file)
            if shop.name in taken:
                found = f"{format_value(shop.name)}, the name of {taken[shop.name]}"
                raise DeclarationError(format_path(file), "name", found, "a name that no other file has")
            shops[shop.name] = shop
            taken[shop.name] = shop.declared_in
        except DeclarationError as error:
            errors[file] = error
    return tuple(shops.values()), errors


def load_shop(file: Path | str, document: dict[str, Any] | None = None) -> Shop:
    """Return the shop that a YAML file declares, together with the files that it extends.

    Args:
        file: The file.
        document: The declaration, if it is a part of the file that was read already.

    Raises:
        DeclarationError: It tells each mistake with its file, which may be an extended one.
    """
    file = Path(file)
    try:
        layers = Layers(file, document)
        return build_shop(layers.document, layers.locate, file, layers.errors)
    except IngestError:
        raise
    except Exception as error:  # a fault of this program: it must not take the other files down
        unexpected = unexpected_error(file, error)
    raise unexpected  # outside of the except clause, because the error may hold a value of the file


def unexpected_error(file: Path, error: Exception) -> DeclarationError:
    """Return the error of a file that this program cannot handle. It repeats no text, only where the program failed."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    found = f"something that this program fails at, with {type(error).__name__}{where}"
    return DeclarationError(
        format_path(file), "file", found, "a declaration that it can handle; please report this"
    )


def build_shop(
    document: dict[str, Any],
    locate: Locate,
    file: Path = Path(),
    wrong: Sequence[DeclarationError] = (),
) -> Shop:
    """Return the shop that a document declares.

    Args:
        document: The document, before its `resource_defaults` are merged into its resources.
        locate: Returns what messages call the file of a place, and the place in that file.
        file: The file; none for a shop in Python.
        wrong: What is known to be wrong. Other mistakes are told beside it, if they are in other parts.

    Raises:
        DeclarationError: It tells all mistakes.
    """
    merged, found = _with_defaults_merged(document, locate)
    wrong = [*wrong, *found]
    try:
        shop = Shop.model_validate({**merged, "file": file})
        if not wrong:
            return shop
    except ValidationError as error:
        details = error.errors(include_url=False)
        if wrong:  # what is missing, or contradicts itself as a whole, may come of that
            details = [entry for entry in details if entry["loc"] and entry["type"] != "missing"]
        wrong = _beside(wrong, [to_declaration_error(entry, document, locate, merged) for entry in details])
    raise combined(wrong)  # outside of the except clause, because the models' error holds the values


def _beside(wrong: list[DeclarationError], more: Sequence[DeclarationError]) -> list[DeclarationError]:
    """Return errors, and further ones of parts that are not wrong already: those may come of the first ones.

    A part is a resource, or a key at the top. Parts of extended files are not told apart, so nothing is added then.
    """
    parts = {_part(error.path) for error in wrong}
    if len({error.file for error in wrong} | {error.file for error in more}) > 1 and wrong:
        return wrong
    return [*wrong, *(error for error in more if _part(error.path) not in parts)]


def _part(path: str) -> str:
    found = re.match(r"resources\[\d+\]|[^.\[]*", path)
    return found[0] if found else path


def _with_defaults_merged(
    document: dict[str, Any], locate: Locate
) -> tuple[dict[str, Any], list[DeclarationError]]:
    """Return a document whose `resource_defaults` are merged into its resources, and what is wrong with parts of it.

    It has the form of the models, but for resources that are wrong.
    """

    def fail(place: Place, found: str, allowed: str) -> DeclarationError:
        label, written = locate(place)
        return DeclarationError(label, format_place(written), found, allowed)

    defaults = document.get("resource_defaults") or {}
    if not isinstance(defaults, dict):
        raise fail(("resource_defaults",), format_value(defaults), "a mapping")
    wrong = [
        fail(("resource_defaults", key), "an unknown key", allowed_keys(key, DEFAULT_KEYS))
        for key in defaults
        if key not in DEFAULT_KEYS
    ]
    defaults = {key: value for key, value in defaults.items() if key in DEFAULT_KEYS}
    merged = {key: value for key, value in document.items() if key not in ("resource_defaults", "extends")}
    resources = document.get("resources")
    if isinstance(resources, list):
        merged["resources"] = list(resources)
        for position, entry in enumerate(resources):
            if isinstance(entry, dict):
                merged["resources"][position] = with_defaults = _merge_defaults(entry, defaults)
                try:
                    bound = bind_resource(with_defaults, ("resources", position), fail)
                    merged["resources"][position] = bound
                except DeclarationError as error:
                    wrong.append(error)
    return merged, wrong


def _merge_defaults(resource: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return a resource merged onto the defaults.

    A nested list takes no default that is about an endpoint and its records, and an endpoint of a child not the
    `incremental`.
    """
    if resource.get("rows_from") is not None:
        defaults = {key: value for key, value in defaults.items() if key not in _ENDPOINT_DEFAULTS}
    resource = expand_endpoint(resource)
    default_endpoint = defaults.get("endpoint")
    if isinstance(default_endpoint, dict) and _has_parent(resource.get("endpoint")):
        endpoint = {key: value for key, value in default_endpoint.items() if key != "incremental"}
        defaults = {**defaults, "endpoint": endpoint}
    return merge_mappings(defaults, resource)


def _has_parent(endpoint: Any) -> bool:
    """Tell whether a field of another resource is in an endpoint, as a placeholder or as a parameter."""
    params = endpoint.get("params") if isinstance(endpoint, dict) else None
    if isinstance(params, dict) and any(
        isinstance(value, dict) and value.get("type") == "resolve" for value in params.values()
    ):
        return True
    return any(map(parent_field, placeholder_names(endpoint)))
