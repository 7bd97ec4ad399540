"""ECOM_WAREHOUSE as the name of a dlt destination: configured in `.dlt/`, or refused with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dagster import AssetKey

from ecom_assets.declaration.reading import BUNDLED_SHOPS, load_shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.run import run_load
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.warehouse.choice import ENGINES, warehouse_from_environment
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.support.secrets.secrets_toml import reload_providers
from ecom_assets_tests.support.warehouses.engines import Place


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that writes `.dlt/secrets.toml` into an empty current folder."""

    def write(text: str) -> None:
        (tmp_path / ".dlt").mkdir()
        (tmp_path / ".dlt" / "secrets.toml").write_text(text, encoding="utf-8")
        (tmp_path / ".dlt" / "config.toml").write_text("", encoding="utf-8")
        reload_providers()

    monkeypatch.chdir(tmp_path)
    yield write
    monkeypatch.undo()
    reload_providers()


def chosen(name: str, **more: str) -> object:
    """Return the warehouse that ECOM_WAREHOUSE names."""
    return warehouse_from_environment({"ECOM_WAREHOUSE": name, **more})


def test_a_database_by_name(configured: Callable[[str], None], new_database: Callable[[], str]) -> None:
    place = Place("postgres", new_database())
    database, folder = place.where.split("/")[3].split("?")[0], place.where.split("host=")[1]
    configured(
        '[destination.analytics]\ndestination_type = "postgres"\n\n[destination.analytics.credentials]\n'
        f'database = "{database}"\nusername = "postgres"\npassword = "s3cr3t-w0rd"\nhost = "localhost"\n'
        f'query = {{host = "{folder}"}}\n'
    )
    warehouse = warehouse_from_environment({"ECOM_WAREHOUSE": "analytics"})
    assert "s3cr3t-w0rd" not in warehouse.name
    report = run_load(load_shop(BUNDLED_SHOPS / "sandbox.yaml"), ["stores"], warehouse=warehouse)
    assert report.errors == {}
    assert len(place.table("stores")) == 5
    with pytest.raises(WarehouseError, match="ECOM_PUBLISH: a copy is made of a DuckDB file only"):
        chosen("analytics", ECOM_PUBLISH="copy.duckdb")


def test_a_file_by_name(configured: Callable[[str], None], tmp_path: Path) -> None:
    configured('[destination.duckdb]\ncredentials = "deep/mine.duckdb"\n')
    warehouse = chosen("duckdb")
    assert isinstance(warehouse, DuckDbWarehouse)
    assert warehouse.path == (tmp_path / "deep/mine.duckdb").absolute()
    # a name that dlt does not know is a path, and so is the name of an existing file
    plain = chosen("mine")
    assert isinstance(plain, DuckDbWarehouse)
    assert plain.path == (tmp_path / "mine").absolute()
    run_load(load_shop(BUNDLED_SHOPS / "sandbox.yaml"), ["stores"], warehouse=plain)
    Path("mine").rename("clickhouse")
    assert isinstance(chosen("clickhouse"), DuckDbWarehouse)
    # the name of an existing folder is still a destination
    Path("mssql").mkdir()
    with pytest.raises(WarehouseError, match="found the destination 'mssql'"):
        chosen("mssql")


def test_missing_configuration_is_named(configured: Callable[[str], None]) -> None:
    configured('[destination.postgres.credentials]\npassword = "s3cr3t-w0rd"\n')
    said = r"'postgres' lacks .*host.* under destination\.postgres\.credentials"
    with pytest.raises(WarehouseError, match=said) as no:
        chosen("postgres")
    assert "DESTINATION__POSTGRES__CREDENTIALS" in str(no.value)
    assert "s3cr3t-w0rd" not in str(no.value)


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ("filesystem", "duckdb"),
        ("postgresql://user@host/shop", "postgres"),
        ("a.duckdb", "duckdb"),
        ("mssql", "duckdb"),
    ],
)
def test_assets_show_the_kind_of_their_warehouse(
    where: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECOM_WAREHOUSE", where)
    graph = build_defs().resolve_asset_graph()
    assert graph.get(AssetKey(["sandbox", "orders"])).kinds == {"dlt", kind}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mssql", "dlt would commit each table by itself"),
        ("clickhouse", "it has no transaction over several tables"),
    ],
)
def test_an_unsupported_engine_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(
        WarehouseError, match=f"found the destination '{name}', which cannot keep .*{reason}"
    ) as no:
        chosen(name)
    kinds = " or ".join(sorted(engine.kind for engine in ENGINES if engine.is_in_dlt))
    kinds = kinds.replace(" or ", ", ", kinds.count(" or ") - 1)
    assert str(no.value).endswith(
        f"allowed: a destination of the kind {kinds}, from which the tables can be copied on"
    )


def test_an_own_name_for_an_unsupported_engine_is_refused(configured: Callable[[str], None]) -> None:
    configured('[destination.lake]\ndestination_type = "clickhouse"\n')
    with pytest.raises(
        WarehouseError, match="found the destination 'lake', of the kind clickhouse, which cannot"
    ):
        chosen("lake")


@pytest.mark.parametrize(
    ("where", "found", "reason"),
    [
        ("mssql+pyodbc://u:s3cr3t@host", r"an address of mssql \(mssql:\)", "dlt would commit each table"),
        (
            "clickhouse://u:s3cr3t@host",
            r"an address of clickhouse \(clickhouse:\)",
            "no transaction over several",
        ),
        ("s3://bucket/s3cr3t", r"an address of filesystem \(s3:\)", "commit one by one"),
        ("iceberg", "the table format iceberg", "commit one by one"),
    ],
)
def test_an_address_of_an_unsupported_engine_is_refused_with_the_reason(
    where: str, found: str, reason: str
) -> None:
    with pytest.raises(WarehouseError, match=f"found {found}, which cannot keep .*{reason}") as no:
        chosen(where)
    assert "s3cr3t" not in str(no.value)


FILES_REFUSED = (
    "which cannot keep what is promised of a load: files and Delta tables commit one by one there, so a load of "
    "several tables is not one step, and readers see half of it; allowed: a DuckLake with its catalog in PostgreSQL, "
    "which writes Parquet to a bucket (ECOM_WAREHOUSE=ducklake), a PostgreSQL database, or a DuckDB file"
)


@pytest.mark.parametrize(
    ("name", "found"),
    [("filesystem", "'filesystem', "), ("bucket", "'bucket', of the kind filesystem, ")],
)
def test_files_and_delta_tables_are_refused_with_the_reason_and_the_alternatives(
    name: str, found: str, configured: Callable[[str], None]
) -> None:
    configured(
        f'[destination.{name}]\ndestination_type = "filesystem"\nbucket_url = "s3://bucket/shops"\n\n'
        f'[destination.{name}.credentials]\naws_secret_access_key = "s3cr3t-w0rd"\n'
    )
    with pytest.raises(WarehouseError) as no:
        chosen(name)
    assert str(no.value) == f"ECOM_WAREHOUSE: found the destination {found}{FILES_REFUSED}"


def test_files_are_refused_before_anything_is_configured() -> None:
    with pytest.raises(WarehouseError) as no:
        chosen("filesystem")
    assert str(no.value).endswith(FILES_REFUSED)
