"""A load into PostgreSQL that is killed at any moment leaves the tables as they were, or as it wanted them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import psycopg2
import pytest

from ecom_assets.sandbox import SandboxSettings
from ecom_assets.sandbox.server import Running, serving
from ecom_assets_tests.engines import OF_A_RUN, Place
from ecom_assets_tests.forked_loads import Forks, forks, windows_from

UTC = timezone.utc
NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
WEEK = windows_from(datetime(2026, 1, 14, tzinfo=UTC), NOW)
EARLIER = windows_from(datetime(2026, 1, 12, tzinfo=UTC), datetime(2026, 1, 16, tzinfo=UTC))


@pytest.fixture
def sandbox() -> Iterator[Running]:
    """Serve 120 orders a day at an instant that does not move."""
    with serving(SandboxSettings(orders_per_day=120, now=NOW)) as running:
        yield running


@pytest.fixture
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Return the process that forks."""
    with forks(tmp_path_factory.mktemp("scratch")) as running:
        yield running


def everything(place: Place) -> dict[str, list[Any]]:
    """Return all rows of the dataset and of its staging tables, once nobody loads any more.

    Rows of the ledger that say the same are one: a load that was killed after its commit is in it, too, when it
    is run again.
    """
    found: dict[str, list[Any]] = {}
    with place.warehouse().transaction("sandbox") as session:
        for dataset in ("sandbox", "sandbox_staging"):
            for table, columns in session.columns_of(dataset).items():
                if not table.startswith("_dlt"):
                    listed = ", ".join(f'"{name}"' for name in columns if name not in OF_A_RUN)
                    rows = session.execute(f'select {listed} from "{dataset}"."{table}"').fetchall()
                    if table == "load_ledger":
                        rows = list(set(rows))
                    found[f"{dataset}.{table}"] = sorted(rows, key=repr)
    return found


@pytest.mark.parametrize(
    "kills", [6, pytest.param(40, marks=pytest.mark.slow)], ids=lambda kills: f"{kills} kills"
)
def test_killed_at_random_moments_and_run_again(
    sandbox: Running, forked: Forks, postgres_server: str, new_database: Callable[[], str], kills: int
) -> None:
    empty, earlier = Place("postgres", new_database()), Place("postgres", new_database())
    assert forked.end(forked.load(sandbox.base_url, earlier.where, EARLIER)) == (0, "")
    connection = psycopg2.connect(postgres_server)
    connection.autocommit = True
    cursor = connection.cursor()

    def fresh(base: Place) -> Place:
        """Return a copy of a base."""
        place = Place("postgres", new_database())
        name, template = (psycopg2.extensions.parse_dsn(there.where)["dbname"] for there in (place, base))
        cursor.execute(f"drop database {name}")
        cursor.execute(f"create database {name} template {template}")
        return place

    bases, before, after, loading = (empty, earlier), [], [], 0.0
    for base in bases:
        place = fresh(base)
        before.append(everything(place))
        pid = forked.load(sandbox.base_url, place.where, WEEK)
        forked.heard(pid, "loading")
        began = time.monotonic()
        assert forked.end(pid) == (0, "")
        loading = time.monotonic() - began
        after.append(everything(place))
    assert before[1] != after[1]

    chance, killed, committed = random.Random(kills), 0, 0
    while killed < kills:
        number = killed % 2
        place = fresh(bases[number])
        pid = forked.load(sandbox.base_url, place.where, WEEK)
        forked.heard(pid, "loading")
        time.sleep(chance.uniform(0, loading * 0.9))
        status, error = forked.end(pid, kill=True)
        assert (status, error) in ((-9, ""), (0, "")), error
        killed += status == -9
        left = everything(place)
        assert left in (before[number], after[number])
        committed += status == -9 and left == after[number]
        assert forked.end(forked.load(sandbox.base_url, place.where, WEEK)) == (0, "")
        assert everything(place) == after[number]
    connection.close()
    assert committed < kills / 2, "the loads were killed too late to show anything"
