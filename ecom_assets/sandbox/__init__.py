"""A bundled e-commerce API to load from without an account. Importing it is cheap; `server` starts it."""

from __future__ import annotations

from ecom_assets.sandbox.settings import SANDBOX_KEY, SandboxSettings

__all__ = ["SANDBOX_KEY", "SandboxSettings"]
