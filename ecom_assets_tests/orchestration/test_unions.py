"""The assets of unions: downstream of the tables, reported by loads, red where a column has two types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetCheckKey, AssetKey, AssetSpec, DagsterInstance, Definitions
from dagster_dlt.translator import DltResourceTranslatorData

from ecom_assets import ShopTranslator
from ecom_assets.cli.app import main
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets_tests.support.servers.loopback import json_reply, serving

VIEW = AssetKey(["all_shops", "orders"])
SHOP = """
name: {name}
client: {{base_url: "{base_url}"}}
resources:
- name: orders
  primary_key: id
  endpoint: {{path: /orders, data_selector: data, paginator: single_page}}
  columns: {{id: {{data_type: {kind}}}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder with two shops at one server, and a view over their orders."""
    with serving() as loopback:
        loopback.answering = lambda seen: json_reply({"data": [{"id": 1}], "total": 1})
        for name in ("north", "south"):
            text = SHOP.format(name=name, base_url=loopback.base_url, kind="bigint")
            (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
        (tmp_path / "_unions.yaml").write_text("unions: [{name: orders}]", "utf-8")
        yield tmp_path


def run(defs: Definitions, instance: DagsterInstance, *key: str) -> bool:
    """Materialise one asset."""
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={AssetKey(key)})
    return job.execute_in_process(instance=instance, raise_on_error=False).success


def verdict(instance: DagsterInstance) -> tuple[bool, str]:
    """Return the newest outcome of the view's check."""
    key = AssetCheckKey(VIEW, "view_written")
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert record.event is not None
    found = record.event.get_dagster_event().asset_check_evaluation_data
    return found.passed, found.description or ""


def shown(instance: DagsterInstance) -> dict[str, Any]:
    """Return the metadata of the newest materialization of the view."""
    event = instance.get_latest_materialization_event(VIEW)
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_a_view_is_downstream_of_its_tables_and_loads_report_it(folder: Path) -> None:
    defs = build_defs(folder)
    Definitions.validate_loadable(defs)
    graph = defs.resolve_asset_graph()
    assert graph.get(VIEW).parent_keys == {AssetKey(["north", "orders"]), AssetKey(["south", "orders"])}
    with DagsterInstance.ephemeral() as instance:
        assert not run(defs, instance, "all_shops", "orders"), "no shop is loaded"
        assert run(defs, instance, "north", "orders")
        assert shown(instance)["left_out"] == "south: not loaded yet"
        assert run(defs, instance, "south", "orders")
        assert shown(instance)["shops"] == "north, south"
        schema = shown(instance)["dagster/column_schema"]
        assert [(column.name, column.type) for column in schema.columns] == [
            ("shop", "text"),
            ("id", "bigint"),
        ]
        assert verdict(instance) == (True, "all is well")
        assert run(defs, instance, "all_shops", "orders"), "a person may do it, too"

        file = folder / "south.yaml"
        file.write_text(file.read_text("utf-8").replace("bigint", "text"), "utf-8")
        assert run(build_defs(folder), instance, "south", "orders"), "the load is right without the view"
        passed, text = verdict(instance)
        assert not passed
        assert "south.orders.id" in text
        assert "north.orders.id" in text


def test_a_wrong_file_of_unions_is_red_and_the_shops_stay(folder: Path) -> None:
    (folder / "_unions.yaml").write_text("unions: [{name: ordres}]", "utf-8")
    defs = build_defs(folder)
    keys = {key.to_user_string() for key in defs.resolve_all_asset_keys()}
    assert {"_unions/declaration", "north/orders", "south/orders"} <= keys
    specs = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
    description = specs[AssetKey(["_unions", "declaration"])].description or ""
    assert "so its views are not written" in description
    assert "did you mean" in description or "a table of no shop" in description


def test_a_view_is_below_the_keys_that_a_translator_gives(folder: Path) -> None:
    class Lake(ShopTranslator):
        def get_asset_spec(self, data: DltResourceTranslatorData) -> AssetSpec:
            key = AssetKey(["lake", self.shop.name, data.resource.name])
            return super().get_asset_spec(data).replace_attributes(key=key)

    graph = build_defs(folder, translator=Lake).resolve_asset_graph()
    assert graph.get(VIEW).parent_keys == {AssetKey(["lake", name, "orders"]) for name in ("north", "south")}


def test_a_view_never_takes_the_key_of_a_table(folder: Path) -> None:
    file = folder / "south.yaml"
    file.write_text(file.read_text("utf-8") + "dagster: {key_prefix: all_shops}\n", "utf-8")
    defs = build_defs(folder)
    Definitions.validate_loadable(defs)
    keys = {key.to_user_string() for key in defs.resolve_all_asset_keys()}
    assert {"_unions/declaration", "north/orders", "all_shops/orders"} <= keys
    specs = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
    text = specs[AssetKey(["_unions", "declaration"])].description or ""
    assert "the key all_shops/orders, which shop south has" in text


def test_the_command_line_checks_the_file_of_unions(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "_unions.yaml").write_text("unions: [{name: ordres}]", "utf-8")
    monkeypatch.setenv("ECOM_SHOPS_DIR", str(folder))
    monkeypatch.setattr("sys.argv", ["ecom-assets", "check", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "_unions.yaml: unions[0].name: found 'ordres', a table of no shop" in capsys.readouterr().err
