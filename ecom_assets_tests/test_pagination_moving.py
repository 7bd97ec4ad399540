"""A slice is the list as it stood at one moment, or fails: whatever moves while it is read, however it pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from ecom_assets.ingest.declaration import Incremental
from ecom_assets.ingest.errors import IncompleteSlice
from ecom_assets_tests.loopback import Loopback, serving
from ecom_assets_tests.moving_list import NOW, PAGINATORS, Api, Change, MovingList, State
from ecom_assets_tests.slices import reading_of

CLOSED = (NOW - timedelta(hours=1), NOW)
OPEN = (NOW - timedelta(hours=1), NOW + timedelta(hours=1))
REFERENCES = [kind for kind in PAGINATORS if kind not in ("offset", "page_number")]


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    """Serve once for all examples; each one brings its own list."""
    with serving() as running:
        yield running


changes = st.lists(
    st.builds(
        Change,
        request=st.integers(0, 9),
        kind=st.sampled_from(["insert", "delete", "update", "move"]),
        at=st.integers(0, 7),
        to=st.integers(0, 8),
        wait=st.sampled_from([0.0, 0.3, 2.0, 90.0]),
    ),
    max_size=5,
)


@st.composite
def apis(draw: st.DrawFn) -> Api:
    """Return any way to page, to tell the total, to clamp the limit, to go wrong."""
    places = draw(st.sampled_from(["row", "row again", "count"]))
    least = 2 if places == "row again" else 1
    faults = st.tuples(st.sampled_from(["empty", "repeat", "ignore"]), st.integers(1, 4))
    return Api(
        kind=draw(st.sampled_from(sorted(PAGINATORS))),
        total=draw(st.sampled_from(["body", "header", "nowhere"])),
        most=draw(st.integers(least, 5)),
        limit=draw(st.integers(least, 4)),
        places=places,
        past_end=draw(st.sampled_from(["empty", "404"])),
        link_to_nothing=draw(st.booleans()),
        window=draw(st.sampled_from([None, CLOSED, OPEN])),
        grain=draw(st.sampled_from([0.001, 1.0, 60.0])),
        fault=draw(st.none() | st.none() | faults),
    )


def rows_of(ages: list[float], grain: float) -> list[dict[str, Any]]:
    """Return a row for each age in seconds."""
    moments = [(NOW.timestamp() - age) // grain * grain for age in ages]
    return [
        {"id": number, "v": 0, "updated_at": datetime.fromtimestamp(moment, timezone.utc).isoformat()}
        for number, moment in enumerate(moments)
    ]


def read(
    loopback: Loopback, api: Api, ages: list[float], moving: list[Change], windowed: bool
) -> tuple[MovingList, State | None, int]:
    """Return the list, what was read of it (None if that failed), and how often reading was begun again."""
    served = MovingList(loopback, api, moving, rows_of(ages, api.grain))
    incremental = None
    if windowed or api.window:
        parameters = {"start_param": "since", "end_param": "until"} if api.window else {"server_filter": False}
        incremental = Incremental.model_validate({"cursor_path": "updated_at", **parameters})
    try:
        records, reading = reading_of(
            loopback,
            api.paginator,
            closed=api.window[1] if api.window else None,
            incremental=incremental,
        )
    except IncompleteSlice:
        return served, None, 0
    known = {(record["id"], record["v"]) for record in records}
    assert len({record["id"] for record in records}) == len(records)
    assert reading.requests == served.requests
    return served, frozenset(known), reading.restarts


def moments_of(served: MovingList, restarts: int) -> list[State]:
    """Return the states between the first and the last request of the reading that counts.

    That is the last pass over the pages, or the last two where there was one more than the restarts account for.
    """
    passes = served.begun
    confirmed = len(passes) > restarts + 1
    return served.moments(passes[-2 if confirmed else -1], served.requests - 1)


def assert_one_moment(served: MovingList, found: State, restarts: int) -> None:
    """Require that the list was once what was found."""
    moments = moments_of(served, restarts)
    if served.api.kind in REFERENCES and served.api.total == "nowhere":
        # nothing tells of a row that comes after its place was read and goes before its place is read again
        gone = frozenset[tuple[int, int]]().union(*moments) - moments[0] - moments[-1]
        moments = [moment - gone for moment in moments]
    assert found in moments, (found, moments)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    api=apis(),
    ages=st.lists(st.sampled_from([0.0, 0.2, 1.5, 100.0, 1000.0, 9000.0]), max_size=8),
    moving=changes,
    windowed=st.booleans(),
)
def test_a_slice_is_the_list_at_one_moment_or_fails(
    loopback: Loopback, api: Api, ages: list[float], moving: list[Change], windowed: bool
) -> None:
    served, found, restarts = read(loopback, api, ages, moving, windowed)
    event(f"{'read' if found is not None else 'failed'} after {restarts} restarts")
    if found is not None:
        assert_one_moment(served, found, restarts)
