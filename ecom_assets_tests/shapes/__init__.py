"""Shapes of APIs, each a server of its own with the declaration that loads it."""

from __future__ import annotations

from ecom_assets_tests.shapes import basic_pages, token_header_links, twin_secrets
from ecom_assets_tests.shapes.shape import Shape, Tables

__all__ = ["SHAPES", "Shape", "Tables"]

SHAPES: dict[str, Shape] = {
    module.SHAPE.name: module.SHAPE for module in (basic_pages, twin_secrets, token_header_links)
}
