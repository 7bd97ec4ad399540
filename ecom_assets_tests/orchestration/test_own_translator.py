"""A translator of a project's own: keys, dependencies, jobs, checks and alerts follow what it returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    AutomationCondition,
    Definitions,
    WeeklyPartitionsDefinition,
)
from dagster_dlt import DagsterDltTranslator
from dagster_dlt.translator import DltResourceTranslatorData

from ecom_assets import ShopTranslator, build_defs
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import IngestError
from ecom_assets_tests.support.dagster.dagster_runs import declare

DAY = "2026-01-05"


class Lake(ShopTranslator):
    """Moves all tables below `lake`, by another name, to another group."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> AssetSpec:
        spec = super().get_asset_spec(data)
        return spec.replace_attributes(
            key=AssetKey(["lake", self.shop.name, f"raw_{data.resource.name}"]),
            group_name="lake",
            owners=["team:lake"],
            automation_condition=AutomationCondition.eager(),
            metadata={**spec.metadata, "layer": "raw"},
            kinds={"iceberg"},
            tags={"layer": "raw"},
        )


class Plain(DagsterDltTranslator):
    """Is what somebody has who comes from dagster-dlt."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> AssetSpec:
        spec = super().get_asset_spec(data)
        return spec.replace_attributes(key=AssetKey(["plain", data.resource.name]), deps=[])


def by_name(definitions: Definitions) -> dict[str, AssetSpec]:
    return {spec.key.path[-1]: spec for spec in definitions.resolve_all_asset_specs()}


def test_it_changes_what_it_wants_and_the_rest_follows(tmp_path: Path) -> None:
    folder = declare(tmp_path, ("  - name: customers\n", "  - name: customers\n    deletes: sweep\n"))
    made = build_defs(folder, translator=Lake)
    Definitions.validate_loadable(made)
    specs = by_name(made)
    orders = specs["raw_orders"]
    assert orders.key == AssetKey(["lake", "sandbox", "raw_orders"])
    assert (orders.group_name, list(orders.owners), orders.kinds) == ("lake", ["team:lake"], {"iceberg"})
    links = {"api", "declaration", "dagster/code_references"}
    assert {"layer", "dagster/table_name", "dagster/column_schema"} | links == set(orders.metadata)
    assert [dep.asset_key for dep in specs["raw_order_items"].deps] == [orders.key]
    gone = specs["raw_customers_deletions"]
    assert gone.key == AssetKey(["lake", "sandbox", "raw_customers_deletions"])
    assert [dep.asset_key for dep in gone.deps] == [specs["raw_customers"].key]
    assert (gone.group_name, list(gone.owners), gone.tags["layer"]) == ("lake", ["team:lake"], "raw")
    assert gone.automation_condition is None
    status = specs["status"]
    assert status.key == AssetKey(["lake", "sandbox", "status"])
    assert (status.group_name, list(status.owners), status.tags["layer"]) == ("lake", ["team:lake"], "raw")
    windows = made.resolve_job_def("sandbox_windows").asset_layer.selected_asset_keys
    assert windows == {specs[f"raw_{name}"].key for name in ("customers", "orders", "order_items")}
    assert made.resolve_job_def("sandbox_deletions").asset_layer.selected_asset_keys == {gone.key}


@pytest.mark.parametrize(
    ("translator", "key"),
    [
        (Lake, AssetKey(["lake", "sandbox", "raw_orders"])),
        pytest.param(None, AssetKey(["raw", "orders"]), marks=pytest.mark.slow),
        pytest.param(Plain, AssetKey(["plain", "orders"]), marks=pytest.mark.slow),
        pytest.param(Plain(), AssetKey(["plain", "orders"]), marks=pytest.mark.slow),
        pytest.param(
            lambda shop: Lake(shop), AssetKey(["lake", "sandbox", "raw_orders"]), marks=pytest.mark.slow
        ),
    ],
)
def test_a_run_loads_under_its_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, translator: Any, key: AssetKey
) -> None:
    """A project may replace these keys again."""
    monkeypatch.setenv("ECOM_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    folder = declare(tmp_path, ("\npartitions:", "\ndagster: {key_prefix: raw}\npartitions:"))
    made = build_defs(folder, translator=translator)
    again = AssetKey(["again", *key.path])
    assets = [
        entry.with_attributes(asset_key_replacements={key: again})
        for entry in made.assets or ()
        if isinstance(entry, AssetsDefinition)
    ]
    job = Definitions(assets=assets, resources=made.resources).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(partition_key=DAY, asset_selection=[again])
    assert [event.asset_key for event in result.get_asset_materialization_events()] == [again]
    checks = result.get_asset_check_evaluations()
    assert {check.asset_key for check in checks} == {again}
    assert all(check.passed for check in checks if check.check_name != "references")


class Failing(ShopTranslator):
    """Has a mistake."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> AssetSpec:
        raise KeyError(data.resource.name)


class Nothing(ShopTranslator):
    """Forgets to return."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> AssetSpec:
        return None  # type: ignore[return-value]


class OneKey(ShopTranslator):
    """Gives all tables one key."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> AssetSpec:
        return super().get_asset_spec(data).replace_attributes(key=AssetKey("all"))


class Weekly(ShopTranslator):
    """Gives tables other partitions than their windows."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> AssetSpec:
        weekly = WeeklyPartitionsDefinition("2026-01-01")
        return super().get_asset_spec(data).replace_attributes(partitions_def=weekly)


def no_translator(_: Shop) -> str:
    """Return something else."""
    return "lake"


@pytest.mark.parametrize(
    ("translator", "message"),
    [
        (Failing, "translator Failing, for sandbox.customers: KeyError: 'customers'"),
        (
            Nothing,
            "translator Nothing, for sandbox.customers: found a value of type NoneType; allowed: an AssetSpec",
        ),
        (
            Weekly,
            "translator, for sandbox.customers: found a partitions_def (Weekly, starting 2026-01-01 UTC.); ",
        ),
        (OneKey, "translator, for sandbox.products: found the key all, which customers has"),
        (no_translator, "translator: found a value of type str; allowed: a subclass of ShopTranslator"),
        ("lake", "translator: found a value of type str; allowed: a subclass of ShopTranslator"),
    ],
)
def test_its_mistakes_are_named(tmp_path: Path, translator: Any, message: str) -> None:
    """Also where a folder has other shops: they come from the code, not from a file."""
    folder = declare(tmp_path)
    other = (folder / "sandbox.yaml").read_text("utf-8").replace("name: sandbox", "name: other", 1)
    (folder / "zz_other.yaml").write_text(other, "utf-8")
    with pytest.raises(IngestError) as caught:
        build_defs(folder, translator=translator)
    assert str(caught.value).startswith(message)
