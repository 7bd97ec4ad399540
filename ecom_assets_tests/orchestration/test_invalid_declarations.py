"""One invalid declaration among valid ones: the others load, Dagster and the command line report it."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    AssetsDefinition,
    DagsterInstance,
    DefaultSensorStatus,
    Definitions,
    EnvVar,
    build_sensor_context,
)

from ecom_assets.cli.app import main
from ecom_assets.declaration.reading import Shop
from ecom_assets.orchestration import build_definitions
from ecom_assets.orchestration.assets import shop_assets
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.orchestration.resources import ShopSecrets
from ecom_assets_tests.support.dagster.dagster_runs import declare

WRONG = "broken.yaml: partitions.every: found 'fortnight'; allowed: hour, day, week, month"
KEY = AssetKey(["broken", "declaration"])
TINY = """
name: {}
client: {{base_url: "https://api.example.com"}}
resources:
- {{name: {}, primary_key: id, write_disposition: merge, deletes: sweep, endpoint: /things}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the sandbox's declaration and an invalid one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECOM_SANDBOX_ORDERS_PER_DAY", "5")
    folder = declare(tmp_path / "shops")
    text = (folder / "sandbox.yaml").read_text("utf-8")
    (folder / "broken.yaml").write_text(text.replace("every: day", "every: fortnight"), "utf-8")
    return folder


def verdict(definitions: Definitions) -> AssetCheckEvaluation:
    """Run the check of the invalid file, as the UI does."""
    job = definitions.resolve_implicit_global_asset_job_def()
    key = next(key for key in job.asset_layer.asset_graph.asset_check_keys if key.asset_key == KEY)
    with DagsterInstance.ephemeral() as instance:
        result = job.get_subset(asset_selection=set(), asset_check_selection={key}).execute_in_process(
            instance=instance
        )
    (found,) = result.get_asset_check_evaluations()
    return found


def test_the_other_shops_load_and_the_wrong_one_says_why(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        definitions = build_defs(folder)
    Definitions.validate_loadable(definitions)
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
    assert len(specs) == 7
    assert WRONG in (specs[KEY].description or "")
    assert [record.message for record in caplog.records if WRONG in record.message]
    found = verdict(definitions)
    assert not found.passed
    assert (found.description or "").endswith(WRONG)
    assert found.metadata["place"].value == "partitions.every"


def test_the_asset_is_red_before_anybody_looks_at_it(folder: Path) -> None:
    definition = build_defs(folder).get_repository_def().get_sensor_def("broken_declaration")
    assert definition.default_status is DefaultSensorStatus.RUNNING
    with DagsterInstance.ephemeral() as instance:
        told = definition.evaluate_tick(build_sensor_context(instance))
        (event,) = told.asset_events
        assert isinstance(event, AssetCheckEvaluation)
        assert (event.asset_key, event.passed) == (KEY, False)
        assert (event.description or "").endswith(WRONG)
        again = definition.evaluate_tick(build_sensor_context(instance, cursor=told.cursor))
        assert not again.asset_events
        broken = folder / "broken.yaml"
        broken.write_text(broken.read_text("utf-8").replace("fortnight", "decade"), "utf-8")
        (changed,) = definition.evaluate_tick(build_sensor_context(instance, cursor=told.cursor)).asset_events
        assert "decade" in str(changed.description)


def test_the_check_passes_once_the_file_is_mended(folder: Path) -> None:
    definitions = build_defs(folder)
    broken = folder / "broken.yaml"
    right = broken.read_text("utf-8").replace("fortnight", "day").replace("name: sandbox", "name: mended")
    broken.write_text(right, "utf-8")
    found = verdict(definitions)
    assert found.passed
    assert "reload the definitions" in (found.description or "")


def test_a_second_shop_of_one_name_is_the_wrong_one(folder: Path) -> None:
    broken = folder / "broken.yaml"
    broken.write_text((folder / "sandbox.yaml").read_text("utf-8"), "utf-8")
    (folder / "sandbox.yaml").rename(folder / "a.yaml")
    found = verdict(build_defs(folder))
    assert not found.passed
    assert "name: found 'sandbox', the name of" in (found.description or "")


def test_the_command_line_checks_all_shops(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ECOM_SHOPS_DIR", str(folder))
    for arguments in (["check"], ["check", "--json"]):
        monkeypatch.setattr("sys.argv", ["ecom-assets", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert ended.value.code == 1
        assert printed.err == f"error: shops/{WRONG}\n"
        assert "orders" in printed.out
    assert list(json.loads(printed.out)) == ["sandbox"]


def test_no_file_takes_the_definitions_down_by_its_name_or_its_secrets(folder: Path) -> None:
    broken = (folder / "broken.yaml").read_text("utf-8")
    for name in ("a-b.yaml", "a_b.yaml", "broken.yml", f"{'x' * 240}.yaml", "ü.yaml"):
        (folder / name).write_text(broken, "utf-8")
    (Path(os.fsdecode(os.fsencode(folder) + b"/\xff.yaml"))).write_text(broken, "utf-8")
    # a valid shop whose table has the key of the asset of an invalid file
    (folder / "z.yaml").write_text(TINY.format("broken", "declaration"), "utf-8")
    definitions = build_defs(folder, {"a_b_secrets": ShopSecrets(secrets={"api_key": EnvVar("A_B")})})
    Definitions.validate_loadable(definitions)
    keys = [spec.key for spec in definitions.resolve_all_asset_specs()]
    invalid = [key.path[0][:9] for key in keys if "declaration" in key.path and key.path[0] != "broken"]
    assert sorted(invalid) == ["_", "__2", "a_b", "a_b_2", "broken_2", "broken_3", "x" * 9]
    assert len(set(keys)) == len(keys)
    for spec in definitions.resolve_all_asset_specs():
        (spec.description or "").encode()


def test_two_shops_whose_names_run_into_those_of_their_tables(folder: Path) -> None:
    (folder / "one.yaml").write_text(TINY.format("a", "b_c"), "utf-8")
    (folder / "two.yaml").write_text(TINY.format("a_b", "c"), "utf-8")
    definitions = build_defs(folder)
    Definitions.validate_loadable(definitions)
    keys = {spec.key for spec in definitions.resolve_all_asset_specs()}
    assert {AssetKey(["a", "b_c_deletions"]), AssetKey(["a_b", "c_deletions"])} <= keys


def test_a_shop_that_dagster_cannot_have_is_one_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "other.yaml").write_text(
        (folder / "sandbox.yaml").read_text("utf-8").replace("name: sandbox", "name: other"), "utf-8"
    )

    def failing(shop: Shop) -> list[AssetsDefinition]:
        if shop.name == "other":
            raise ValueError("something of Dagster")
        return shop_assets(shop)

    monkeypatch.setattr(build_definitions, "shop_assets", failing)
    definitions = build_defs(folder)
    Definitions.validate_loadable(definitions)
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
    assert "ValueError in" in (specs[AssetKey(["other", "declaration"])].description or "")
    reporting = definitions.get_repository_def().get_sensor_def("other_declaration")
    with DagsterInstance.ephemeral() as instance:
        (event,) = reporting.evaluate_tick(build_sensor_context(instance)).asset_events
    assert "ValueError in" in str(event.description)
    assert AssetKey(["sandbox", "orders"]) in specs
