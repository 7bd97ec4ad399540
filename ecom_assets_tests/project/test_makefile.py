"""The Makefile's rules for the local Dagster instance and for the linters.

The instance's settings are copied once, and an old copy keeps working.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from ecom_assets_tests.support.paths import ROOT

INSTANCE = ".dagster/dagster.yaml"
BUNDLED = (ROOT / "ecom_assets/dagster.yaml").read_text("utf-8")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with the files that the rule reads."""
    (tmp_path / "ecom_assets").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "ecom_assets/dagster.yaml", tmp_path / "ecom_assets")
    (tmp_path / ".dagster").mkdir()
    return tmp_path


def make_instance(checkout: Path) -> str:
    """Run the rule, and return the settings that the instance has then."""
    subprocess.run(["make", "--silent", INSTANCE], cwd=checkout, check=True)
    assert [path.name for path in (checkout / ".dagster").iterdir()] == ["dagster.yaml"]
    return (checkout / INSTANCE).read_text("utf-8")


def test_a_new_checkout_gets_a_copy(checkout: Path) -> None:
    assert make_instance(checkout) == BUNDLED
    module = yaml.safe_load(BUNDLED)["storage"]["custom"]["module"]
    assert find_spec(module)


def test_an_edited_copy_stays(checkout: Path) -> None:
    (checkout / INSTANCE).write_text(f"{BUNDLED}# mine\n", "utf-8")
    assert make_instance(checkout) == f"{BUNDLED}# mine\n"


def test_an_old_copy_gets_the_present_module_and_keeps_all_other_edits(checkout: Path) -> None:
    old = BUNDLED.replace("ecom_assets.orchestration.event_log", "ecom_assets.event_log")
    assert old != BUNDLED
    (checkout / INSTANCE).write_text(f"{old}# mine\n", "utf-8")
    for _ in range(2):
        assert make_instance(checkout) == f"{BUNDLED}# mine\n"


@pytest.mark.parametrize(
    ("version", "checked"), [((3, 10, 14), False), ((3, 11, 0), True), ((3, 13, 1), True)], ids=str
)
def test_lint_checks_the_imports_where_import_linter_has_a_version(
    checkout: Path, version: tuple[int, ...], checked: bool
) -> None:
    binaries = checkout / ".venv/bin"
    binaries.mkdir(parents=True)
    for name in ("ruff", "mypy", "mkdocs", "lint-imports"):
        (binaries / name).write_text(f'#!/bin/sh\necho "ran {name} $*"\n', "utf-8")
    # answers as that Python would, as far as the Makefile asks
    (binaries / "python").write_text(
        f"#!{sys.executable}\nimport sys\nsys.version_info = {version}\nexec(sys.argv[2])\n", "utf-8"
    )
    for binary in binaries.iterdir():
        binary.chmod(0o755)
    command = ["make", "--old-file", ".venv/.installed-dev", "lint"]
    done = subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert ("ran lint-imports --no-cache" in lines) is checked
    assert (
        "skipped: lint-imports, because import-linter has no version for Python 3.10" in lines
    ) is not checked
    assert "ran mkdocs build --strict --quiet" in lines


def test_lint_fails_if_an_import_is_wrong(checkout: Path) -> None:
    binaries = checkout / ".venv/bin"
    binaries.mkdir(parents=True)
    for name in ("ruff", "mypy", "mkdocs", "lint-imports"):
        (binaries / name).write_text(f"#!/bin/sh\nexit {int(name == 'lint-imports')}\n", "utf-8")
        (binaries / name).chmod(0o755)
    (binaries / "python").write_text("#!/bin/sh\nexit 1\n", "utf-8")
    (binaries / "python").chmod(0o755)
    command = ["make", "--old-file", ".venv/.installed-dev", "lint"]
    done = subprocess.run(command, cwd=checkout, check=False, capture_output=True, text=True)
    assert done.returncode != 0
