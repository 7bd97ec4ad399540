"""E-commerce APIs as trusted warehouse tables: Dagster assets over dlt's REST API source.

The names in `__all__` are the public API. Each is imported at its first use, so that `import ecom_assets` is cheap and
changes nothing in the process that imports it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__all__ = [
    "ShopComponent",
    "ShopSecrets",
    "ShopTranslator",
    "build_defs",
    "load_shop",
    "rest_api_shop",
    "run_load",
    "secret",
    "tables",
]

if TYPE_CHECKING:
    from ecom_assets.declaration.from_python.secret import secret
    from ecom_assets.declaration.from_python.shop import rest_api_shop
    from ecom_assets.declaration.reading import load_shop
    from ecom_assets.load.run import run_load
    from ecom_assets.load.shop_tables import tables
    from ecom_assets.orchestration.build_definitions import build_defs
    from ecom_assets.orchestration.component.shop_component import ShopComponent
    from ecom_assets.orchestration.resources import ShopSecrets
    from ecom_assets.orchestration.translator import ShopTranslator
else:  # a type checker that saw this function would accept every name
    _MODULES = {
        "ShopComponent": "ecom_assets.orchestration.component.shop_component",
        "ShopSecrets": "ecom_assets.orchestration.resources",
        "ShopTranslator": "ecom_assets.orchestration.translator",
        "build_defs": "ecom_assets.orchestration.build_definitions",
        "load_shop": "ecom_assets.declaration.reading",
        "rest_api_shop": "ecom_assets.declaration.from_python.shop",
        "run_load": "ecom_assets.load.run",
        "secret": "ecom_assets.declaration.from_python.secret",
        "tables": "ecom_assets.load.shop_tables",
    }

    def __getattr__(name):
        """Import a public name from the module that defines it, and keep it for the next use."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(_MODULES[name]), name)
        globals()[name] = value
        return value

    def __dir__():
        """List the public names too, imported or not."""
        return sorted({*globals(), *__all__})
