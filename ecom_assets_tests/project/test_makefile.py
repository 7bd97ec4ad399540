"""The Makefile's rule for the local Dagster instance: it copies the settings once, and keeps an old copy working."""

from __future__ import annotations

import shutil
import subprocess
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
    assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


def test_an_edited_copy_stays(checkout: Path) -> None:
    (checkout / INSTANCE).write_text(f"{BUNDLED}# mine\n", "utf-8")
    assert make_instance(checkout) == f"{BUNDLED}# mine\n"


def test_an_old_copy_gets_the_present_module_and_keeps_all_other_edits(checkout: Path) -> None:
    old = BUNDLED.replace("ecom_assets.orchestration.event_log", "ecom_assets.event_log")
    assert old != BUNDLED
    (checkout / INSTANCE).write_text(f"{old}# mine\n", "utf-8")
    for _ in range(2):
        assert make_instance(checkout) == f"{BUNDLED}# mine\n"
