"""What somebody does who has a Dagster project.

The wheel, `create-dagster`, `dg scaffold`, `dg launch`, dbt, and a merge with definitions that have an executor.
"""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import venv
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import serving
from ecom_assets.sandbox.settings import SandboxSettings
from ecom_assets_tests.support.paths import ROOT

COMMANDS = {
    "create-dagster": "create_dagster.cli",
    "dg": "dagster_dg_cli.cli",
    "ecom-assets": "ecom_assets.cli.app",
}
DBT_PROJECT = ROOT / "examples" / "dbt_project"
DBT_REQUIREMENTS = Path(__file__).with_name("dbt_requirements.txt")
COMMAND = """\
#!{python}
import sys
from {module} import main
if __name__ == "__main__":
    sys.exit(main())
"""
MERGE = """
import json
from dagster import AssetKey, Definitions, asset, multiprocess_executor
from dagster_dbt import dbt_assets
from acme.definitions import defs
import ecom_assets

@dbt_assets(manifest={manifest!r})
def models(): ...

@asset(deps=[AssetKey(["myshop", "orders"])])
def revenue(): ...

own = Definitions(assets=[revenue, models], executor=multiprocess_executor)
merged = Definitions.merge(own, defs())
Definitions.validate_loadable(merged)
graph = merged.resolve_asset_graph()
print(json.dumps({{
    "package": ecom_assets.__file__,
    "below_the_model": [key.to_user_string() for key in graph.get(AssetKey("stg_orders")).parent_keys],
    "below_the_mart": [key.to_user_string() for key in graph.get(AssetKey("daily_revenue")).parent_keys],
    "is_loaded": graph.get(AssetKey(["myshop", "orders"])).is_materializable,
    "keys": sorted(key.to_user_string() for key in merged.resolve_all_asset_keys()),
    "executors": [merged.executor.name, merged.resolve_job_def("myshop_windows").executor_def.name],
}}))
"""


