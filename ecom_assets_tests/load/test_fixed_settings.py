"""Settings of dlt that a project has for its other pipelines change nothing about a load."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.configuration.exceptions import ConfigFieldMissingException

from ecom_assets.load.fixed_settings import fixed_settings
from ecom_assets_tests.support.secrets.secrets_toml import reload_providers
from ecom_assets_tests.support.secrets.secrets_toml import secrets_toml as secrets_toml
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import new_records as new_records

SETTINGS = {
    "REFRESH": "drop_data",
    "PIPELINES__MYSHOP__REFRESH": "drop_sources",
    "DEV_MODE": "true",
    "FULL_REFRESH": "true",
    "DATASET_NAME_LAYOUT": "raw_%s",
    "USE_SINGLE_DATASET": "false",
    "RESTORE_FROM_DESTINATION": "false",
    "IMPORT_SCHEMA_PATH": "schemas",
    "EXPORT_SCHEMA_PATH": "schemas",
    "DESTINATION__REPLACE_STRATEGY": "insert-from-staging",
    "DESTINATION__DUCKDB__REPLACE_STRATEGY": "staging-optimized",
    "DESTINATION__STAGING_DATASET_NAME_LAYOUT": "stage_%s",
    "DESTINATION__ENABLE_DATASET_NAME_NORMALIZATION": "false",
    "DESTINATION__CREATE_INDEXES": "true",
    "SCHEMA__NAMING": "sql_cs_v1",
    "SOURCES__MYSHOP__SCHEMA__NAMING": "duck_case",
    "SCHEMA__ALLOW_IDENTIFIER_CHANGE_ON_TABLE_WITH_DATA": "true",
    "SCHEMA__JSON_NORMALIZER": '{"module": "dlt.common.normalizers.json.relational", "config": {"max_nesting": 1}}',
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_ID": "true",
    "NORMALIZE__LOADER_FILE_FORMAT": "insert_values",
    "DATA_WRITER__FILE_MAX_ITEMS": "1",
    "NORMALIZE__DATA_WRITER__FLAVOR": "spark",
    "NORMALIZE__DATA_WRITER__COERCE_TIMESTAMPS": "s",
    "NORMALIZE__DATA_WRITER__ALLOW_TRUNCATED_TIMESTAMPS": "true",
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
    "LOAD__RAISE_ON_FAILED_JOBS": "false",
    "LOAD__WORKERS": "20",
    "SOURCES__MAX_TABLE_NESTING": "0",
    "SOURCES__MYSHOP__SCHEMA_CONTRACT": "freeze",
}
"""Environment variables, which stand for the same keys of a config.toml."""
OTHER: dict[str, Any] = {
    "name": "others",
    "write_disposition": "replace",
    "endpoint": {"path": "/orders", "data_selector": "data"},
}
INSTANT = "2026-01-01T00:00:00.123456Z"


def loaded(records: Records) -> tuple[Any, ...]:
    """Load twice, and return all schemas, tables, columns and rows."""
    names = ("orders", "others")
    shop = records.shop(more=[OTHER])
    records.load({"id": 1, "Camel": INSTANT}, {"id": 2}, shop=shop, names=names)
    records.load({"id": 2, "Camel": INSTANT}, {"id": 3, "list": [1]}, shop=shop, names=names)
    columns = records.rows(
        "select table_schema, table_name, column_name, data_type from information_schema.columns "
        "where table_schema like '%myshop%' and table_name not like '\\_dlt%' escape '\\' order by 1, 2, 3"
    )
    rows = {
        name: [row[1:] if name == "load" else row for row in records.place.table(name, "_dlt_load_id")]
        for name in names
    }
    ledger = records.rows("select resource, count(*), sum(kept) from load_ledger group by 1 order by 1")
    return columns, rows, ledger


def test_all_of_them_at_once(
    new_records: Callable[[], Records], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = loaded(new_records())
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    assert loaded(new_records()) == expected


@pytest.mark.parametrize("name", SETTINGS)
def test_a_load_does_not_see_any_of_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each one alone, so that none is harmless only because of another one."""
    monkeypatch.setenv(name, SETTINGS[name])
    key = name.lower().replace("__", ".")
    assert dlt.config.get(key) is not None
    with fixed_settings():
        assert dlt.config.get(key) is None


def test_a_config_file_of_the_project(new_records: Callable[[], Records], secrets_toml: Path) -> None:
    expected = loaded(new_records())
    secrets_toml.with_name("config.toml").write_text(
        'refresh = "drop_data"\ndev_mode = true\n[schema]\nnaming = "sql_cs_v1"\n[destination]\n'
        'replace_strategy = "insert-from-staging"\nstaging_dataset_name_layout = "stage_%s"\n'
        "[normalize.parquet_normalizer]\nadd_dlt_load_id = true\n"
    )
    reload_providers()
    assert loaded(new_records()) == expected
    assert dlt.config["refresh"] == "drop_data"


def test_other_threads_and_other_settings_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRESH", "drop_data")
    monkeypatch.setenv("MY_OWN_KEY", "mine")
    seen: list[str] = []
    with fixed_settings(), fixed_settings():
        thread = threading.Thread(target=lambda: seen.append(dlt.config["refresh"]))
        thread.start()
        thread.join()
        with pytest.raises((KeyError, ConfigFieldMissingException)):
            dlt.config["refresh"]
        assert dlt.config["my_own_key"] == "mine"
    assert seen == ["drop_data"]
    assert dlt.config["refresh"] == "drop_data"
