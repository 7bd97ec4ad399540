"""The bundled e-commerce API, which needs no account: deterministic data, faults on demand.

Importing this package is cheap. `ecom_assets.sandbox.server` starts the API.
"""

from __future__ import annotations

from ecom_assets.sandbox.settings import SANDBOX_KEY, SandboxSettings

__all__ = ["SANDBOX_KEY", "SandboxSettings"]
