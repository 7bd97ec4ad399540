"""Loads and other delete detections between reading the keys and marking the rows: what they wrote stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecom_assets.load.sweeps.delete_detection import DeleteDetectionReport, detect_deletes
from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.server import Running, serving
from ecom_assets_tests.support.loads.sweeps import NOW, ORDERS, Sweeps
from ecom_assets_tests.support.warehouses.engines import Place, before_each_load, before_each_use


@pytest.fixture
def api() -> Iterator[Running]:
    """Serve a few orders a day."""
    with serving(SandboxSettings(orders_per_day=10, now=NOW)) as running:
        yield running


@pytest.fixture
def sweeps(api: Running, tmp_path: Path, place: Place) -> Sweeps:
    """Return the shop with all its orders loaded."""
    found = Sweeps(api, tmp_path, place=place)
    found.load()
    return found


def sweep_while(sweeps: Sweeps, meanwhile: Callable[[], object]) -> DeleteDetectionReport:
    """Sweep, and do something once everything has been read and nothing has been written."""
    times: list[None] = []

    def happens() -> None:
        times.append(None)
        meanwhile()

    warehouse = before_each_load(sweeps.place.warehouse(), happens)
    report = detect_deletes(sweeps.shop, "orders", secrets={"api_key": SANDBOX_KEY}, warehouse=warehouse)
    assert len(times) == 1
    return report


def test_a_row_that_a_load_brought_meanwhile_is_not_marked(sweeps: Sweeps, api: Running) -> None:
    """A record that came after its page had been read: it is in the table, and not in the reading."""
    ids = sweeps.ids()
    late, gone = ids[-1], ids[0]
    api.faults.delete(ORDERS, late)
    sweeps.place.write(f"delete from sandbox.orders where id = {late}")
    api.faults.delete(ORDERS, gone)

    def meanwhile() -> None:
        api.faults.restore(ORDERS, late)
        sweeps.load()

    report = sweep_while(sweeps, meanwhile)
    assert late in sweeps.ids()
    assert list(sweeps.marked()) == [gone]
    assert (report.live_before, report.newly_deleted) == (len(ids) - 1, 1)


def test_a_row_that_a_load_brought_right_after_the_reading_is_not_marked(
    sweeps: Sweeps, api: Running
) -> None:
    """Its record came after the last page. So what is in the table has to be known before the first page."""
    late = sweeps.ids()[-1]
    api.faults.delete(ORDERS, late)
    sweeps.place.write(f"delete from sandbox.orders where id = {late}")
    api.log.clear()
    brought: list[int] = []

    def happens() -> None:
        if api.log.requests and not brought:
            brought.append(late)
            api.faults.restore(ORDERS, late)
            sweeps.load()

    warehouse = before_each_use(sweeps.place.warehouse(), happens)
    report = detect_deletes(sweeps.shop, "orders", secrets={"api_key": SANDBOX_KEY}, warehouse=warehouse)
    assert brought == [late]
    assert late in sweeps.ids()
    assert (sweeps.marked(), report.newly_deleted) == ({}, 0)


def test_a_row_that_a_load_changed_meanwhile_is_not_marked(sweeps: Sweeps, api: Running) -> None:
    """A record that came back changed: what the sweep knew of the row no longer holds."""
    back, gone = sweeps.ids()[:2]
    api.faults.delete(ORDERS, back)
    api.faults.delete(ORDERS, gone)

    def meanwhile() -> None:
        api.faults.restore(ORDERS, back)
        api.faults.change(ORDERS, back, updated_at="2026-01-05T11:11:11Z")
        sweeps.load()

    report = sweep_while(sweeps, meanwhile)
    assert list(sweeps.marked()) == [gone]
    assert report.newly_deleted == 1


def test_marks_of_another_sweep_stay(sweeps: Sweeps, api: Running) -> None:
    gone = sweeps.ids()[0]
    api.faults.delete(ORDERS, gone)
    other: list[DeleteDetectionReport] = []
    report = sweep_while(sweeps, lambda: other.append(sweeps.sweep()))
    assert sweeps.marked() == {gone: other[0].instant}
    assert (other[0].newly_deleted, report.newly_deleted) == (1, 0)


def test_a_row_that_went_again_meanwhile_is_not_unmarked(sweeps: Sweeps, api: Running) -> None:
    """Its mark is of a later reading than the one that found it back."""
    gone = sweeps.ids()[0]
    api.faults.delete(ORDERS, gone)
    sweeps.sweep()
    api.faults.restore(ORDERS, gone)
    other: list[DeleteDetectionReport] = []

    def meanwhile() -> None:
        sweeps.load()
        assert sweeps.marked() == {}
        api.faults.delete(ORDERS, gone)
        other.append(sweeps.sweep())

    report = sweep_while(sweeps, meanwhile)
    assert sweeps.marked() == {gone: other[0].instant}
    assert report.returned == 0
