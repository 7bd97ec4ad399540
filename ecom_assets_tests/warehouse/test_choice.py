"""The warehouse that the environment variables name, and the values that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.choice import ENGINES, warehouse_from_environment
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets.warehouse.lock import DEFAULT_LOCK_TIMEOUT


def test_the_environment_names_the_warehouse() -> None:
    named = warehouse_from_environment({"ECOM_WAREHOUSE": "some/where.duckdb", "ECOM_LOCK_TIMEOUT": "2.5"})
    assert isinstance(named, DuckDbWarehouse)
    assert (named.path, named.lock_timeout) == (Path("some/where.duckdb").absolute(), 2.5)
    default = warehouse_from_environment({})
    assert isinstance(default, DuckDbWarehouse)
    assert default.path == Path("data/warehouse.duckdb").absolute()
    assert default.lock_timeout == DEFAULT_LOCK_TIMEOUT


@pytest.mark.parametrize("kind", [engine.kind for engine in ENGINES])
def test_one_engine_at_most_recognises_an_address(kind: str) -> None:
    """So the order of the engines does not matter."""
    claims = []
    for engine in ENGINES:
        try:
            claims += (
                [engine] if engine.address_from_value(f"{kind}://user:pass@host:1/db") is not None else []
            )
        except WarehouseError:  # it is an address of this engine, and lacks something
            claims.append(engine)
    assert claims in ([], [engine for engine in ENGINES if engine.kind == kind])


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan"])
def test_a_wrong_timeout_is_refused(text: str) -> None:
    with pytest.raises(
        WarehouseError, match=f"ECOM_LOCK_TIMEOUT: found '{text}'; allowed: a number of seconds"
    ):
        warehouse_from_environment({"ECOM_LOCK_TIMEOUT": text})


@pytest.mark.parametrize("where", ["foo://user:pass@host/db", ":memory:"])
def test_another_database_is_refused_without_its_secret(where: str) -> None:
    with pytest.raises(WarehouseError, match="allowed: the path of a DuckDB file") as refused:
        warehouse_from_environment({"ECOM_WAREHOUSE": where})
    assert "pass" not in str(refused.value)
