"""Edits of a YAML file change what they should, and no other character."""

from __future__ import annotations

import difflib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.declaration.reading import BUNDLED_SHOPS
from ecom_assets.discovery.output.yaml_text import YamlText
from ecom_assets_tests.support.examples import examples

TEXT = """\
# a head
name:   shop   # odd spaces stay

resources:
- name: orders   # by hand
  columns:
    id: {data_type: bigint, nullable: false}  # the key
    note:
      data_type: text  # long
      nullable: false

    "odd: key": { data_type: text }

# about stores
- name: stores
  columns: {id: {data_type: bigint}}
  description: >
    Folded
    text.
# the end
"""
COLUMNS: list[str | int] = ["resources", 0, "columns"]


def changed(before: str, after: str) -> list[str]:
    """Return the lines that differ."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line[:1] in "+-"]


def test_a_column_is_added_behind_the_last_one() -> None:
    text = YamlText(TEXT)
    text.add(COLUMNS, "city: {data_type: text}  # new")
    assert changed(TEXT, text.text) == ["+     city: {data_type: text}  # new"]
    assert list(yaml.safe_load(text.text)["resources"][0]["columns"])[-1] == "city"


def test_a_column_is_added_to_columns_in_one_line() -> None:
    text = YamlText(TEXT)
    text.add(["resources", 1, "columns"], "city: {data_type: text}  # new")
    assert yaml.safe_load(text.text)["resources"][1]["columns"] == {
        "id": {"data_type": "bigint"},
        "city": {"data_type": "text"},
    }


@pytest.mark.parametrize("name", ["id", "note", "odd: key"])
def test_values_are_set_added_and_removed(name: str) -> None:
    text = YamlText(TEXT)
    text.set([*COLUMNS, name], "nullable", "true")
    text.set([*COLUMNS, name], "data_type", "decimal")
    text.set([*COLUMNS, name], "scale", "2")
    text.remove([*COLUMNS, name], "scale")
    text.remove([*COLUMNS, name], "not there")
    document = yaml.safe_load(text.text)
    assert document["resources"][0]["columns"][name] == {"data_type": "decimal", "nullable": True}
    for line in (
        "# a head",
        "name:   shop   # odd spaces stay",
        "- name: orders   # by hand",
        "# about stores",
    ):
        assert line in text.text
    text.remove([*COLUMNS, name], "data_type")
    assert yaml.safe_load(text.text)["resources"][0]["columns"][name] == {"nullable": True}


def test_a_resource_is_appended_before_what_ends_the_file() -> None:
    text = YamlText(TEXT)
    text.append(["resources"], ["- name: products", "  columns:", "    id: {data_type: bigint}"])
    assert changed(TEXT, text.text) == ["+ - name: products", "+   columns:", "+     id: {data_type: bigint}"]
    assert [entry["name"] for entry in yaml.safe_load(text.text)["resources"]] == [
        "orders",
        "stores",
        "products",
    ]
    assert text.positions_by_name(["resources"]) == {"orders": 0, "stores": 1, "products": 2}


def test_a_remark_is_made_once() -> None:
    text = YamlText(TEXT)
    assert text.remark([*COLUMNS, "id"], "gone")
    assert not text.remark([*COLUMNS, "id"], "gone")
    assert not text.remark([*COLUMNS, "nothing"], "gone")
    assert text.remark([*COLUMNS, "odd: key"], "gone")
    assert "nullable: false}  # the key; gone\n" in text.text
    assert '"odd: key": { data_type: text }  # gone\n' in text.text


def test_what_is_not_there_cannot_be_added_to() -> None:
    with pytest.raises(LookupError):
        YamlText(TEXT).add(["nothing"], "a: 1")
    with pytest.raises(LookupError):
        YamlText(TEXT).append(["name"], ["- a"])


BUNDLED = (BUNDLED_SHOPS / "sandbox.yaml").read_text("utf-8")
_edits = st.lists(
    st.tuples(
        st.sampled_from(["add", "nullable", "data_type", "remark"]),
        st.integers(0, 4),
        st.integers(0, 30),
        st.sampled_from(["text", "'no'", "true", "[a, b]", "{c: d}"]),
    ),
    max_size=8,
)


@examples(0.3)  # each edit reads the whole file
@given(_edits)
def test_whatever_is_edited_the_rest_of_the_file_stays(edits: list[tuple[str, int, int, str]]) -> None:
    text = YamlText(BUNDLED)
    expected = yaml.safe_load(BUNDLED)
    touched = 0
    for number, (kind, resource, column, value) in enumerate(edits):
        columns = expected["resources"][resource]["columns"]
        name = list(columns)[column % len(columns)]
        place: list[str | int] = ["resources", resource, "columns"]
        if kind == "add":
            text.add(place, f"added_{number}: {{data_type: {value}}}  # new")
            columns[f"added_{number}"] = {"data_type": yaml.safe_load(value)}
        elif kind == "remark":
            text.remark([*place, name], f"remark {number}")
        else:
            text.set([*place, name], kind, value)
            columns[name][kind] = yaml.safe_load(value)
        touched += 1
    assert yaml.safe_load(text.text) == expected
    removed = [line for line in changed(BUNDLED, text.text) if line.startswith("-")]
    assert len(removed) <= touched
