"""A slice is the list as it stood at one moment, or fails, whatever changes meanwhile and however it is paged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from ecom_assets.declaration.reading import Incremental
from ecom_assets.extract.paging.completeness import SliceLimits
from ecom_assets.foundation.errors import IncompleteSlice
from ecom_assets_tests.support.examples import examples
from ecom_assets_tests.support.loads.slices import read_slice
from ecom_assets_tests.support.servers.loopback import Loopback, serving
from ecom_assets_tests.support.servers.moving_list import NOW, PAGINATORS, Api, Change, MovingList, State

WINDOWS = {
    "snapshot": None,
    "closed window": (NOW - timedelta(hours=1), NOW),
    "open window": (NOW - timedelta(hours=1), NOW + timedelta(hours=1)),
    "unfiltered": (NOW - timedelta(hours=1), NOW),
}
REFERENCES = [kind for kind in PAGINATORS if kind not in ("offset", "page_number")]
PAGINGS = {"offsets": ["offset"], "pages": ["page_number"], "references": REFERENCES}
TOTALS = {"a total": ["body", "header"], "no total": ["nowhere"]}


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    """Serve once for all examples; each one brings its own list."""
    with serving() as running:
        yield running


@st.composite
def apis(draw: st.DrawFn, paging: str, total: str, window: str) -> Api:
    """Return any API with this kind of paging, total and filter."""
    places = draw(st.sampled_from(["row", "row again", "count"]))
    least = 2 if places == "row again" else 1
    # an empty page is the end where there is no total
    faults = ["empty", "repeat", "ignore"] if total == "a total" else ["repeat", "ignore"]
    wrong = st.tuples(st.sampled_from(faults), st.integers(1, 4))
    return Api(
        kind=draw(st.sampled_from(PAGINGS[paging])),
        total=draw(st.sampled_from(TOTALS[total])),
        most=draw(st.integers(least, 5)),
        limit=draw(st.integers(least, 3)),
        places=places,  # type: ignore[arg-type]
        past_end=draw(st.sampled_from(["empty", "404"])),
        link_to_nothing=draw(st.booleans()),
        window=WINDOWS[window],
        filters=window != "unfiltered",
        grain=draw(st.sampled_from([0.001, 1.0, 60.0])),
        fault=draw(st.none() | st.none() | wrong),  # type: ignore[arg-type]
    )


changes = st.lists(
    st.builds(
        Change,
        request=st.integers(0, 8),
        kind=st.sampled_from(["insert", "delete", "update", "move"]),
        at=st.integers(0, 6),
        to=st.integers(0, 7),
        wait=st.sampled_from([0.0, 0.3, 2.0, 90.0]),
    ),
    min_size=1,
    max_size=5,
)
ages = st.lists(st.sampled_from([0.0, 0.2, 1.5, 100.0, 100.0, 1000.0, 9000.0]), max_size=7)


def read(
    loopback: Loopback, api: Api, rows: list[float], moving: list[Change]
) -> tuple[MovingList, State | None, int]:
    """Return the list, what was read of it (None if reading failed), and the number of restarts.

    `rows` are the ages, in seconds, of the first records.
    """
    served = MovingList.of(loopback, api, moving, rows)
    incremental = None
    limits = SliceLimits()
    if api.window:
        names = {"start_param": "since", "end_param": "until"} if api.filters else {"server_filter": False}
        incremental = Incremental.model_validate({"cursor_path": "updated_at", **names})
        limits = SliceLimits(api.window[1], api.window[1] if api.filters else None)
    try:
        records, reading = read_slice(loopback, api.paginator, limits=limits, incremental=incremental)
    except IncompleteSlice:
        return served, None, 0
    assert reading.requests == served.requests
    assert all(record in served.versions for record in records)
    assert len({record["id"] for record in records}) == len(records)
    return served, served.wanted(records), reading.restarts


def assert_one_moment(served: MovingList, found: State, restarts: int) -> None:
    """Check that the list was what was read at one moment between the first and the last request that counts.

    The last reading of the pages counts, or the last two readings if a restart does not explain the last one.
    """
    begun = served.begun[-2 if len(served.begun) > restarts + 1 else -1]
    moments = served.moments(begun, served.requests - 1)
    unseen: State = frozenset()
    if served.api.kind in REFERENCES and served.api.total == "nowhere":
        # nothing shows a row that comes after its place was read and goes before its place is read again
        unseen = unseen.union(*moments) - moments[0] - moments[-1]
    assert any(found <= moment <= found | unseen for moment in moments), (found, moments)


@pytest.mark.hypothesis  # `given` is inside, where its parameters are known
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize("paging", PAGINGS)
def test_a_slice_is_the_list_at_one_moment_or_fails(
    loopback: Loopback, paging: str, total: str, window: str
) -> None:
    @examples(0.75)
    @given(api=apis(paging, total, window), rows=ages, moving=changes)
    def one(api: Api, rows: list[float], moving: list[Change]) -> None:
        served, found, restarts = read(loopback, api, rows, moving)
        event(f"{'failed' if found is None else 'read'} after {restarts} restarts")
        if found is not None:
            assert_one_moment(served, found, restarts)

    one()
