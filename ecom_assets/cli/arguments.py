"""Arguments that several commands have: the shop, and `--json`."""

from __future__ import annotations

from typing import Annotated

import typer

from ecom_assets.declaration.named_shop import find_shop

__all__ = ["SHOP_HELP", "AsJson", "ShopArgument", "find_shop"]

SHOP_HELP = "The name of a declared shop, the path of a YAML file, or MODULE:NAME for a shop in Python."

ShopArgument = Annotated[str, typer.Argument(help=SHOP_HELP)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
