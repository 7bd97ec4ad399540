"""dagster-embedded-elt, the former name of dagster-dlt: what it exports makes the same assets, and they load."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path

import pytest

from ecom_assets.declaration.reading import BUNDLED_SHOPS, load_shop
from ecom_assets.orchestration import assets
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.orchestration.translator import ShopTranslator
from ecom_assets_tests.support.dagster.dagster_runs import runs
from ecom_assets_tests.support.warehouses.engines import Place


def test_a_load_through_its_former_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it is deprecated
        former = importlib.import_module("dagster_embedded_elt.dlt")
    calls = []

    def specs(*given: object) -> object:
        calls.append(given)
        return former.build_dlt_asset_specs(*given)

    monkeypatch.setattr(assets, "build_dlt_asset_specs", specs)
    assert issubclass(ShopTranslator, former.DagsterDltTranslator)
    shop = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
    defs = build_defs(shops=[shop], translator=ShopTranslator)
    place = Place("duckdb", str(tmp_path / "warehouse.duckdb"))
    with runs(tmp_path, defs, place) as running:
        assert running.snapshots().success
    assert calls
    assert len(place.table("stores")) == 5
