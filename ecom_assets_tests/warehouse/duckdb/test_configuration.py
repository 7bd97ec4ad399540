"""The paths that ECOM_WAREHOUSE and ECOM_PUBLISH may name, and the paths that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse


@pytest.mark.parametrize("end", ["", ".lock", ".holder", ".wal", ".new", ".tmp"])
def test_a_copy_that_would_overwrite_the_warehouse_is_refused(tmp_path: Path, end: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    for folder in (tmp_path, tmp_path / "link", tmp_path / "none" / ".."):
        with pytest.raises(WarehouseError, match=r"ECOM_PUBLISH: found .*; allowed: a file that is not"):
            warehouse_from_environment(
                {"ECOM_WAREHOUSE": str(tmp_path / "one"), "ECOM_PUBLISH": f"{folder}/one{end}"}
            )


def test_a_copy_that_is_a_link_to_the_warehouse_is_refused(tmp_path: Path) -> None:
    with DuckDbWarehouse(tmp_path / "one").transaction("sandbox"):
        pass
    (tmp_path / "link").symlink_to(tmp_path / "one")
    one, link = str(tmp_path / "one"), str(tmp_path / "link")
    for settings in (
        {"ECOM_WAREHOUSE": one, "ECOM_PUBLISH": link},
        {"ECOM_WAREHOUSE": link, "ECOM_PUBLISH": one},
    ):
        with pytest.raises(WarehouseError, match="ECOM_PUBLISH: found"):
            warehouse_from_environment(settings)


@pytest.mark.parametrize("variable", ["ECOM_WAREHOUSE", "ECOM_PUBLISH"])
@pytest.mark.parametrize("where", [".", "foo://user:pass@host/db", ":memory:"])
def test_an_address_or_a_folder_is_refused(variable: str, where: str) -> None:
    with pytest.raises(
        WarehouseError,
        match=rf"^{variable}: found .*; allowed: the path of a DuckDB file(?: or an address [^ ]+)?$",
    ) as no:
        warehouse_from_environment({variable: where})
    assert "pass" not in str(no.value)


def test_there_is_no_copy_unless_asked_for() -> None:
    for settings, copy in (({}, None), ({"ECOM_PUBLISH": "a/b"}, Path("a/b").absolute())):
        warehouse = warehouse_from_environment(settings)
        assert isinstance(warehouse, DuckDbWarehouse)
        assert warehouse.copy == copy
