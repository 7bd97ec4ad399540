"""Arguments that several commands have: the shop, and `--json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ecom_assets.declaration.reading import Shop

ShopArgument = Annotated[str, typer.Argument(help="The name of a declared shop, or the path of a YAML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def find_shop(name: str) -> Shop:
    """Return the shop with a name, or the one that a YAML file declares.

    Raises:
        IngestError: No shop has this name.
        DeclarationError: The declaration is wrong, or the file cannot be read.
    """
    from pathlib import Path

    from ecom_assets.declaration.reading import load_shop, shop_files, shops_dir
    from ecom_assets.foundation.errors import IngestError

    if name.endswith((".yaml", ".yml")):
        return load_shop(Path(name))
    files = {file.stem: file for file in shop_files(shops_dir())}
    if name not in files:
        raise IngestError(f"SHOP: found {name!r}; allowed: {', '.join(files)}, or the path of a YAML file")
    return load_shop(files[name])
