"""Settings that are paths: a leading `~` is the home folder, and a blank text is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecom_assets.cli import discover
from ecom_assets.cli.discover_summary import next_commands
from ecom_assets.cli.load import has_instance
from ecom_assets.declaration.reading import BUNDLED_SHOPS, load_shop, shops_dir
from ecom_assets.foundation.errors import DeclarationError, IngestError, WarehouseError
from ecom_assets.foundation.setting_paths import instance_home, setting_path
from ecom_assets.warehouse.choice import named_warehouse, warehouse_from_environment
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder, which is not the current one."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_warehouse_and_its_copy_in_the_home_folder(home: Path) -> None:
    warehouse = warehouse_from_environment(
        {"ECOM_WAREHOUSE": "~/shop.duckdb", "ECOM_PUBLISH": "~/copy.duckdb"}
    )
    assert isinstance(warehouse, DuckDbWarehouse)
    assert (warehouse.path, warehouse.copy) == (home / "shop.duckdb", home / "copy.duckdb")
    other = named_warehouse("~/other.duckdb", "--to")
    assert isinstance(other, DuckDbWarehouse)
    assert other.path == home / "other.duckdb"
    with warehouse.transaction("sandbox"):
        pass
    assert (home / "shop.duckdb").is_file()
    assert not Path("~").exists()


def test_a_copy_is_not_the_warehouse_however_it_is_written(home: Path) -> None:
    with pytest.raises(WarehouseError, match=r"ECOM_PUBLISH: found .*; allowed: a file that is not"):
        warehouse_from_environment({"ECOM_WAREHOUSE": f"{home}/one", "ECOM_PUBLISH": "~/one"})
    with pytest.raises(WarehouseError, match="ECOM_WAREHOUSE: found the folder '~'; allowed"):
        warehouse_from_environment({"ECOM_WAREHOUSE": "~"})


@pytest.mark.parametrize("variable", ["ECOM_WAREHOUSE", "ECOM_PUBLISH"])
@pytest.mark.parametrize(
    ("text", "found"),
    [
        (" ", "found ' '"),
        ("\t", r"found '\t'"),
        ("~no-such-user/x", "found '~no-such-user/x', the home folder of"),
    ],
)
def test_a_wrong_path_of_a_warehouse(variable: str, text: str, found: str, home: Path) -> None:
    with pytest.raises(WarehouseError) as caught:
        warehouse_from_environment({variable: text})
    assert str(caught.value).startswith(f"{variable}: {found}")
    assert "; allowed: the path of a DuckDB file" in str(caught.value)


def test_shops_in_the_home_folder(home: Path) -> None:
    assert shops_dir({"ECOM_SHOPS_DIR": "~/shops"}) == home / "shops"
    for text in (" ", "~no-such-user"):
        with pytest.raises(DeclarationError, match=f"ECOM_SHOPS_DIR: found '{text}'.*; allowed: a folder of"):
            shops_dir({"ECOM_SHOPS_DIR": text})


def test_a_discovered_shop_in_the_home_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOM_SHOPS_DIR", "~/shops")
    assert discover._default_file(None, "north") == home / "shops" / "north.yaml"
    shop = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
    assert next_commands(home / "shops" / "north.yaml", shop)[2].startswith("dagster asset materialize")
    monkeypatch.setenv("ECOM_SHOPS_DIR", " ")
    with pytest.raises(DeclarationError, match="ECOM_SHOPS_DIR: found ' '"):
        discover._default_file(None, "north")
    monkeypatch.delenv("ECOM_SHOPS_DIR")
    assert discover._default_file(None, "north") == Path("shops/north.yaml")


def test_the_instance_in_the_home_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "~/instance")
    assert instance_home() == home / "instance"
    (home / "instance").mkdir()
    assert has_instance()
    monkeypatch.setenv("DAGSTER_HOME", " ")
    with pytest.raises(IngestError, match="DAGSTER_HOME: found ' '; allowed: the path of a folder"):
        instance_home()
    with pytest.raises(IngestError, match="DAGSTER_HOME: found ' '"):
        has_instance()
    monkeypatch.delenv("DAGSTER_HOME")
    assert instance_home() == Path(".dagster").absolute()


def test_other_paths_stay_as_they_are(home: Path) -> None:
    """A `~` that is not the first character belongs to a name."""
    for text in ("a/b", "/a/~/b", "a~", "./~/b"):
        assert setting_path(text) == Path(text)
