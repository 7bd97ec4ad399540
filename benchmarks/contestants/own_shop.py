"""This project's declaration, with the address of the benchmark's server in it."""

from __future__ import annotations

from pathlib import Path

from work import Work

DECLARATION = Path(__file__).parents[1] / "shop.yaml"
RESOURCES = ("customers", "products", "orders", "order_items")


def write_declaration(work: Work, folder: Path) -> Path:
    """Write the declaration into a folder, and return the folder."""
    text = DECLARATION.read_text("utf-8")
    address = text.replace("http://127.0.0.1:1", work.url)
    address += f"policy: {{concurrency: {work.in_flight}}}\n"
    if work.step > 1:
        address = address.replace("every: day", "every: month")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.yaml").write_text(address, "utf-8")
    return folder
