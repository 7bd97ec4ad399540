"""How resources look as assets, beyond what the snapshot of the definitions shows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dlt
import pytest
from dagster import AssetKey, AssetSpec, FreshnessPolicy, TableSchema
from dagster_dlt import build_dlt_asset_specs

from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets.foundation.errors import DeclarationError
from ecom_assets.orchestration.assets import shop_specs
from ecom_assets.orchestration.translator import ShopTranslator, freshness, load_freshness, table_schema
from ecom_assets_tests.support.dagster.dagster_runs import declare


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Return the bundled shop."""
    return load_shop(declare(tmp_path_factory.mktemp("shops")) / "sandbox.yaml")


@pytest.fixture(scope="module")
def specs(shop: Shop) -> dict[AssetKey, AssetSpec]:
    """Return its specs."""
    return shop_specs(shop)


def test_keys_are_shop_and_resource(specs: dict[AssetKey, AssetSpec]) -> None:
    """All five, in the order of the declaration."""
    names = ["customers", "products", "orders", "order_items", "stores"]
    assert list(specs) == [AssetKey(["sandbox", name]) for name in names]


def test_children_depend_on_their_parent_and_nothing_on_what_nobody_made(
    specs: dict[AssetKey, AssetSpec],
) -> None:
    """The upstream assets that dagster-dlt invents are removed."""
    deps = {key.path[-1]: [dep.asset_key.path[-1] for dep in spec.deps] for key, spec in specs.items()}
    assert deps.pop("order_items") == ["orders"]
    assert set(map(tuple, deps.values())) == {()}


def test_specs_are_those_that_dagster_dlt_makes_of_the_dlt_source(
    shop: Shop, specs: dict[AssetKey, AssetSpec]
) -> None:
    assert shop_specs(shop, ShopTranslator) == specs


def test_metadata_is_ours(specs: dict[AssetKey, AssetSpec]) -> None:
    """The table in its dataset, the declared columns and the links; no object of dlt that the UI would show."""
    metadata = specs[AssetKey(["sandbox", "orders"])].metadata
    links = {"dagster/code_references", "declaration", "api"}
    assert metadata.keys() == {"dagster/table_name", "dagster/column_schema"} | links
    assert metadata["dagster/table_name"] == "sandbox.orders"


def test_columns(shop: Shop) -> None:
    """Types with a decimal's size, nullability, keys and foreign keys, descriptions."""
    schema = table_schema(shop.resource("order_items"))
    assert isinstance(schema, TableSchema)
    columns = {column.name: column for column in schema.columns}
    assert columns["unit_price"].type == "decimal(18,4)"
    assert columns["order_id"].constraints.other == ["primary key", "references orders.id"]
    assert not columns["order_id"].constraints.unique
    assert not columns["order_id"].constraints.nullable
    assert columns["quantity"].description == "Pieces ordered."
    assert table_schema(shop.resource("orders")).columns[0].constraints.unique


@pytest.mark.parametrize(
    ("every", "window"),
    [
        ("hour", timedelta(hours=1)),
        ("day", timedelta(days=1)),
        ("week", timedelta(weeks=1)),
        ("month", timedelta(days=31)),
    ],
)
def test_freshness_follows_the_windows(tmp_path: Path, every: str, window: timedelta) -> None:
    """Loads are late after two and a quarter windows. Snapshots are daily whatever the windows are."""
    start = "2026-01-04" if every == "week" else "2026-01-01"  # a Sunday
    declared = declare(
        tmp_path, ("every: day", f"every: {every}"), ('start: "2026-01-01"', f'start: "{start}"')
    )
    shop = load_shop(declared / "sandbox.yaml")
    expected = FreshnessPolicy.time_window(fail_window=window * 2.25, warn_window=window * 1.5)
    assert load_freshness(shop) == expected
    assert freshness(shop, shop.resource("orders")) is None, "a load of an old window would satisfy it"
    daily = timedelta(days=1)
    assert freshness(shop, shop.resource("stores")) == FreshnessPolicy.time_window(
        fail_window=daily * 2.25, warn_window=daily * 1.5
    )


def test_a_resource_that_is_not_declared(shop: Shop, tmp_path: Path) -> None:
    """The translator knows its shop's resources only."""

    @dlt.source(name="sandbox")
    def other() -> dlt.sources.DltResource:
        return dlt.resource([], name="refunds")

    pipeline = dlt.pipeline("other", pipelines_dir=str(tmp_path), destination="duckdb")
    with pytest.raises(DeclarationError, match="found 'refunds'"):
        build_dlt_asset_specs(other(), pipeline, ShopTranslator(shop))
    pipeline.deactivate()
