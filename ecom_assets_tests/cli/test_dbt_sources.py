"""The command `dbt-sources`: what dbt reads of a declaration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ecom_assets.cli.app import main
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets_tests.support.dagster.dagster_runs import declare


def printed(argument: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return the document that the command prints."""
    monkeypatch.setattr("sys.argv", ["ecom-assets", "dbt-sources", argument])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    return yaml.safe_load(capsys.readouterr().out)


def test_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keys are those of the assets: dagster-dbt's default for a source is its name and the table's."""
    (source,) = printed("sandbox", monkeypatch, capsys)["sources"]
    tables = {table["name"]: table for table in source["tables"]}
    assets = {spec.key.path[-1] for spec in build_defs(declare(tmp_path)).resolve_all_asset_specs()}
    assert (
        {"orders", "order_items", "customers", "products", "stores"} == tables.keys() == assets - {"status"}
    )
    assert source["name"] == source["schema"] == "sandbox"
    assert tables["orders"]["loaded_at_field"] == "updated_at"
    assert tables["orders"]["freshness"]["warn_after"] == {"count": 60, "period": "hour"}
    assert "freshness" not in tables["stores"]
    assert "freshness" not in tables["order_items"]
    columns = {column["name"]: column for column in tables["orders"]["columns"]}
    assert columns["id"] == {
        "name": "id",
        "description": "Identifies the order.",
        "data_tests": ["not_null", "unique"],
    }
    lines = {column["name"]: column.get("data_tests") for column in tables["order_items"]["columns"]}
    assert lines["id"] == lines["order_id"] == ["not_null"]


def test_a_key_with_history_is_not_unique(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = "write_disposition: replace\n    endpoint: {path: /v1/products"
    new = "write_disposition: {disposition: merge, strategy: scd2}\n    endpoint: {path: /v1/products"
    folder = declare(tmp_path, (old, new))
    (source,) = printed(str(folder / "sandbox.yaml"), monkeypatch, capsys)["sources"]
    (products,) = [table for table in source["tables"] if table["name"] == "products"]
    assert products["columns"][0]["data_tests"] == ["not_null"]


def test_tables_with_a_key_prefix_name_their_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = declare(tmp_path, ("\npartitions:", "\ndagster: {key_prefix: raw/erp}\npartitions:"))
    (source,) = printed(str(folder / "sandbox.yaml"), monkeypatch, capsys)["sources"]
    keys = {tuple(table["meta"]["dagster"]["asset_key"]) for table in source["tables"]}
    assets = {tuple(spec.key.path) for spec in build_defs(folder).resolve_all_asset_specs()}
    assert keys == assets - {("raw", "erp", "sandbox_status")}


def test_names_that_sql_reserves_are_quoted_and_braces_are_no_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """dbt writes columns into its SQL without quotes, where `user` is the user of the session."""
    folder = declare(
        tmp_path,
        ("updated_at: {data_type", "when: {path: updated_at, data_type"),
        ("      email: {data_type", "      user: {path: email, data_type"),
        ("Address the customer signed up with.", '"Signed up as {{ name }}."'),
        ("first_name: {data_type", "desc: {path: first_name, data_type"),
    )
    (source,) = printed(str(folder / "sandbox.yaml"), monkeypatch, capsys)["sources"]
    (customers,) = [table for table in source["tables"] if table["name"] == "customers"]
    assert customers["loaded_at_field"] == '"when"'
    columns = {column["name"]: column for column in customers["columns"]}
    assert {name for name, column in columns.items() if column.get("quote")} == {"when", "user", "desc"}
    assert columns["user"]["description"] == "{% raw %}Signed up as {{ name }}.{% endraw %}"
    assert columns["id"]["description"] == "Identifies the customer."
