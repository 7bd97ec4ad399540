"""Loads into Snowflake's emulator that end too early, that wait, and that change tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import Running
from ecom_assets.warehouse.snowflake.transaction import SnowflakeTransaction
from ecom_assets_tests.support.loads.forked_loads import WINDOWED, shop_at
from ecom_assets_tests.support.loads.still_sandbox import WEEK
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.warehouses.engines import Place

pytestmark = pytest.mark.slow


@pytest.fixture
def place(new_snowflake: Callable[[], str]) -> Place:
    return Place("snowflake", new_snowflake())


@pytest.fixture
def load(place: Place, sandbox: Running) -> Callable[..., RunReport]:
    """Return a function that loads the first day of the sandbox."""

    def loading(said: list[str] | None = None, shop: Shop | None = None) -> RunReport:
        return run_load(
            shop or shop_at(sandbox.base_url),
            WINDOWED,
            WEEK[:1],
            secrets={"api_key": SANDBOX_KEY},
            warehouse=place.warehouse(),
            progress=None if said is None else said.append,
        )

    return loading


class Ended(BaseException):
    """What stands for a kill: no part of the load catches it."""


def test_a_later_load_asks_nothing_twice_while_it_holds_the_lock(
    load: Callable[..., RunReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    load()
    real, asked = SnowflakeTransaction.run, list[tuple[str, ...]]()

    def noting(self: SnowflakeTransaction, sql: str, parameters: Sequence[Any] = ()) -> Any:
        if self.is_open and sql.lower().startswith("select"):
            asked.append((sql, *map(str, parameters)))
        return real(self, sql, parameters)

    monkeypatch.setattr(SnowflakeTransaction, "run", noting)
    load()
    assert asked
    assert len(set(asked)) == len(asked)


@pytest.mark.parametrize("number", [9, 30])
def test_a_first_load_that_ends_in_its_rehearsal_leaves_no_row_and_the_next_one_loads(
    number: int, place: Place, load: Callable[..., RunReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = SnowflakeTransaction.run, []

    def ending(self: SnowflakeTransaction, sql: str, parameters: Sequence[Any] = ()) -> Any:
        if self.is_rehearsal:
            seen.append(sql)
            if len(seen) == number:
                raise Ended
        return real(self, sql, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(SnowflakeTransaction, "run", ending)
        with pytest.raises(Ended):
            load()
    assert not any(place.tables().values())
    said: list[str] = []
    assert load(said).errors == {}
    assert place.rows("select count(*) from orders")[0][0] > 0
    assert [line for line in said if "a preview, untested against the service" in line]


def test_another_load_waits_and_gives_up(place: Place) -> None:
    said: list[str] = []
    with (
        place.warehouse().transaction("sandbox"),
        pytest.raises(WarehouseError, match=r"was held by another load .* for 0\.5 s") as waited,
        place.warehouse(0.5).transaction("sandbox", said.append),
    ):
        pass
    assert len(said) == 1
    assert "s3cr3t-w0rd" not in str(waited.value)
    with place.warehouse(0.5).transaction("sandbox"):
        pass


def test_a_new_column_is_added_and_an_error_shows_no_secret(
    place: Place, load: Callable[..., RunReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, told = SnowflakeTransaction.run, []

    def telling(self: SnowflakeTransaction, sql: str, parameters: Sequence[Any] = ()) -> Any:
        told.append(sql)
        return real(self, sql, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(SnowflakeTransaction, "run", telling)
        load_id = load().resources["orders"].load_id
    tags = [number for number, sql in enumerate(told) if sql.startswith("alter session set query_tag")]
    tag = told[tags[0]].split("'")[1].split()
    assert tag[:2] == ["ecom-assets", "sandbox"]
    assert load_id in tag[2:]
    assert not [sql for sql in told[: tags[0]] if sql.lower().startswith(("insert", "delete"))]
    before = place.tables("orders")
    place.write("alter table sandbox.orders drop column status")
    load()
    assert place.tables("orders") == before
    with pytest.raises(WarehouseError, match="cannot be read: ") as failed:
        place.rows("select nothing from nowhere")
    assert "s3cr3t-w0rd" not in str(failed.value)
    assert "\n" not in str(failed.value)
