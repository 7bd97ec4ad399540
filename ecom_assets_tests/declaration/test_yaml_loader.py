"""The fast YAML loader makes of a text what the slow one makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.declaration.files.yaml_loader import FastLoader, StrictLoader, load_strictly

ROOT = Path(__file__).parents[2]
FOLDERS = ("benchmarks", "deploy", "ecom_assets", "ecom_assets_tests", "examples")
FILES = sorted(
    [*ROOT.glob("*.yaml"), *(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.yaml"))]
)
PIECES = [
    "a",
    "b: ",
    "- ",
    "\n",
    "  ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "#",
    "&x ",
    "*x",
    "! ",
    "| \n",
    "> \n",
    "'",
    '"',
]
PIECES += [
    "0",
    "1.5",
    "null",
    "~",
    "2026-01-01",
    "12:30:45",
    "? ",
    "<<: ",
    "\t",
    "é",
    "%",
    "---\n",
    "\r\n",
    "\u2028",
]


def slowly(text: str) -> Any:
    """Return what Python's parser makes of a text, or the class of its error."""
    try:
        return repr(yaml.load(text, Loader=StrictLoader))
    except (yaml.YAMLError, RecursionError) as error:
        return type(error)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_files_of_the_project_are_read_fast(file: Path) -> None:
    text = file.read_text("utf-8")
    if "{{" not in text:  # a template is no YAML yet
        documents = [repr(list(yaml.load_all(text, Loader=loader))) for loader in (FastLoader, StrictLoader)]
        assert documents[0] == documents[1]


def fast(text: str) -> Any:
    """Return what the loader makes of a text, or the class of its error."""
    try:
        return repr(load_strictly(text))
    except (yaml.YAMLError, RecursionError) as error:
        return type(error)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_text_is_read_as_by_python(text: str) -> None:
    expected, found = slowly(text), fast(text)
    if isinstance(expected, str) or isinstance(found, type):  # libyaml takes a few texts that Python refuses
        assert found == expected


def test_a_text_that_only_python_takes_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(loader: object) -> None:
        raise yaml.YAMLError

    monkeypatch.setattr(FastLoader, "get_single_data", refuses)
    assert load_strictly("a: 1") == {"a": 1}
