"""A load into PostgreSQL that is killed at any moment leaves the tables either as they were or completely loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ecom_assets.sandbox.server import Running
from ecom_assets_tests.support.loads.forked_loads import Forks
from ecom_assets_tests.support.loads.killed_loads import kill_and_run_again
from ecom_assets_tests.support.loads.still_sandbox import EARLIER
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.warehouses.engines import OF_A_RUN, Place

ORDERS_PER_DAY = 120
KILLS = 8


def everything(place: Place) -> dict[str, list[Any]]:
    """Return all rows of the dataset, once nobody loads any more.

    Rows of the ledger that say the same are one: a load that was killed after its commit is in it, too, when it
    is run again.
    """
    found: dict[str, list[Any]] = {}
    with place.warehouse().transaction("sandbox") as transaction:
        for table, columns in transaction.columns_of("sandbox").items():
            if not table.startswith("_dlt"):
                listed = ", ".join(f'"{name}"' for name in columns if name not in OF_A_RUN)
                rows = transaction.execute(f'select {listed} from "sandbox"."{table}"').fetchall()
                if table == "load_ledger":
                    rows = list(set(rows))
                found[table] = sorted(rows, key=repr)
    return found


@pytest.mark.slow
def test_killed_at_random_moments_and_run_again(
    sandbox: Running, forked: Forks, new_database: Callable[..., str]
) -> None:
    earlier = Place("postgres", new_database())
    assert forked.end(forked.load(sandbox.base_url, earlier.where, EARLIER)) == (0, "")
    ((name,),) = earlier.rows("select current_database()")

    def fresh(has_earlier: bool) -> Place:
        return Place("postgres", new_database(name) if has_earlier else new_database())

    kill_and_run_again(forked, sandbox.base_url, fresh, everything, KILLS)
