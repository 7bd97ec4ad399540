"""The command `copy`: copies the tables of a shop to another warehouse, where loads then continue."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from ecom_assets.cli.arguments import AsJson, ShopArgument, find_shop
from ecom_assets.cli.json_output import print_json


def copy(
    shop: ShopArgument,
    to: Annotated[
        str,
        typer.Option(
            help="The warehouse, as in ECOM_WAREHOUSE: a path, an address, or a destination in .dlt/.",
            show_default=False,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Copy a shop's tables, ledger and rejected rows from ECOM_WAREHOUSE to another warehouse, in one step.

    Counts and sums of both sides are compared before the commit. Nothing is changed in ECOM_WAREHOUSE. Stop the loads
    of the shop first: the other warehouse gets what was loaded when the copy began.
    """
    from ecom_assets.load.relocation.copy import copy as copy_tables
    from ecom_assets.warehouse.choice import named_warehouse, warehouse_from_environment

    declared = find_shop(shop)
    target = named_warehouse(to, "--to")
    out = Console(soft_wrap=True, highlight=False, stderr=as_json)
    copied = copy_tables(
        declared, warehouse_from_environment(), target, lambda line: out.print(line, markup=False)
    )
    out.print(
        f"Copied {len(copied)} tables with {sum(table.rows for table in copied):,} rows to {target}. Loads continue "
        "there once ECOM_WAREHOUSE names it.",
        markup=False,
    )
    if as_json:
        print_json(copied)
