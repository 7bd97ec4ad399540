"""Code names an engine of a warehouse in the engine's own folders only, so that a new one is added nowhere else."""

from __future__ import annotations

import ast
import re

import pytest

from ecom_assets.warehouse.choice import ENGINES
from ecom_assets_tests.support.paths import ROOT
from ecom_assets_tests.support.warehouses.engines import TRAITS

SHARED = {"duckdb", "postgres", "ducklake"}
"""These names are everywhere: the default, the server under Dagster's event log, and a lake on either of them."""
EMULATORS = "ecom_assets_tests/support/emulators"
"""What stands for an engine has its module here, because servers share parts."""
ALLOWED = {
    "ecom_assets_tests/warehouse/remote/test_rehearsal.py": "takes the types and the dialect of one engine",
    "ecom_assets_tests/warehouse/remote/test_row_layouts.py": "compares what two engines make of one layout",
    "ecom_assets_tests/warehouse/remote/test_translation.py": "translates to the dialect of one engine",
    "ecom_assets_tests/warehouse/ducklake/test_configuration.py": "refuses a catalog of a kind that is no catalog",
}
"""Files that name an engine as an example, and why."""
ENGINE = re.compile(rf"(?<![a-z0-9])({'|'.join(sorted(TRAITS.keys() - SHARED))})(?![a-z0-9])")


class _WithoutTexts(ast.NodeTransformer):
    """Removes docstrings."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:  # the name that `ast` calls
        """Return nothing for a statement that is a text."""
        return None if isinstance(node.value, ast.Constant) else node


def named_in(source: str) -> set[str]:
    """Return the engines that code names, outside of its comments and docstrings."""
    if not ENGINE.search(source):
        return set()
    return set(ENGINE.findall(ast.unparse(_WithoutTexts().visit(ast.parse(source)))))


def test_each_engine_has_traits() -> None:
    assert {engine.kind for engine in ENGINES} == TRAITS.keys()


def test_no_code_outside_of_an_engines_folders_names_it() -> None:
    found = {}
    files = [
        file for folder in ("ecom_assets", "ecom_assets_tests") for file in (ROOT / folder).rglob("*.py")
    ]
    for file in [*files, *(ROOT / ".ci").glob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]:
        name = file.relative_to(ROOT).as_posix()
        engines = named_in(file.read_text("utf-8"))
        own = {file.parent.name} if file.parent.parent.name == "warehouse" else set()
        if engines - own and file.parent != ROOT / EMULATORS:
            found[name] = engines - own
    assert found.keys() == ALLOWED.keys(), {name: found[name] for name in found if name not in ALLOWED}


@pytest.mark.parametrize(
    ("code", "is_named"),
    [
        ('if place.engine in ("{}", "x"):\n    pass', True),
        ("from ecom_assets.warehouse.{}.engine import ENGINE", True),
        ("def end(new_{}): ...", True),
        ('"""Of {}."""\nx = 1  # {}\ndef f():\n    """{}"""', False),
        ("{}ed = 1", False),
    ],
)
def test_what_names_an_engine(code: str, is_named: bool) -> None:
    name = min(TRAITS.keys() - SHARED)
    assert named_in(code.replace("{}", name)) == ({name} if is_named else set())
