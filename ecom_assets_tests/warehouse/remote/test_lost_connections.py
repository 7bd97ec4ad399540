"""Connections to services that end in the middle of a load: at any statement, and at the commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.trial.loads import DATASET, load_days
from ecom_assets.warehouse.remote.transaction import RemoteTransaction
from ecom_assets_tests.support.warehouses.engines import Place, engines_where

STEPS = 4
TABLES = ("orders", "order_items", "load_ledger")
LOST = "was left as it was: |cannot be read: |at the moment of the commit: "
CANARY = "s3cr3t-w0rd"


class Ending:
    """Counts the statements of loads, and ends the connection before one, or right after the commit."""

    def __init__(self, place: Place, patch: pytest.MonkeyPatch) -> None:
        self.seen = self.before = 0
        self.after_commit = False
        warehouse, end, ending = place.warehouse(), place.traits.end_connection, self
        assert end
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
@pytest.mark.parametrize("new_place", engines_where(lambda traits: traits.end_connection), indirect=True)
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
