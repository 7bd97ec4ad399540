"""Progress lines: often enough to see that a run goes on, and never one per slice of many."""

from __future__ import annotations

import threading
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.foundation.progress import EVERY, TENTH, Progress


class Clock:
    """A clock that is moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def lines(slices: int, seconds: float, records: int = 10) -> list[str]:
    """Return what is said of slices that take so many seconds each."""
    said: list[str] = []
    clock = Clock()
    progress = Progress("orders", slices, said.append, clock)
    for _ in range(slices):
        clock.now += seconds
        progress.add(records)
    return said


def test_a_year_read_quickly_is_ten_lines() -> None:
    said = lines(365, 0.01)
    assert len(said) == TENTH
    assert said[0] == "orders: 37 of 365 slices, 370 records"
    assert said[-1] == "orders: 365 of 365 slices, 3,650 records, 1,000 a second, 4 s"


def test_slow_slices_are_told_every_few_seconds() -> None:
    said = lines(40, 2.0)
    assert said[0] == "orders: 3 of 40 slices, 30 records, 5 a second, about 74 s left"
    assert len(said) > TENTH


@given(slices=st.integers(1, 500), seconds=st.floats(0, 20), records=st.integers(0, 10**6))
def test_the_last_line_counts_all_and_no_wait_is_long(slices: int, seconds: float, records: int) -> None:
    said = lines(slices, seconds, records)
    assert f"{slices} of {slices} slices, {slices * records:,} records" in said[-1]
    counted = [int(line.split()[1]) for line in said]
    longest = max(1, EVERY / seconds + 1 if seconds else slices)
    assert all(after - before <= longest for before, after in pairwise([0, *counted]))


def test_workers_may_share_it() -> None:
    said: list[str] = []
    progress = Progress("orders", 800, said.append)

    def work() -> None:
        for _ in range(100):
            progress.add(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert any("800 of 800 slices, 800 records" in line for line in said)
