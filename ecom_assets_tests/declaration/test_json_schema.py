"""The JSON Schema of a declaration accepts every file that loads, and refuses the errors that an editor can find."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from ecom_assets.declaration.reading import BUNDLED_SHOPS, SCHEMA_FILE, load_shop
from ecom_assets.declaration.reference import keys_page
from ecom_assets.foundation.errors import DeclarationError
from ecom_assets_tests.declaration.test_error_text import GOOD, wrong_declarations
from ecom_assets_tests.support.paths import ROOT

TESTS = ROOT / "ecom_assets_tests"
SHIPPED = sorted(BUNDLED_SHOPS.glob("*.yaml"))
SHAPES = sorted((TESTS / "support" / "shapes").glob("*.yaml"))
SCHEMA: dict[str, Any] = json.loads(SCHEMA_FILE.read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)

BEYOND = (TESTS / "declaration" / "beyond_the_schema.txt").read_text("utf-8").splitlines()
"""The messages for errors that no schema can find: they concern several places, or the world outside the file."""


def problems(document: Any) -> list[str]:
    """Return what the schema says of a document, with YAML's dates as the texts that an editor sees."""
    plain = json.loads(json.dumps(document, default=str))
    return [error.message for error in VALIDATOR.iter_errors(plain)]


def texts_of_the_tests() -> list[str]:
    """Return every text in the tests' modules that could be a whole declaration."""
    found = []
    for module in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "resources:" in node.value:
                found.append(node.value)
    return found


def test_the_files_generated_from_the_models_are_current() -> None:
    assert SCHEMA_FILE.read_text("utf-8") == keys_page.schema_text(), "run `make docs`"
    assert keys_page.PAGE.read_text("utf-8") == keys_page.page_text(), "run `make docs`"


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_key_says_what_it_means() -> None:
    forms: list[Any] = [SCHEMA]
    keys = 0
    while forms:
        form = forms.pop()
        if isinstance(form, list):
            forms += form
        if not isinstance(form, dict):
            continue
        if form.get("additionalProperties") is False and "title" in form:
            for key, entry in form["properties"].items():
                assert entry.get("description", "").endswith("."), f"{form['title']}.{key}"
                assert "\n" not in entry["description"]
                keys += 1
        forms += form.values()
    assert keys > 120


@pytest.mark.parametrize("file", [*SHIPPED, *SHAPES], ids=lambda file: file.name)
def test_it_takes_the_declarations_that_are_there(file: Path) -> None:
    text = file.read_text("utf-8").replace("BASE_URL", "http://127.0.0.1")
    assert problems(yaml.safe_load(text)) == []


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_a_shipped_file_names_the_schema_beside_it(file: Path) -> None:
    first, _, _ = file.read_text("utf-8").partition("\n")
    mark, _, named = first.partition("$schema=")
    assert mark == "# yaml-language-server: "
    assert (file.parent / named).resolve() == SCHEMA_FILE.resolve()


def test_it_takes_every_declaration_of_the_tests_that_loads(tmp_path: Path) -> None:
    taken = 0
    for number, text in enumerate(texts_of_the_tests()):
        file = tmp_path / f"shop_{number}.yaml"
        file.write_text(text, "utf-8")
        try:
            load_shop(file)
        except DeclarationError:
            continue
        assert problems(yaml.safe_load(text)) == [], text
        taken += 1
    assert taken >= 5


def refused(old: str, new: str) -> bool:
    """Tell whether the schema, or YAML itself, refuses a wrong declaration."""
    try:
        return bool(problems(yaml.safe_load(f"\n{GOOD}".replace(f"\n{old}", f"\n{new}"))))
    except (yaml.YAMLError, ValueError):
        return True


def test_it_refuses_every_wrong_declaration_but_those_that_are_listed() -> None:
    wrong = wrong_declarations()
    assert {message for old, new, message in wrong if not refused(old, new)} == set(BEYOND)
    assert len(BEYOND) < len(wrong) / 2
    assert not [message for message in BEYOND if "an unknown key" in message]


@pytest.mark.parametrize(
    "text",
    [
        "extends: _base.yaml\nresources: [{name: orders, columns: {note: null}}]",
        "client: {auth: null}\npolicy: null",
        "name: acme\nextends: _base.yaml\npartitions: {every: hour}",
    ],
)
def test_a_layer_need_not_be_whole(text: str) -> None:
    assert problems(yaml.safe_load(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "client: {paginator: {type: cursor, limit: 3}}",
        "client: {auth: [{type: bearer}, {type: http_basic, secret: mine}]}",
        "resources: [{name: orders, endpoint: {incremental: {bounds: closed}}}]",
        "resources: [{endpoint: /orders}]",
    ],
)
def test_a_layer_must_be_right(text: str) -> None:
    assert problems(yaml.safe_load(text)) != []
