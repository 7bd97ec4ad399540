"""Loads into BigQuery's emulator that end too early, that wait, that are repeated, and that change tables."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("google.cloud.bigquery", reason="the extra bigquery is not installed")

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import Running
from ecom_assets.warehouse.bigquery import staging
from ecom_assets.warehouse.bigquery.transaction import BigQueryTransaction
from ecom_assets_tests.support.loads.forked_loads import WINDOWED, shop_at
from ecom_assets_tests.support.loads.still_sandbox import WEEK
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.warehouses.engines import Place

pytestmark = pytest.mark.slow

KILLED = """
import os, signal, sys
from ecom_assets.warehouse.choice import warehouse_from_environment
with warehouse_from_environment().transaction("sandbox"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place(new_bigquery: Callable[[], str]) -> Place:
    return Place("bigquery", new_bigquery())


@pytest.fixture
def load(place: Place, sandbox: Running) -> Callable[..., RunReport]:
    """Return a function that loads the first day of the sandbox."""

    def loading(said: list[str] | None = None) -> RunReport:
        return run_load(
            shop_at(sandbox.base_url),
            WINDOWED,
            WEEK[:1],
            secrets={"api_key": SANDBOX_KEY},
            warehouse=place.warehouse(),
            progress=None if said is None else said.append,
        )

    return loading


def test_a_failed_commit_leaves_no_row_and_a_repeated_load_from_files_changes_nothing(
    place: Place, load: Callable[..., RunReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = BigQueryTransaction.run

    def failing(self: BigQueryTransaction, sql: str, parameters: Any = ()) -> Any:
        return real(self, "select no_such_column" if sql == "commit" else sql, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(BigQueryTransaction, "run", failing)
        with pytest.raises(WarehouseError, match="was left as it was"):
            load()
    assert not any(place.tables().values())

    said: list[str] = []
    report = load(said)
    assert report.errors == {}
    assert report.bytes_read == 0  # the emulator counts none
    assert [line for line in said if "a preview, untested against the service" in line]
    assert [line for line in said if "the queries have read 0.0 MB of tables in BigQuery" in line]
    before = place.tables("orders", "order_items")
    assert all(before.values())

    place.write("alter table sandbox.orders drop column status")
    monkeypatch.setattr(staging, "FEW_ROWS", 0)
    labels: list[dict[str, str]] = []
    commits = BigQueryTransaction.run

    def labelled(self: BigQueryTransaction, sql: str, parameters: Any = ()) -> Any:
        labels.append(dict(self.connection.labels))
        return commits(self, sql, parameters)

    monkeypatch.setattr(BigQueryTransaction, "run", labelled)
    report = load()
    assert report.errors == {}
    assert labels[-1]["ecom-assets"] == "sandbox"
    assert (report.resources["orders"].load_id or "").replace(".", "-") in labels[-1]["loads"].split("_")
    assert place.tables("orders", "order_items") == before
    with place.warehouse().read("sandbox") as transaction:
        assert isinstance(transaction, BigQueryTransaction)
        table = transaction.connection.client.get_table(transaction.connection.table("orders"))
    assert (table.time_partitioning.type_, table.time_partitioning.field) == ("DAY", "updated_at")
    assert table.clustering_fields == ["id"]


def test_another_load_waits_and_gives_up(place: Place) -> None:
    said: list[str] = []
    with (
        place.warehouse().transaction("sandbox"),
        pytest.raises(WarehouseError, match=rf"was held by PID {os.getpid()} on .* for 0\.5 s"),
        place.warehouse(0.5).transaction("sandbox", said.append),
    ):
        pass
    assert [line.partition(":")[0] for line in said] == ["waiting for the warehouse bigquery"]
    with place.warehouse(0.5).transaction("sandbox"):
        pass


def test_the_session_of_a_killed_load_is_ended_by_the_next_one(place: Place) -> None:
    environment = {**os.environ, "ECOM_WAREHOUSE": place.where}
    killed = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False, timeout=60)
    assert killed.returncode == -9
    said: list[str] = []
    with place.warehouse(5).transaction("sandbox", said.append):
        pass
    assert said[0].startswith("sandbox: ending the session of a load that is gone: PID ")


def test_a_dataset_in_another_location_is_refused(place: Place) -> None:
    with place.warehouse().transaction("sandbox"):
        pass
    elsewhere = Place("bigquery", f"{place.where}&location=EU").warehouse()
    with (
        pytest.raises(WarehouseError, match=r"found a dataset in US, and the location EU; write location=US"),
        elsewhere.transaction("sandbox"),
    ):
        pass


def test_an_error_of_a_query_is_one_line(place: Place) -> None:
    with pytest.raises(WarehouseError, match="cannot be read: ") as failed:
        place.rows("select nothing from nowhere")
    assert "\n" not in str(failed.value)
