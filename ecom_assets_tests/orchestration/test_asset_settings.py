"""The key `dagster` of a shop and of a resource, as it comes out in the definitions and in runs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetKey,
    AssetsDefinition,
    AutomationCondition,
    Definitions,
    FilesystemIOManager,
    FreshnessPolicy,
    asset,
    colored_console_logger,
    multiprocess_executor,
)

from ecom_assets.declaration.reading import load_shop
from ecom_assets.foundation.errors import DeclarationError
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets_tests.support.dagster.dagster_runs import declare

ORDERS = AssetKey(["sandbox", "orders"])
DAY = "2026-01-05"


def declared(folder: Path, settings: str, **of_tables: str) -> Path:
    """Write the bundled shop with `dagster` of the shop, and of tables."""
    changes = [
        (f"  - name: {name}\n", f"  - name: {name}\n    dagster: {text}\n")
        for name, text in of_tables.items()
    ]
    return declare(folder, ("\npartitions:", f"\ndagster: {settings}\npartitions:"), *changes)


def specs(definitions: Definitions) -> dict[str, Any]:
    """Return the specs of the assets by the names of their tables."""
    return {spec.key.path[-1]: spec for spec in definitions.resolve_all_asset_specs()}


def pools(definitions: Definitions) -> dict[str, str | None]:
    """Return the pool of each table's op."""
    assets = [entry for entry in definitions.assets or () if isinstance(entry, AssetsDefinition)]
    return {key.path[-1]: entry.op.pool for entry in assets for key in entry.keys}


def test_what_the_shop_sets_holds_for_all_tables_and_what_a_table_sets_comes_before(tmp_path: Path) -> None:
    folder = declared(
        tmp_path,
        "{key_prefix: raw/erp, group_name: ingest, owners: [team:data, ann@example.com], "
        "tags: {domain: sales, tier: '1'}, kinds: api, automation_condition: eager, freshness: {hours: 30}, pool: erp}",
        stores="{key_prefix: [ref], group_name: reference, owners: team:shops, tags: {tier: '2'}, kinds: [], "
        "automation_condition: {on_cron: '0 3 * * *', timezone: Europe/Berlin}, "
        "freshness: {cron: '0 9 * * *', minutes: 90, timezone: Europe/Berlin}, pool: stores}",
        products="{automation_condition: none, freshness: none, owners: []}",
    )
    made = build_defs(folder)
    found = specs(made)
    orders, stores, products = found["orders"], found["stores"], found["products"]
    assert orders.key == AssetKey(["raw", "erp", "orders"])
    assert (orders.group_name, orders.owners) == ("ingest", ["team:data", "ann@example.com"])
    assert (orders.tags["domain"], orders.tags["tier"], orders.kinds) == ("sales", "1", {"api"})
    assert orders.automation_condition == AutomationCondition.eager()
    assert orders.freshness_policy == FreshnessPolicy.time_window(timedelta(hours=30))
    assert [dep.asset_key for dep in found["order_items"].deps] == [orders.key]
    assert stores.key == AssetKey(["ref", "stores"])
    assert (stores.group_name, stores.owners, stores.kinds) == ("reference", ["team:shops"], set())
    assert stores.tags == {"domain": "sales", "tier": "2"}
    assert stores.automation_condition == AutomationCondition.on_cron("0 3 * * *", "Europe/Berlin")
    assert stores.freshness_policy == FreshnessPolicy.cron(
        "0 9 * * *", timedelta(minutes=90), "Europe/Berlin"
    )
    assert (products.automation_condition, products.freshness_policy, products.owners) == (None, None, [])
    assert pools(made) == {**dict.fromkeys(found, "erp"), "stores": "stores", "sandbox_status": None}
    status = found["sandbox_status"]
    assert status.key == AssetKey(["raw", "erp", "sandbox_status"])
    assert (status.group_name, status.owners) == ("ingest", ["team:data", "ann@example.com"])
    assert (status.tags["domain"], status.tags["tier"], status.kinds) == ("sales", "1", {"report"})
    assert (status.automation_condition, status.freshness_policy) == (None, None)
    Definitions.validate_loadable(made)
    keys = made.resolve_job_def("sandbox_snapshots").asset_layer.selected_asset_keys
    assert keys == {stores.key, products.key}


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("on_missing", AutomationCondition.on_missing()),
        ("eager()", AutomationCondition.eager()),
        ("\"on_cron('@daily')\"", AutomationCondition.on_cron("@daily")),
        ("{on_cron: '@daily'}", AutomationCondition.on_cron("@daily")),
    ],
)
def test_ways_to_write_a_condition(
    tmp_path: Path, text: str, condition: AutomationCondition[AssetKey]
) -> None:
    found = specs(build_defs(declared(tmp_path, f"{{automation_condition: {text}}}")))
    assert found["orders"].automation_condition == condition
    assert found["orders"].key == ORDERS


