"""Draw the imports between the packages of ecom_assets into CONTRIBUTING.md, from the code as it is.

Usage: python .ci/package_diagram.py (part of `make docs`). An arrow points from the importing package to the imported
one. Packages of one layer stand in one box; every arrow must point down. An arrow that a longer way implies is left
out, or there would be forty.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- package diagram: written by `make docs` -->", "<!-- end of the package diagram -->"
LAYERS = (
    ("definitions",),
    ("cli", "orchestration"),
    ("discovery",),
    ("load",),
    ("extract", "warehouse"),
    ("contract",),
    ("client",),
    ("declaration",),
    ("sandbox", "foundation"),
)
"""From the top down; the linter holds them, see `tool.importlinter` in pyproject.toml."""


def imported_modules(module: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports, those inside functions and for types included."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def package_imports() -> dict[tuple[str, str], int]:
    """Return how many modules of one package import from another one, by (importing, imported)."""
    found: dict[tuple[str, str], int] = {}
    packages = [name for layer in LAYERS for name in layer]
    for package in packages:
        place = ROOT / "ecom_assets" / package
        for module in sorted(place.rglob("*.py")) or [place.with_suffix(".py")]:
            names = {
                name.split(".")[1] for name in imported_modules(module) if name.startswith("ecom_assets.")
            }
            for name in sorted(names & set(packages) - {package}):
                found[package, name] = found.get((package, name), 0) + 1
    return found


def upward_arrows() -> list[tuple[str, str]]:
    """Return the imports that go up, or sideways within a layer."""
    height = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    return [pair for pair in package_imports() if height[pair[0]] >= height[pair[1]]]


def shown_arrows() -> list[tuple[str, str]]:
    """Return the imports that no longer way through other packages implies."""
    below: dict[str, set[str]] = {}
    for importing, imported in package_imports():
        below.setdefault(importing, set()).add(imported)

    def reached(package: str) -> set[str]:
        direct = below.get(package, set())
        return direct.union(*(reached(name) for name in direct))

    return [
        (importing, imported)
        for importing, imported in package_imports()
        if not any(imported in reached(other) for other in below[importing] - {imported})
    ]


def diagram() -> str:
    """Return the picture as a mermaid diagram in Markdown."""
    lines = ["```mermaid", "flowchart TD"]
    for number, layer in enumerate(LAYERS):
        lines += [f"    subgraph layer{number}[ ]", "        direction LR"]
        lines += [f"        {name}" for name in layer]
        lines += ["    end"]
    lines += [f"    {importing} --> {imported}" for importing, imported in shown_arrows()]
    return "\n".join([*lines, "```"])


def with_diagram(page: str) -> str:
    """Return the page with the diagram between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{diagram()}\n\n{END}{after}"


def main() -> None:
    """Write the diagram, and fail if an arrow points up."""
    if upward := upward_arrows():
        sys.exit(f"imports that go up: {upward}")
    PAGE.write_text(with_diagram(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
