"""Rows as Markdown tables."""

from __future__ import annotations

from ecom_assets.orchestration.markdown import markdown_table


def test_a_column_for_each_key() -> None:
    """Columns in order of appearance; a missing value and null are empty."""
    table = markdown_table([{"id": 1, "note": None}, {"id": 2, "extra": "x"}])
    assert table == "| id | note | extra |\n| --- | --- | --- |\n| 1 |  |  |\n| 2 |  | x |"


def test_no_value_breaks_the_table() -> None:
    """Line breaks, bars, backslashes and long texts."""
    table = markdown_table([{"a": "one\n two", "b": "x|y\\|z", "c": "w" * 80}])
    row = table.splitlines()[-1]
    assert row == f"| one two | x\\|y\\\\\\|z | {'w' * 59}… |"


def test_no_rows() -> None:
    """Nothing at all."""
    assert markdown_table([]) == ""
