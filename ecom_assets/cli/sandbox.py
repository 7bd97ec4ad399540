"""The command `sandbox`: serves the bundled API."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 chooses a free one.")] = 8000,
    orders_per_day: Annotated[
        int | None,
        typer.Option(min=0, max=1_000_000, help="How many orders a day the data has. Default: 200."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address and the key as JSON.")] = False,
) -> None:
    """Serve the bundled sandbox API until you press Ctrl-C."""
    from ecom_assets.foundation.errors import IngestError
    from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
    from ecom_assets.sandbox.server import serve_forever

    def announce(base_url: str) -> None:
        if as_json:
            print(json.dumps({"base_url": base_url, "api_key": SANDBOX_KEY}), flush=True)
            return
        print(f"The sandbox answers at {base_url}, Ctrl-C ends it. For example:", flush=True)
        print(f"  curl '{base_url}/v1/orders?api_key={SANDBOX_KEY}&limit=2'", flush=True)

    try:
        settings = (
            SandboxSettings() if orders_per_day is None else SandboxSettings(orders_per_day=orders_per_day)
        )
        serve_forever(port, settings, announce)
    except (OSError, ValueError) as error:
        raise IngestError(str(error)) from None
