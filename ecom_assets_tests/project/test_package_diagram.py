"""The diagram and the table of packages in CONTRIBUTING.md show the imports as they are, and no import goes up."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ecom_assets_tests.support.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


@pytest.fixture
def script() -> ModuleType:
    """Return the script that draws the diagram. It is in no package, so it is imported by its path."""
    spec = importlib.util.spec_from_file_location("package_diagram", ROOT / ".ci" / "package_diagram.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def packages() -> set[str]:
    """Return the packages of the project, and the module of the code location."""
    folders = {path.parent.name for path in (ROOT / "ecom_assets").glob("*/__init__.py")}
    return folders | {"definitions"}


def test_the_diagram_is_current(script: ModuleType) -> None:
    assert [PAGE.count(mark) for mark in (script.BEGIN, script.END)] == [1, 1]
    assert script.with_diagram(PAGE) == PAGE, "run `make docs`"


def test_no_arrow_points_up(script: ModuleType) -> None:
    assert script.package_imports()
    assert script.upward_arrows() == []


@pytest.mark.parametrize(
    ("importing", "line", "arrow"),
    [
        ("foundation", "from ecom_assets.load.run import run_load", ("foundation", "load")),
        ("cli", "def command():\n    import ecom_assets.orchestration.assets", ("cli", "orchestration")),
    ],
)
def test_an_import_that_goes_up_or_sideways_is_found(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    importing: str,
    line: str,
    arrow: tuple[str, str],
) -> None:
    for package in packages():
        (tmp_path / "ecom_assets" / package).mkdir(parents=True)
        (tmp_path / "ecom_assets" / package / "__init__.py").touch()
    (tmp_path / "ecom_assets" / importing / "wrong.py").write_text(line, "utf-8")
    monkeypatch.setattr(script, "ROOT", tmp_path)
    assert script.upward_arrows() == [arrow]


def test_the_layers_are_those_of_the_linter(script: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert [" | ".join(layer) for layer in script.LAYERS] == layers
    assert {package for layer in script.LAYERS for package in layer} == packages()


def test_the_table_has_a_row_for_each_package_with_its_tests() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .*\| `ecom_assets_tests/(\w+)` \|$", PAGE, re.M)
    assert {package for package, _ in rows} == packages() - {"definitions"}
    for package, folder in rows:
        assert folder == package
        assert list((ROOT / "ecom_assets_tests" / folder).glob("**/test_*.py"))
