"""A set of intervals is the set of its instants, whatever the order in which they come."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.foundation.intervals import Intervals

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
PAIRS = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda pair: (min(pair), max(pair)))


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


@given(st.lists(PAIRS, max_size=12), PAIRS)
def test_a_set_of_intervals_is_the_set_of_its_hours(
    added: list[tuple[int, int]], asked: tuple[int, int]
) -> None:
    intervals, hours = Intervals(), set[int]()
    for start, end in added:
        new = intervals.add(at(start), at(end))
        assert {at(hour) for hour in range(start, end)} - {at(hour) for hour in hours} == {
            at(hour) for hour in range(31) if any(low <= at(hour) < high for low, high in new)
        }
        hours |= set(range(start, end))
    wanted = set(range(*asked))
    assert intervals.covers(at(asked[0]), at(asked[1])) == (wanted <= hours)
    assert intervals.overlaps(at(asked[0]), at(asked[1])) == bool(wanted & hours) or not wanted
    parts = intervals.parts()
    assert all(earlier[1] < later[0] for earlier, later in pairwise(parts))
    assert sum((end - start for start, end in parts), timedelta()) == timedelta(hours=len(hours))
