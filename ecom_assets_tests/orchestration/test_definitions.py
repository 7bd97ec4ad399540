"""The definitions as a whole: their contents, that they load anywhere, and the error for an invalid file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetKey,
    AssetsDefinition,
    Definitions,
    PartitionsDefinition,
    TableSchema,
    TimeWindowPartitionsDefinition,
    asset,
    multiprocess_executor,
)

import ecom_assets
from ecom_assets.declaration.reading import BUNDLED_SHOPS
from ecom_assets.definitions import defs
from ecom_assets.foundation.errors import DeclarationError
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.orchestration.resources import ShopSecrets
from ecom_assets_tests.support.dagster.dagster_runs import declare

SNAPSHOT = Path(__file__).with_name("definitions.json")

LOADING = """
import socket

def refuse(*args, **kwargs):
    raise AssertionError("a connection was made")

socket.socket.connect = socket.getaddrinfo = refuse
from ecom_assets.definitions import defs
print(len(defs.resolve_all_asset_specs()))
"""


def partitions_text(definition: PartitionsDefinition) -> str:
    """Return a text that describes partitions."""
    assert isinstance(definition, TimeWindowPartitionsDefinition)
    return f"{definition.cron_schedule} from {definition.start} as {definition.fmt} in {definition.timezone}"


def freshness_text(policy: Any) -> str:
    """Return a text that describes a freshness policy, whose windows are untyped."""
    return f"warns after {policy.warn_window.to_timedelta()}, fails after {policy.fail_window.to_timedelta()}"


def definitions_as_json(definitions: Definitions) -> dict[str, Any]:
    """Return everything that the UI shows of definitions, as JSON."""
    repository = definitions.get_repository_def()
    assets = {}
    for spec in sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key):
        schema = spec.metadata.get("dagster/column_schema", TableSchema([]))
        assert isinstance(schema, TableSchema)
        assets[spec.key.to_user_string()] = {
            "group": spec.group_name,
            "description": spec.description,
            "kinds": sorted(spec.kinds),
            "owners": list(spec.owners),
            "deps": [dep.asset_key.to_user_string() for dep in spec.deps],
            "partitions": spec.partitions_def and partitions_text(spec.partitions_def),
            "skippable": spec.skippable,
            "freshness": spec.freshness_policy and freshness_text(spec.freshness_policy),
            "metadata": sorted(set(spec.metadata)),
            "table": spec.metadata.get("dagster/table_name"),
            "columns": {
                column.name: ", ".join(
                    filter(
                        None,
                        [
                            column.type,
                            "" if column.constraints.nullable else "not null",
                            "unique" if column.constraints.unique else "",
                            *column.constraints.other,
                            column.description,
                        ],
                    )
                )
                for column in schema.columns
            },
        }
    checks = {}
    for entry in definitions.assets or ():
        assert isinstance(entry, AssetsDefinition)
        for check in entry.check_specs:
            name = f"{check.asset_key.to_user_string()}:{check.name}"
            checks[name] = f"{'blocking' if check.blocking else 'not blocking'}: {check.description}"
    return {
        "assets": assets,
        "checks": checks,
        "jobs": {
            job.name: {
                "description": job.description,
                "executor": job.executor_def.name,
                "tags": dict(job.tags),
                "partitioned": job.partitions_def is not None,
            }
            for job in sorted(repository.get_all_jobs(), key=lambda job: job.name)
            if not job.name.startswith("__")
        },
        "schedules": {
            entry.name: [
                entry.job_name,
                entry.cron_schedule,
                entry.execution_timezone,
                entry.default_status.value,
                entry.description,
            ]
            for entry in sorted(repository.schedule_defs, key=lambda entry: entry.name)
        },
        "sensors": {
            entry.name: [entry.sensor_type.value, entry.default_status.value, entry.description]
            for entry in sorted(repository.sensor_defs, key=lambda entry: entry.name)
        },
        "resources": sorted(definitions.resources or ()),
        "executor": getattr(definitions.executor, "name", None),
    }


def test_the_public_surface_is_the_snapshot() -> None:
    """A change shows in review. UPDATE_SNAPSHOT=1 rewrites the file."""
    text = json.dumps(definitions_as_json(defs), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_SNAPSHOT"):
        SNAPSHOT.write_text(text, encoding="utf-8")
    assert text == SNAPSHOT.read_text(encoding="utf-8")


def test_they_merge_with_definitions_that_have_an_executor_and_with_those_of_another_folder(
    tmp_path: Path,
) -> None:
    @asset(deps=[AssetKey(["sandbox", "orders"])])
    def revenue() -> None: ...

    (tmp_path / "north.yaml").write_text(
        "name: north\nclient: {base_url: 'https://api.example.com'}\nresources:\n"
        "  - {name: stores, primary_key: id, endpoint: {path: stores}}\n",
        "utf-8",
    )
    own = Definitions(assets=[revenue], executor=multiprocess_executor)
    merged = Definitions.merge(own, build_defs(BUNDLED_SHOPS), build_defs(tmp_path, alerts=False))
    assert merged.resolve_job_def("sandbox_windows").executor_def.name == "in_process"
    assert merged.resolve_implicit_global_asset_job_def().executor_def.name == "multiprocess"
    sensors = {entry.name for entry in merged.get_repository_def().sensor_defs}
    assert "alert_on_failure" in sensors
    assert "north_snapshots" in {job.name for job in merged.resolve_all_job_defs()}


def number_of_assets(folder: Path, **environment: str) -> int:
    """Return how many assets a new process finds, without a network and with no other variable than these."""
    run = subprocess.run(
        [sys.executable, "-c", LOADING],
        env={"PYTHONPATH": str(Path(ecom_assets.__file__).parents[1]), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


def test_loads_with_an_empty_environment_and_without_a_network(tmp_path: Path) -> None:
    """A new process in an empty folder leaves no file behind."""
    assert number_of_assets(tmp_path) == 6
    assert list(tmp_path.iterdir()) == []


def test_loads_without_the_secrets_of_its_shops(tmp_path: Path) -> None:
    """The bundled shop would not tell: its sandbox needs no secret. The key of hashes is a secret too."""
    auths = {
        "bearer": "{type: bearer}",
        "basic": "{type: http_basic}",
        "query": "{type: api_key, name: key, location: query}",
        "oauth": "{type: oauth2_client_credentials, access_token_url: 'https://shop.example/token'}",
    }
    shops = tmp_path / "shops"
    shops.mkdir()
    for name, auth in auths.items():
        (shops / f"{name}.yaml").write_text(
            f"name: {name}\n"
            f"client: {{base_url: 'https://shop.example', auth: {auth}}}\n"
            "partitions: {every: day, start: '2026-01-01'}\n"
            "resources:\n"
            "  - name: orders\n"
            "    primary_key: id\n"
            "    endpoint: {path: /orders, incremental: {cursor_path: at, start_param: since, end_param: until}}\n"
            "    deletes: sweep\n"
            "    columns:\n"
            "      id: {data_type: bigint, nullable: false}\n"
            "      at: {data_type: timestamp, nullable: false}\n"
            "      email: {data_type: text, pii: hash}\n"
            "  - name: stores\n"
            "    primary_key: id\n"
            "    endpoint: {path: /stores}\n"
            "    columns: {id: {data_type: bigint, nullable: false}}\n",
            encoding="utf-8",
        )
    assert number_of_assets(tmp_path, ECOM_SHOPS_DIR=str(shops)) == 4 * len(auths)


def test_definitions_resolve() -> None:
    """Every job, schedule and sensor points at something that exists."""
    Definitions.validate_loadable(defs)


def test_a_wrong_file_gives_one_line(tmp_path: Path) -> None:
    """The declaration's own error, when definitions load."""
    folder = declare(tmp_path, ("{every: day,", "{every: fortnight,"))
    with pytest.raises(DeclarationError) as caught:
        build_defs(folder)
    assert str(caught.value).endswith("partitions.every: found 'fortnight'; allowed: hour, day, week, month")


