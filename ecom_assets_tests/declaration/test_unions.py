"""The file of unions: what it may say, and that no file of it is taken for a shop."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ecom_assets.declaration.reading import shop_files
from ecom_assets.declaration.unions import UnionEntry, UnionsFile, load_folder, unions_of
from ecom_assets.foundation.errors import DeclarationError
from ecom_assets_tests.support.paths import ROOT

SHOP = """
name: {0}
client: {{base_url: "https://api.example.com"}}
resources:
- {{name: orders, primary_key: id, endpoint: /orders}}
- {{name: {0}_only, primary_key: id, endpoint: /others}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with two shops, as the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("north", "south"):
        (tmp_path / f"{name}.yaml").write_text(SHOP.format(name), "utf-8")
    return tmp_path


def test_a_view_names_its_shops_or_has_all_with_the_table(folder: Path) -> None:
    (folder / "_unions.yaml").write_text(
        yaml.safe_dump(
            {
                "dataset": "everywhere",
                "unions": [
                    {"name": "orders"},
                    {"name": "some", "table": "orders", "shops": ["south"], "shop_column": "store"},
                    {"name": "north_only"},
                ],
            }
        ),
        "utf-8",
    )
    shops, unions, errors = load_folder(folder)
    assert errors == {}
    assert [file.name for file in shop_files(folder)] == ["north.yaml", "south.yaml"]
    found = [(str(union), union.table, union.shops, union.shop_column) for union in unions]
    assert found == [
        ("everywhere.orders", "orders", ("north", "south"), "shop"),
        ("everywhere.some", "orders", ("south",), "store"),
        ("everywhere.north_only", "north_only", ("north",), "shop"),
    ]
    assert [union.name for union in unions_of(shops[0])] == ["orders", "north_only"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("unions: []", "unions: found an empty list; allowed: a list of views, at least one"),
        ("dataset: all", "unions: found nothing; allowed: a list of views, at least one"),
        ("views: []", "views: found an unknown key; allowed: dataset, unions"),
        ("unions: [{name: orders, shop: a}]", "allowed: name, table, shops, shop_column"),
        (
            "unions: [{name: orders, shops: [nroth]}]",
            "unions[0].shops[0]: found 'nroth'; allowed: north, south; did you mean north?",
        ),
        (
            "unions: [{name: north_only, shops: [north, south]}]",
            "unions[0].shops[1]: found 'south', which has no table north_only; allowed: north",
        ),
        (
            "unions: [{name: orders, shops: [north, north]}]",
            "unions[0].shops[1]: found 'north' twice; allowed: each shop once",
        ),
        (
            "unions: [{name: ordres}]",
            "unions[0].name: found 'ordres', a table of no shop; "
            "allowed: north_only, orders, south_only; did you mean orders?",
        ),
        ("unions: [{name: a, table: b}]", "unions[0].table: found 'b', a table of no shop"),
        ("unions: [{name: orders}, {name: orders}]", "unions[1].name: found 'orders' twice"),
        ("{dataset: south, unions: [{name: orders}]}", "dataset: found 'south', the dataset of a shop"),
        (
            "{dataset: main, unions: [{name: orders}]}",
            "dataset: found 'main'; allowed: a name that no database",
        ),
        ("[1]", "file: found a list; allowed: a mapping with dataset, unions"),
    ],
)
def test_a_wrong_file_says_what_is_wrong_and_the_shops_stay(folder: Path, text: str, message: str) -> None:
    file = folder / "_unions.yaml"
    file.write_text(text, "utf-8")
    shops, unions, errors = load_folder(folder)
    assert len(shops) == 2
    assert unions == ()
    assert list(errors) == [file]
    assert str(errors[file]).startswith("_unions.yaml: ")
    assert message in str(errors[file])


def test_a_shop_with_a_wrong_declaration_spoils_no_view(folder: Path) -> None:
    (folder / "_unions.yaml").write_text("unions: [{name: orders, shops: [north, south]}]", "utf-8")
    (folder / "south.yaml").write_text("name: south", "utf-8")
    _, (union,), errors = load_folder(folder)
    assert [file.name for file in errors] == ["south.yaml"]
    assert union.shops == ("north", "south")
    assert union.invalid == {"south"}


def test_two_files_of_unions_are_one_too_many(folder: Path) -> None:
    for name in ("_unions.yaml", "_unions.yml"):
        (folder / name).write_text("unions: [{name: orders}]", "utf-8")
    (error,) = load_folder(folder)[2].values()
    assert "a second file beside _unions.yaml" in str(error)
    with pytest.raises(DeclarationError, match="a second file"):
        unions_of(load_folder(folder)[0][0])


def test_the_documentation_has_each_key() -> None:
    text = (ROOT / "docs" / "tables.md").read_text("utf-8")
    for model in (UnionsFile, UnionEntry):
        for name, field in model.model_fields.items():
            assert f"| `{name}` | {(field.description or '').rstrip('.')}" in text