def test_a_warning_before_a_table_is_late_and_no_prefix_at_all(tmp_path: Path) -> None:
    found = specs(build_defs(declared(tmp_path, "{key_prefix: [], freshness: {hours: 2, warn_minutes: 90}}")))
    assert found["orders"].freshness_policy == FreshnessPolicy.time_window(
        timedelta(hours=2), timedelta(minutes=90)
    )
    assert found["orders"].key == AssetKey(["orders"])


def test_nobody_owns_what_declares_no_owner(tmp_path: Path) -> None:
    assert {tuple(spec.owners) for spec in specs(build_defs(declare(tmp_path))).values()} == {()}


def test_delete_detection_goes_with_its_table(tmp_path: Path) -> None:
    settings = (
        "{key_prefix: raw, group_name: g, owners: team:a, tags: {a: b}, kinds: [k], pool: p, freshness: none}"
    )
    folder = declared(tmp_path, "{}", customers=f"{settings}\n    deletes: sweep")
    made = build_defs(folder)
    spec = specs(made)["customers_deletions"]
    assert spec.key == AssetKey(["raw", "customers_deletions"])
    assert [dep.asset_key for dep in spec.deps] == [AssetKey(["raw", "customers"])]
    assert (spec.group_name, spec.owners, spec.tags["a"], spec.kinds) == ("g", ["team:a"], "b", {"k"})
    assert spec.automation_condition is None
    assert pools(made)["customers_deletions"] == "p"
    assert made.resolve_job_def("sandbox_deletions").asset_layer.selected_asset_keys == {spec.key}


def test_tables_with_other_pools_and_prefixes_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An op has one pool, so orders and its lines are in another op than customers, under keys of their own."""
    monkeypatch.setenv("ECOM_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    made = build_defs(declared(tmp_path, "{key_prefix: raw}", orders="{pool: heavy, key_prefix: [big, raw]}"))
    assert {name: pools(made)[name] for name in ("customers", "orders", "order_items")} == {
        "customers": "sandbox_load",
        "orders": "heavy",
        "order_items": "heavy",
    }
    result = made.resolve_job_def("sandbox_windows").execute_in_process(partition_key=DAY)
    assert result.success
    loaded = {
        event.asset_key.to_user_string()
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    assert loaded == {"raw/customers", "big/raw/orders", "raw/order_items"}
    assert {check.asset_key.to_user_string() for check in result.get_asset_check_evaluations()} == loaded
    assert all(check.passed for check in result.get_asset_check_evaluations() if check.blocking)


def test_two_shops_that_would_have_one_key(tmp_path: Path) -> None:
    """The second one is left out, and an asset in its place says why."""
    declared(tmp_path, "{key_prefix: raw}", stores="{key_prefix: ref}")
    text = (tmp_path / "sandbox.yaml").read_text("utf-8").replace("name: sandbox", "name: second", 1)
    (tmp_path / "second.yaml").write_text(text.replace("key_prefix: raw", "key_prefix: second"), "utf-8")
    made = build_defs(tmp_path)
    Definitions.validate_loadable(made)
    found = {spec.key: spec for spec in made.resolve_all_asset_specs()}
    # the files are taken by name: sandbox.yaml first
    assert AssetKey(["raw", "orders"]) in found
    assert AssetKey(["second", "orders"]) not in found
    description = found[AssetKey(["second", "declaration"])].description or ""
    assert "second.yaml: dagster.key_prefix: found a prefix that gives the key ref/stores" in description
    shops = [load_shop(tmp_path / "sandbox.yaml"), load_shop(tmp_path / "second.yaml")]
    in_python = [shop.model_copy(update={"file": Path()}) for shop in shops]
    with pytest.raises(DeclarationError, match="which shop sandbox has"):
        build_defs(shops=in_python)


def test_an_own_project_with_executor_loggers_and_resources(tmp_path: Path) -> None:
    @asset(deps=[AssetKey(["raw", "orders"])])
    def revenue() -> None: ...

    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    declared(one, "{key_prefix: raw}")
    text = declare(two).joinpath("sandbox.yaml").read_text("utf-8")
    (two / "sandbox.yaml").write_text(text.replace("name: sandbox", "name: other", 1), "utf-8")
    own = Definitions(
        assets=[revenue],
        executor=multiprocess_executor,
        loggers={"console": colored_console_logger},
        resources={"io_manager": FilesystemIOManager(), "warehouse": object()},
    )
    merged = Definitions.merge(own, build_defs(one), build_defs(two, alerts=False))
    Definitions.validate_loadable(merged)
    assert merged.executor is multiprocess_executor
    assert set(merged.loggers or ()) == {"console"}
    assert {"io_manager", "warehouse", "sandbox_secrets", "other_secrets"} == set(merged.resources or ())
    assert merged.resolve_job_def("sandbox_windows").executor_def.name == "in_process"
    graph = merged.resolve_asset_graph()
    assert graph.get(AssetKey("revenue")).parent_keys == {AssetKey(["raw", "orders"])}
