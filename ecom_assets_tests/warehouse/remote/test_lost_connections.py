"""Connections to services that end in the middle of a load: at any statement, and at the commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import requests
from snowflake.connector.errors import OperationalError

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.trial.loads import DATASET, load_days
from ecom_assets.warehouse.remote.transaction import RemoteTransaction
from ecom_assets.warehouse.remote.warehouse import RemoteWarehouse
from ecom_assets_tests.support.warehouses.engines import REMOTE, Place

STEPS = 4
TABLES = ("orders", "order_items", "load_ledger")
LOST = "was left as it was: |cannot be read: |at the moment of the commit: "
CANARY = "s3cr3t-w0rd"


def end_on_mysql(warehouse: RemoteWarehouse, transaction: RemoteTransaction) -> None:
    """End the connection of a transaction on the server. Its next statement fails."""
    with warehouse._connect(DATASET) as connection:
        connection.cursor().execute(f"kill {transaction.connection.thread_id()}")


def end_on_snowflake(warehouse: RemoteWarehouse, transaction: RemoteTransaction) -> None:
    """Raise what the driver raises after its last try."""
    raise OperationalError(f"250003: Failed to execute request with {CANARY}: connection reset")


def end_on_bigquery(warehouse: RemoteWarehouse, transaction: RemoteTransaction) -> None:
    """Raise what the client raises after its last try."""
    raise requests.ConnectionError("no answer to a request")


def end_on_databricks(warehouse: RemoteWarehouse, transaction: RemoteTransaction) -> None:
    """Close the session, and raise what the driver raises after its last try."""
    transaction.connection._session.close()
    raise warehouse.driver_errors[0](f"Error during request to server with {CANARY}")


def end_on_redshift(warehouse: RemoteWarehouse, transaction: RemoteTransaction) -> None:
    """End the session of a transaction on the server. Its next statement fails."""
    with warehouse._connect(DATASET) as connection:
        pid = transaction.connection.info.backend_pid
        connection.cursor().execute(f"select pg_terminate_backend({pid})")


END: dict[str, Callable[[RemoteWarehouse, RemoteTransaction], None]] = {
    "bigquery": end_on_bigquery,
    "databricks": end_on_databricks,
    "mysql": end_on_mysql,
    "redshift": end_on_redshift,
    "snowflake": end_on_snowflake,
}


class Ending:
    """Counts the statements of loads, and ends the connection before one, or right after the commit."""

    def __init__(self, place: Place, patch: pytest.MonkeyPatch) -> None:
        self.seen = self.before = 0
        self.after_commit = False
        warehouse, end, ending = place.warehouse(), END[place.engine], self
        assert isinstance(warehouse, RemoteWarehouse)
        with warehouse.read(place.dataset) as transaction:
            kind: Any = type(transaction)
        real = kind.run

        def run(transaction: RemoteTransaction, sql: str, parameters: Sequence[Any] = ()) -> Any:
            ending.seen += 1
            if ending.seen == ending.before:
                end(warehouse, transaction)
            answer = real(transaction, sql, parameters)
            if sql == "commit" and ending.after_commit:
                end(warehouse, transaction)
                real(transaction, sql)  # the answer of the first one is lost
            return answer

        patch.setattr(kind, "run", run)


@pytest.mark.slow
@pytest.mark.parametrize("new_place", [*REMOTE, "redshift"], indirect=True)
def test_all_or_nothing_is_written_and_the_next_load_completes(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = replace(place, dataset=DATASET)
    ending = Ending(place, monkeypatch)
    load_days(place.warehouse(), 0, 1)
    ending.seen = 0
    load_days(place.warehouse(), 1, 1)
    statements = ending.seen
    before = place.whole_tables(*TABLES)
    for step in {*range(1, statements, statements // STEPS), statements}:
        ending.seen, ending.before = 0, step
        with pytest.raises(WarehouseError, match=LOST) as lost:
            load_days(place.warehouse(), 2, 1)
        assert CANARY not in str(lost.value)
        assert ("moment of the commit" in str(lost.value)) == (step == statements)
        ending.before = 0
        assert place.whole_tables(*TABLES) == before
    ending.after_commit = True
    with pytest.raises(WarehouseError, match=r"at the moment of the commit: .*its ledger says"):
        load_days(place.warehouse(), 2, 1)
    ending.after_commit = False
    kept = place.tables(*TABLES)
    assert len(kept["orders"]) > len(before["orders"])
    load_days(place.warehouse(), 2, 1)
    assert place.tables("orders", "order_items") == {name: kept[name] for name in ("orders", "order_items")}
