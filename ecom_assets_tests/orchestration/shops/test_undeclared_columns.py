"""Assets, checks and commands of a shop that declares no columns."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from dagster import AssetKey, DagsterInstance, TableSchema, materialize

from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets.discovery.update import update
from ecom_assets.extract.check.api_check import check
from ecom_assets.orchestration.assets import shop_assets, shop_specs
from ecom_assets.orchestration.resources import ShopSecrets, secrets_key
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records

SECRETS = {"api_key": "a-key"}
ORDERS: list[dict[str, Any]] = [
    {"id": 1, "total": 5, "lines": [{"sku": "a", "n": 1}, {"sku": "b", "n": 1}]},
    {"id": 2, "total": 5, "tags": ["x"], "buyer": {"cards": [{"no": "1"}]}},
]


def columns(schema: TableSchema) -> dict[str, tuple[str, bool]]:
    return {column.name: (column.type, column.constraints.nullable) for column in schema.columns}


def test_specs_need_no_request(records: Records) -> None:
    spec = shop_specs(records.shop())[AssetKey(["myshop", "orders"])]
    assert columns(spec.metadata["dagster/column_schema"]) == {
        "id": ("inferred by the first load", False),
        "_dlt_load_id": ("text", True),
    }
    assert records.loopback.seen == []


def test_a_run_shows_the_columns_that_came_and_every_check_passes(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECOM_WAREHOUSE", records.place.where)
    shop = records.shop()

    def run() -> dict[str, Any]:
        with DagsterInstance.ephemeral() as instance:
            result = materialize(
                shop_assets(shop),
                instance=instance,
                resources={secrets_key(shop): ShopSecrets(secrets=SECRETS)},
            )
        evaluations = result.get_asset_check_evaluations()
        assert len(evaluations) == 4
        assert all(evaluation.passed for evaluation in evaluations)
        (event,) = result.asset_materializations_for_node(result.job_def.graph.nodes[0].name)
        return {key: value.value for key, value in event.metadata.items()}

    metadata = run()
    assert columns(metadata["dagster/column_schema"])["id"] == ("text", False)
    records.orders = ORDERS
    metadata = run()
    assert metadata["widened_columns"] == {"id": "text became bigint"}
    assert columns(metadata["dagster/column_schema"]) == {
        "id": ("bigint", False),
        "_dlt_load_id": ("text", True),
        "buyer__cards": ("json", True),
        "lines": ("json", True),
        "tags": ("json", True),
        "total": ("bigint", True),
    }
    assert metadata["dagster/row_count"] == 2
    assert "rows_from: {resource: orders, path: lines}" in metadata["lists_without_a_table"]
    records.orders = [{"id": 3, "total": 2.5}]
    metadata = run()
    assert columns(metadata["dagster/column_schema"])["total"] == ("decimal(38,9)", True)
    assert metadata["widened_columns"] == {"total": "bigint became decimal(38,9)"}


def test_the_check_names_lists_with_the_entries_that_make_them_tables(records: Records) -> None:
    records.orders = ORDERS
    shop = records.shop()
    found = [finding for finding in check(shop, SECRETS) if finding.what == "list"]
    assert [(finding.resource, finding.result) for finding in found] == [("orders", "skipped")] * 2
    entries = [yaml.safe_load(finding.detail.partition("add to resources: ")[2])[0] for finding in found]
    assert entries[1] == {
        "name": "orders_lines",
        "rows_from": {"resource": "orders", "path": "lines"},
        "include_from_parent": ["id"],
        "primary_key": ["_orders_id", "sku"],
    }
    document = yaml.safe_load(shop.file.read_text("utf-8"))
    document["resources"] += entries
    shop.file.write_text(yaml.safe_dump(document), "utf-8")
    with_tables = load_shop(shop.file)
    records.load(*ORDERS, shop=with_tables, names=[entry.name for entry in with_tables.resources])
    assert records.rows("select _orders_id, sku from orders_lines order by 2") == [(1, "a"), (1, "b")]
    assert records.rows("select _orders_id, no from orders_buyer_cards") == [(2, "1")]
    assert [finding for finding in check(with_tables, SECRETS) if finding.what == "list"] == []


def test_the_check_reports_a_key_that_no_record_has(records: Records) -> None:
    records.orders = ORDERS
    contract = [
        entry for entry in check(records.shop(primary_key="uid"), SECRETS) if entry.what == "contract"
    ]
    assert [(finding.result, "uid: null" in finding.detail) for finding in contract] == [("failed", True)]


def test_an_update_proposes_tables_and_no_columns(records: Records) -> None:
    orders = [{"id": number, "lines": [{"id": 1, "sku": "a"}, {"id": 2, "sku": "b"}]} for number in range(9)]
    records.orders = orders
    shop = records.shop()
    result = update(shop, shop.file.read_text("utf-8"), secrets=SECRETS)
    assert result.unresolved == []
    assert result.changes == ["order_items: new at the API"]
    assert "path: lines" in result.text
    assert not [change for change in result.changes if change.startswith("orders.")]
    shop.file.write_text(result.text, "utf-8")
    proposed: Shop = load_shop(shop.file)
    assert proposed.resource("orders").declared_columns == ()
    records.load(*orders, shop=proposed, names=[entry.name for entry in proposed.resources])