def test_a_shop_more_is_a_file_more(tmp_path: Path) -> None:
    """Two shops in one code location, each with its own group, jobs and resource."""
    declare(tmp_path, ("  auth: {type: api_key, name: api_key, location: query}\n", ""))
    other = (tmp_path / "sandbox.yaml").read_text(encoding="utf-8").replace("name: sandbox", "name: acme", 1)
    (tmp_path / "acme.yaml").write_text(other, encoding="utf-8")
    both = definitions_as_json(build_defs(tmp_path))
    assert len(both["assets"]) == 12
    assert {entry["group"] for entry in both["assets"].values()} == {"sandbox", "acme"}
    assert both["resources"] == ["acme_secrets", "sandbox_secrets"]
    assert {"acme_windows", "acme_snapshots", "sandbox_windows", "sandbox_snapshots"} == both["jobs"].keys()
    assert both["sensors"].keys() == {"acme_changes", "sandbox_changes", "alert_on_failure"}


def test_a_shop_of_snapshots_only(tmp_path: Path) -> None:
    """No windows: no partitioned asset, no job, no sensor for them."""
    (tmp_path / "small.yaml").write_text(
        "name: small\n"
        "client: {base_url: 'https://shop.example'}\n"
        "resources:\n"
        "  - name: stores\n"
        "    primary_key: id\n"
        "    endpoint: {path: /stores}\n"
        "    columns: {id: {data_type: bigint, nullable: false}}\n",
        encoding="utf-8",
    )
    small = definitions_as_json(build_defs(tmp_path))
    assert small["jobs"].keys() == {"small_snapshots"}
    assert small["sensors"].keys() == {"alert_on_failure"}
    assert small["assets"]["small/stores"]["partitions"] is None


def test_a_shop_of_windows_only(tmp_path: Path) -> None:
    """No snapshots: no asset, no job and no schedule for them."""
    (tmp_path / "small.yaml").write_text(
        "name: small\n"
        "client: {base_url: 'https://shop.example'}\n"
        "partitions: {every: hour, start: '2026-01-01'}\n"
        "resources:\n"
        "  - name: orders\n"
        "    primary_key: id\n"
        "    endpoint: {path: /orders, incremental: {cursor_path: at, start_param: since}}\n"
        "    columns:\n"
        "      id: {data_type: bigint, nullable: false}\n"
        "      at: {data_type: timestamp, nullable: false}\n",
        encoding="utf-8",
    )
    small = definitions_as_json(build_defs(tmp_path))
    assert small["jobs"].keys() == {"small_windows"}
    assert small["schedules"].keys() == {"small_windows_schedule"}
    assert small["assets"]["small/orders"]["partitions"].startswith("0 * * * * from 2026-01-01")


def test_resource_overrides_reach_the_definitions() -> None:
    """Overrides replace a shop's secrets."""
    mine = ShopSecrets()
    assert (build_defs(resource_overrides={"sandbox_secrets": mine}).resources or {})[
        "sandbox_secrets"
    ] is mine
