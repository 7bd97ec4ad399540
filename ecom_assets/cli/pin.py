"""The command `pin`: writes the columns that a shop's tables have into its declaration."""

from __future__ import annotations

from difflib import unified_diff

from rich.console import Console

from ecom_assets.cli.arguments import AsJson, ShopArgument, find_shop
from ecom_assets.cli.json_output import print_json

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def pin(shop: ShopArgument, as_json: AsJson = False) -> None:
    """Declare the columns that a shop's tables have, with their types, in its YAML file.

    Columns that are declared already stay as they are, and so do comments, order and layout.
    """
    from ecom_assets.declaration.reading import format_path
    from ecom_assets.discovery.output.files import replace_text
    from ecom_assets.discovery.pin import pin as pin_columns
    from ecom_assets.warehouse.choice import warehouse_from_environment

    declared = find_shop(shop)
    text = declared.file.read_text("utf-8-sig")
    result = pin_columns(declared, text, warehouse_from_environment())
    if result.changes:
        replace_text(declared.file, result.text)
    name = format_path(declared.file)
    if as_json:
        print_json({"file": name, "changes": result.changes, "open": result.unresolved})
        return
    out = Console(soft_wrap=True, highlight=False)
    for reason in result.unresolved:
        out.print(reason, markup=False, style="yellow")
    if not result.changes:
        out.print("Nothing changed: the file declares every column that the tables have.")
        return
    for line in unified_diff(text.splitlines(), result.text.splitlines(), name, name, lineterm=""):
        out.print(line, markup=False, style=_COLOURS.get(line[:1], ""))
    out.print(f"Pinned {len(result.changes)} columns in {name}.", markup=False)
