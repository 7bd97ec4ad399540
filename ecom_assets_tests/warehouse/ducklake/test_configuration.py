"""A lake in `.dlt/`: what is used, what is refused with the reason, and which packages are needed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets_tests.support.loads.forked_loads import shop_at
from ecom_assets_tests.support.warehouses.engines import Place, warehouse_at

NewLake = Callable[..., Place]
BUCKET = {
    "STORAGE__BUCKET_URL": "s3://shop/files",
    "STORAGE__CREDENTIALS__AWS_ACCESS_KEY_ID": "id",
    "STORAGE__CREDENTIALS__AWS_SECRET_ACCESS_KEY": "s3cr3t-w0rd",
}
HOLD = "import duckdb, sys, time; held = duckdb.connect(sys.argv[1]); print(flush=True); time.sleep(float(sys.argv[2]))"


@pytest.fixture
def catalog(tmp_path: Path) -> str:
    """Return the address of a catalog that is a file."""
    return f"sqlite:///{tmp_path}/catalog.sqlite"


def test_a_lake_does_not_exist_before_its_first_load(new_lake: NewLake, catalog: str) -> None:
    for lake in (new_lake(), new_lake(CATALOG=catalog)):
        assert not lake.warehouse().exists()
        with pytest.raises(WarehouseError, match="does not exist: materialise an asset first"):
            lake.rows("select 1")
        lake.write('create schema "sandbox"', 'create table "sandbox"."a" as select 1 as x')
        assert lake.warehouse().exists()
        assert lake.rows("select x from a") == [(1,)]


def test_names_and_paths_may_have_any_character(
    new_lake: NewLake, new_database: Callable[[], str], tmp_path: Path
) -> None:
    folder = tmp_path / 'o\'clock "files"'
    lake = new_lake(DUCKLAKE_NAME="my 'lake\"", STORAGE__BUCKET_URL=str(folder))
    lake.write('create schema "my_lake"', 'create table "my_lake"."a" as select * from range(20)')
    with lake.warehouse().read("my_lake") as transaction:
        assert transaction.fetch_value("select count(*) from a") == 20
    assert list(folder.rglob("*.parquet"))
    # two lakes in one database
    address = new_database()
    for name in ("one", "two"):
        lake = new_lake(CATALOG=address, METADATA_SCHEMA=name)
        assert lake.warehouse().uri.endswith(f"#{name}")
        lake.write('create schema "sandbox"', f'create table "sandbox"."a" as select \'{name}\' as x')
        assert lake.rows("select x from a") == [(name,)]


def test_a_shop_with_the_name_of_a_database_of_duckdb_is_refused(new_lake: NewLake) -> None:
    shop = shop_at("http://127.0.0.1:1")
    for name in ("memory", "Temp", "system"):
        with pytest.raises(WarehouseError, match="keeps the names memory, system, temp for itself"):
            new_lake().warehouse().check(shop.model_copy(update={"name": name}))
    new_lake(DUCKLAKE_NAME=shop.name).warehouse().check(shop)


def test_the_files_of_a_lake_move_only_with_override_data_path(
    new_lake: NewLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = new_lake()
    lake.write('create schema "sandbox"')
    settings = f"DESTINATION__{lake.where.upper()}__"
    monkeypatch.setenv(f"{settings}CREDENTIALS__STORAGE__BUCKET_URL", str(tmp_path / "elsewhere"))
    with pytest.raises(WarehouseError, match=r"cannot be opened: DATA_PATH parameter .* does not match"):
        lake.write('create table "sandbox"."a" as select * from range(20)')
    monkeypatch.setenv(f"{settings}OVERRIDE_DATA_PATH", "true")
    monkeypatch.setenv(f"{settings}AUTOMATIC_MIGRATION", "true")
    lake.write('create table "sandbox"."a" as select * from range(20)')
    assert list((tmp_path / "elsewhere").rglob("*.parquet"))
    assert lake.rows("select count(*) from a") == [(20,)]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"CATALOG": "mysql://u:s3cr3t-w0rd@127.0.0.1/x"},
            r"a catalog in mysql under .*; allowed: sqlite or duckdb",
        ),
        ({"CATALOG": "md:///s3cr3t-w0rd"}, "a catalog in md under"),
        ({"CATALOG": "s3cr3t-w0rd"}, "has a value that cannot be read under"),
        (
            {"STORAGE__BUCKET_URL": "gs://shop"},
            r"files in gs:// under .*; allowed: a folder, or a bucket s3://",
        ),
        ({"STORAGE__BUCKET_URL": "az://shop"}, "files in az:// under"),
        (
            {"STORAGE__BUCKET_URL": "s3://shop"},
            r"lacks storage\.credentials\.aws_access_key_id, storage\.credentials\.aws_secret_access_key under",
        ),
        ({"READ_ONLY": "true", "EXTENSIONS": '["spatial"]'}, "found read_only, extensions under"),
        ({"STATEMENTS": "[\"attach 's3cr3t-w0rd'\"]"}, "found statements under"),
        ({"SESSION_TIMEZONE": "Europe/Berlin"}, "found session_timezone under"),
        ({**BUCKET, "STORAGE__KWARGS": '{"use_ssl": false}'}, r"found storage\.kwargs under"),
        (
            {**BUCKET, "STORAGE__CREDENTIALS__PROFILE_NAME": "shop"},
            r"found storage\.credentials\.profile_name under",
        ),
        (
            {**BUCKET, "STORAGE__CREDENTIALS__ENDPOINT_URL": "ftp://s3cr3t-w0rd"},
            "an endpoint_url that is no address of a server under",
        ),
        (
            {**BUCKET, "STORAGE__CREDENTIALS__S3_URL_STYLE": "odd"},
            "the s3_url_style 'odd' under .*path or vhost",
        ),
    ],
)
def test_a_configuration_that_is_not_allowed_is_refused(
    new_lake: NewLake, catalog: str, settings: dict[str, str], said: str
) -> None:
    lake = new_lake(**{"CATALOG": catalog, **settings})
    with pytest.raises(WarehouseError, match=f"^ECOM_WAREHOUSE: .*{said}") as no:
        lake.warehouse()
    assert f"destination.{lake.where}.credentials" in str(no.value)
    assert "s3cr3t" not in str(no.value)


def test_a_metadata_schema_or_a_copy_for_readers_is_refused(new_lake: NewLake, catalog: str) -> None:
    with pytest.raises(WarehouseError, match="found metadata_schema under"):
        new_lake(CATALOG=catalog, METADATA_SCHEMA="mine").warehouse()
    with pytest.raises(WarehouseError, match=r"^ECOM_PUBLISH: a copy is made of a DuckDB file only"):
        warehouse_at(new_lake().where, copy="copy.duckdb")


@pytest.mark.parametrize("extension", ["ducklake", "postgres_scanner", "httpfs"])
def test_an_extension_that_is_not_installed_is_named_and_not_fetched(
    new_lake: NewLake, extension: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    missing = f"duckdb_extension_{extension}"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else real(name))
    package = f"duckdb-extension-{extension.replace('_', '-')}=={duckdb.__version__}"
    said = rf"^ECOM_WAREHOUSE: this lake needs the Python package {package}: pip install 'ecom-assets\[ducklake\]'$"
    with pytest.raises(WarehouseError, match=said):
        new_lake(**BUCKET).warehouse()


def test_without_the_driver_of_its_catalog_the_extra_is_named(
    new_lake: NewLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = new_lake()
    for name in [
        name
        for name in sys.modules
        if name.startswith(
            ("ecom_assets.warehouse.postgres", "ecom_assets.warehouse.ducklake.postgres_catalog")
        )
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(
        WarehouseError, match=r"the Python package psycopg2: pip install 'ecom-assets\[postgres\]'"
    ):
        lake.warehouse()


def test_a_temporary_folder_that_cannot_be_written_is_named(
    new_lake: NewLake, catalog: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = new_lake(CATALOG=catalog)
    lake.write('create schema "sandbox"')
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(
        WarehouseError, match=r"cannot be opened: the temporary folder .*none cannot be written: No "
    ):
        lake.rows("select 1")


def test_duckdb_downloads_nothing(new_lake: NewLake, catalog: str) -> None:
    with new_lake(CATALOG=catalog).warehouse().transaction("sandbox") as transaction:
        for setting in (
            "autoinstall_known_extensions",
            "autoload_known_extensions",
            "allow_persistent_secrets",
        ):
            assert transaction.fetch_value(f"select current_setting('{setting}')") is False


def test_a_program_that_has_the_catalog_open_is_waited_for(new_lake: NewLake, tmp_path: Path) -> None:
    file = tmp_path / "catalog.duckdb"
    lake = new_lake(CATALOG=f"duckdb:///{file}")
    lake.write('create schema "sandbox"')
    said: list[str] = []
    for seconds in ("1", "60"):
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, str(file), seconds], stdout=subprocess.PIPE
        ) as other:
            assert other.stdout
            other.stdout.readline()
            try:
                if seconds == "1":
                    with lake.warehouse().transaction("sandbox", said.append) as transaction:
                        assert transaction.fetch_value("select 1") == 1
                else:
                    with (
                        pytest.raises(
                            WarehouseError, match=rf"\(PID {other.pid}\) for 0.3 s \(ECOM_LOCK_TIMEOUT\)"
                        ),
                        lake.warehouse(0.3).read("sandbox"),
                    ):
                        pass
            finally:
                other.kill()
    (line,) = said
    assert line.startswith(f"waiting for the warehouse ducklake:{file}: held by ")
