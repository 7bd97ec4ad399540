"""The file `_unions.yaml` beside the declarations: views that unite the same table of several shops.

Its name begins with an underscore, so it declares no shop. See `ecom_assets.load.unions` for the views.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from ecom_assets.declaration.error_text import (
    Place,
    allowed_keys,
    format_path,
    format_place,
    format_value,
    to_declaration_error,
)
from ecom_assets.declaration.field_types import ColumnName, Name, ShopName
from ecom_assets.declaration.files.yaml_file import read_file
from ecom_assets.declaration.model import DeclarationModel, filled_list
from ecom_assets.declaration.reading import load_shops, shops_dir
from ecom_assets.declaration.shop import Shop
from ecom_assets.declaration.table.union import Union
from ecom_assets.foundation.errors import DeclarationError, combined

FILE_NAMES = ("_unions.yaml", "_unions.yml")
_STAGING = "_staging"


class UnionEntry(DeclarationModel):
    """One view."""

    name: Name = Field(description="The name of the view.")
    table: Name | None = Field(
        default=None, description="The table of the shops. Unless given, it has the name of the view."
    )
    shops: Annotated[tuple[str, ...], filled_list("a list of names of shops, at least one")] | None = Field(
        default=None,
        description="The names of the shops. Unless given, all shops of the folder that have the table.",
    )
    shop_column: ColumnName = Field(default="shop", description="The column with the name of the shop.")


class UnionsFile(DeclarationModel):
    """The whole file."""

    dataset: ShopName = Field(
        default="all_shops", description="The schema of the views, and their prefix in Dagster."
    )
    unions: Annotated[tuple[UnionEntry, ...], filled_list("a list of views, at least one")] = Field(
        description="The views."
    )


def unions_file(folder: Path) -> Path | None:
    """Return the file of unions in a folder, None if there is none.

    Raises:
        DeclarationError: There are two.
    """
    found = [folder / name for name in FILE_NAMES if (folder / name).is_file()]
    if len(found) > 1:
        raise DeclarationError(
            format_path(found[1]), "file", f"a second file beside {found[0].name}", "one file of unions"
        )
    return found[0] if found else None


def load_folder(
    folder: Path | None = None, beside: Sequence[Shop] = ()
) -> tuple[tuple[Shop, ...], tuple[Union, ...], dict[Path, DeclarationError]]:
    """Return the shops and the unions of a folder, and the errors of the files that are wrong.

    Args:
        folder: The folder; by default that of `shops_dir`.
        beside: Shops in Python, which may be united, too.

    Raises:
        DeclarationError: The folder does not exist, or has no file that declares a shop.
    """
    folder = shops_dir() if folder is None else folder
    shops, errors = load_shops(folder, beside)
    unions: tuple[Union, ...] = ()
    try:
        unions = read_unions(folder, (*beside, *shops), errors)
    except DeclarationError as error:
        errors[next(folder / name for name in FILE_NAMES if (folder / name).exists())] = error
    return shops, unions, errors


def read_unions(
    folder: Path, shops: Sequence[Shop], invalid_files: Collection[Path] = ()
) -> tuple[Union, ...]:
    """Return the unions that a folder declares, none if it has no such file.

    Args:
        folder: The folder of declarations.
        shops: The shops that may be united.
        invalid_files: The files that declare no shop, because they are wrong. Their shops are not refused.

    Raises:
        DeclarationError: The file is wrong, or names a shop or a table that is not declared.
    """
    file = unions_file(folder)
    if file is None:
        return ()
    label = format_path(file)
    document = read_file(file, UnionsFile.file_keys())
    failure: DeclarationError
    try:
        declared = UnionsFile.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False)
        failure = combined(
            [to_declaration_error(entry, document, lambda place: (label, place)) for entry in found]
        )
    else:
        return _checked(declared, file, shops, {entry.stem for entry in invalid_files})
    raise failure  # outside of the except clause, because the models' error holds the values


def _checked(
    declared: UnionsFile, file: Path, shops: Sequence[Shop], invalid: Collection[str]
) -> tuple[Union, ...]:
    """Return the unions of a file; refuse what contradicts the shops."""

    def fail(found: str, allowed: str, *place: str | int) -> DeclarationError:
        at: Place = place
        return DeclarationError(format_path(file), format_place(at), found, allowed)

    tables = {shop.name: {entry.name for entry in shop.tables} for shop in shops}
    for name in tables:
        if declared.dataset in (name, f"{name}{_STAGING}"):
            raise fail(
                f"{format_value(declared.dataset)}, the dataset of a shop", "a name of no shop", "dataset"
            )
    found: dict[str, Union] = {}
    for position, entry in enumerate(declared.unions):
        place = ("unions", position)
        if entry.name in found:
            raise fail(f"{format_value(entry.name)} twice", "each name once", *place, "name")
        table = entry.table or entry.name
        having = [name for name, names in tables.items() if table in names]
        for at, name in enumerate(entry.shops or ()):
            here = (*place, "shops", at)
            if name in (entry.shops or ())[:at]:
                raise fail(f"{format_value(name)} twice", "each shop once", *here)
            if name not in having and name not in invalid:
                is_shop = name in tables
                what = f"{format_value(name)}, which has no table {table}" if is_shop else format_value(name)
                raise fail(
                    what, allowed_keys(name, having) if having else f"a shop with a table {table}", *here
                )
        if not having and not entry.shops:
            where = "table" if entry.table else "name"
            known = sorted({name for names in tables.values() for name in names})
            found_there = f"{format_value(table)}, a table of no shop"
            raise fail(found_there, allowed_keys(table, known), *place, where)
        chosen = tuple(having if entry.shops is None else entry.shops)
        found[entry.name] = Union(
            declared.dataset,
            entry.name,
            table,
            chosen,
            entry.shop_column,
            frozenset(chosen) - tables.keys(),
            file,
        )
    return tuple(found.values())


def unions_of(shop: Shop) -> tuple[Union, ...]:
    """Return the unions with a table of a shop: those of the same definitions, else those of its folder.

    Raises:
        DeclarationError: The file of unions is wrong.
    """
    unions = shop._unions
    if unions is None:
        unions = ()
        if shop.file != Path() and unions_file(shop.file.parent) is not None:
            shops, invalid = load_shops(shop.file.parent)
            unions = read_unions(shop.file.parent, shops, invalid)
    return tuple(union for union in unions if shop.name in union.shops)


def with_unions(shops: Sequence[Shop], unions: Sequence[Union]) -> tuple[Shop, ...]:
    """Return shops that know the unions of the same definitions."""
    aware = []
    for shop in shops:
        copy = shop.model_copy()
        copy._unions = tuple(unions)
        aware.append(copy)
    return tuple(aware)