class Newcomer:
    """A folder with an environment that has the wheel, and beside it what this environment has installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        wheels = folder / "wheels"
        # a copy, because a build leaves files beside the sources
        sources = folder / "sources"
        listed = subprocess.run(
            ["git", "ls-files", "ecom_assets", "pyproject.toml", "setup.cfg", "README.md", "LICENSE"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for name in listed:
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            (sources / name).write_bytes((ROOT / name).read_bytes())
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        build = [
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            str(wheels),
            str(sources),
        ]
        subprocess.run([*pip, *build], check=True)
        venv.create(folder / "venv", with_pip=False)
        self.bin = folder / "venv" / "bin"
        packages = next((folder / "venv" / "lib").glob("python*/site-packages"))
        target = [
            "install",
            "--quiet",
            "--no-deps",
            "--no-compile",  # Python compiles what is imported, a small part of it
            "--target",
            str(packages),
            *map(str, wheels.glob("*.whl")),
        ]
        subprocess.run([*pip, *target], check=True)
        # the project is installed as an editable one is: by its path
        places = [*site.getsitepackages(), str(folder / "acme" / "src")]
        (packages / "others.pth").write_text("\n".join(places) + "\n", "utf-8")
        for command, module in COMMANDS.items():
            file = self.bin / command
            file.write_text(COMMAND.format(python=self.bin / "python", module=module), "utf-8")
            file.chmod(0o755)
        own = {
            name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "ECOM_SHOPS_DIR")
        }
        self.environment: Mapping[str, str] = {
            **own,
            "PATH": os.pathsep.join([str(self.bin), own["PATH"]]),
            "VIRTUAL_ENV": str(folder / "venv"),
            "DAGSTER_HOME": str(folder / "home"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "ECOM_WAREHOUSE": str(folder / "warehouse.duckdb"),
            "MYSHOP_API_KEY": SANDBOX_KEY,
        }
        (folder / "home").mkdir()
        (folder / "home" / "dagster.yaml").touch()

    def install_dbt(self) -> None:
        """Install dbt beside the wheel. It asks for other versions of some packages, so no other environment has it."""
        pip = [str(self.bin / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        done = subprocess.run(
            [*pip, "--no-deps", "--no-compile", "-r", str(DBT_REQUIREMENTS)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def run(self, *command: str, within: str = "acme") -> str:
        """Run a command of the environment, and return what it printed."""
        done = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.folder / within,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.mark.slow
def test_from_an_empty_folder_to_three_windows(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path)
    newcomer.run("create-dagster", "project", "--no-uv-sync", "acme", within=".")
    defs = tmp_path / "acme" / "src" / "acme" / "defs" / "myshop"
    with serving(SandboxSettings(orders_per_day=20)) as sandbox:
        scaffold = ["scaffold", "defs", "ecom_assets.ShopComponent", "myshop", "--base-url", sandbox.base_url]
        newcomer.run("dg", *scaffold)
        attributes = defs / "defs.yaml"
        # the comment shows how to name the variable of the secret
        attributes.write_text(attributes.read_text("utf-8").replace("  # ", "  "), "utf-8")
        assert "MYSHOP_API_KEY" in attributes.read_text("utf-8")
        days = "2026-01-05...2026-01-07"
        newcomer.run(
            "dg", "launch", "--assets", "myshop/orders,myshop/order_items", "--partition-range", days
        )
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
        query = "select resource, count(distinct partition_key), sum(kept) from myshop.load_ledger group by 1"
        windows = {resource: (count, kept) for resource, count, kept in connection.sql(query).fetchall()}
    assert windows.keys() == {"orders", "order_items"}
    assert all(count == 3 and kept > 0 for count, kept in windows.values()), windows
    newcomer.install_dbt()
    dbt = tmp_path / "dbt"
    shutil.copytree(DBT_PROJECT, dbt, ignore=shutil.ignore_patterns("target", "logs"))
    sources = newcomer.run("ecom-assets", "dbt-sources", str(defs / "shop.yaml"))
    assert sources == (dbt / "models" / "sources.yml").read_text("utf-8"), (
        "the example is as the command prints"
    )
    newcomer.run("dbt", "build", "--select", "+daily_revenue", "--profiles-dir", ".", within="dbt")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
        orders = connection.sql(
            "select created_at at time zone 'UTC', currency, total, status from myshop.orders"
        ).fetchall()
        mart = connection.sql(
            "select ordered_on, currency, orders, revenue from marts.daily_revenue"
        ).fetchall()
    expected: dict[tuple[date, str], list[Decimal]] = {}
    for created_at, currency, total, status in orders:
        if status != "cancelled":
            expected.setdefault((created_at.date(), currency), []).append(Decimal(total))
    assert len(orders) > sum(map(len, expected.values())) > 20
    assert {row[:2]: row[2:] for row in mart} == {
        key: (len(totals), sum(totals)) for key, totals in expected.items()
    }
    code = MERGE.format(manifest=str(dbt / "target" / "manifest.json"))
    merged = json.loads(newcomer.run("python", "-c", code).splitlines()[-1])
    assert merged["below_the_model"] == ["myshop/orders"]
    assert merged["below_the_mart"] == ["stg_orders"]
    assert merged["is_loaded"]
    assert merged["keys"] == [
        "daily_revenue",
        "myshop/order_items",
        "myshop/orders",
        "myshop/status",
        "myshop/stores",
        "revenue",
        "stg_orders",
    ]
    assert merged["executors"] == ["multiprocess", "in_process"]
    assert Path(merged["package"]).is_relative_to(tmp_path), "the wheel is what was tried"
    attributes.write_text("type: ecom_assets.ShopComponent\nattributes: {declaration: 5}\n", "utf-8")
    refused = subprocess.run(
        [str(newcomer.bin / "dg"), "check", "yaml"],
        cwd=tmp_path / "acme",
        env=newcomer.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "declaration" in refused.stdout + refused.stderr
