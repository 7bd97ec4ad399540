"""A load into a lake that is killed at any moment leaves the tables either as they were or completely loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ecom_assets.sandbox.server import Running
from ecom_assets_tests.support.loads.forked_loads import forks
from ecom_assets_tests.support.loads.killed_loads import kill_and_run_again
from ecom_assets_tests.support.loads.still_sandbox import EARLIER
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.warehouses.engines import Place

ORDERS_PER_DAY = 60
KILLS = {"postgres": 2, "sqlite": 1}
"""By catalog."""


@pytest.mark.slow
@pytest.mark.parametrize("catalog", KILLS)
def test_killed_at_random_moments_and_run_again(
    sandbox: Running, new_lake: Callable[..., Place], tmp_path: Path, catalog: str
) -> None:
    def lake(number: int) -> Place:
        return new_lake(CATALOG="" if catalog == "postgres" else f"sqlite:///{tmp_path}/{number}.sqlite")

    # configured before the process that forks starts; more than needed, as some loads end before they are killed
    lakes = [lake(number) for number in range(2 + 3 * KILLS[catalog])]
    with forks(tmp_path) as forked:

        def fresh(has_earlier: bool) -> Place:
            place = lakes.pop()
            if has_earlier:
                assert forked.end(forked.load(sandbox.base_url, place.where, EARLIER)) == (0, "")
            return place

        kill_and_run_again(forked, sandbox.base_url, fresh, tables, KILLS[catalog])


def tables(place: Place) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows. Ledger rows that a load wrote twice, because it was killed after its commit, are there once."""
    if not place.warehouse().exists():
        return {}
    found = place.tables()
    return {name: sorted(set(rows), key=repr) for name, rows in found.items()}
