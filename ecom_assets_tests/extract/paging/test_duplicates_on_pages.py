"""Records with one primary key on one page: each of them is loaded or rejected, and none disappears."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Request

from ecom_assets.declaration.reading import Incremental
from ecom_assets.extract.paging.fallback_lists import FallbackLists
from ecom_assets.extract.source_keys import KeyPaginator
from ecom_assets.extract.windows import Window
from ecom_assets.foundation.errors import IncompleteSlice
from ecom_assets.load.run import run_load
from ecom_assets_tests.contract.test_contract_faults import things
from ecom_assets_tests.support.examples import examples
from ecom_assets_tests.support.loads import slices
from ecom_assets_tests.support.loads.slices import read_slice
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records

Row = dict[str, Any]
AT = "2026-01-01T01:00:00Z"
PAGINATORS: dict[str, Row] = {
    "offset": {"type": "offset", "limit": 50},
    "page_number": {"type": "page_number", "base_page": 1},
    "single_page": {"type": "single_page"},
    "json_link": {"type": "json_link", "next_url_path": "next"},
    "cursor": {"type": "cursor", "cursor_path": "after", "cursor_param": "after"},
}
LINES = [{"id": 1, "sku": "A"}, {"id": 1, "sku": "B"}, {"id": 1, "sku": "C"}, {"id": 2, "sku": "A"}]
LEDGER = "select fetched, kept, rejected from myshop.load_ledger order by window_start"
CURSOR = Incremental.model_validate({"cursor_path": "updated_at", "server_filter": False, "timezone": "UTC"})


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    """Serve once for all tests here; each one brings its own pages."""
    with serving() as running:
        yield running


def answer_with(loopback: Loopback, *pages: Sequence[Any], **fields: Any) -> None:
    """Answer each page by its number or link, empty behind the last one, or the part of the first one by offset."""

    def answer(seen: Seen) -> Reply:
        query = dict(seen.query)
        number = int(query.get("page", query.get("p", query.get("after", 1))))
        page = list(pages[number - 1]) if number <= len(pages) else []
        if "offset" in query:
            rows = [row for entry in pages for row in entry]
            page = rows[int(query["offset"]) :][: int(query["limit"])]
        more = number < len(pages)
        link = f"{loopback.base_url}{seen.path}?api_key=a-key&p={number + 1}" if more else None
        return json_reply({"data": page, "next": link, "after": number + 1 if more else None, **fields})

    loopback.answering = answer


def rejected(records: Records) -> list[tuple[Any, ...]]:
    """Return the rejected rows: their key and the reasons."""
    return records.rows("select primary_key, reasons from myshop.rejected_rows order by record")


@pytest.mark.parametrize("kind", PAGINATORS)
def test_records_with_one_key_on_a_page_are_kept_or_rejected(records: Records, kind: str) -> None:
    answer_with(records.loopback, LINES)
    shop = records.shop(endpoint={"paginator": PAGINATORS[kind]})
    records.load(shop=shop)
    assert records.rows("select id, sku from myshop.orders order by id") == [(1, "C"), (2, "A")]
    reasons = [reasons for _, reasons in rejected(records)]
    assert len(reasons) == 2
    assert all("duplicate of the primary key 1: another row with it was kept" in each for each in reasons)
    assert records.rows(LEDGER) == [(4, 2, 2)]


@pytest.mark.parametrize("kind", PAGINATORS)
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (0, 2, 1)])
def test_the_greatest_cursor_stays_wherever_it_stands(
    records: Records, kind: str, order: tuple[int, ...]
) -> None:
    found = [
        {"id": 7, "updated_at": "2026-01-01T03:45:32Z", "v": 7},
        {"id": 7, "updated_at": "2026-01-01T02:31:49Z", "v": 10},
        {"id": 8, "updated_at": "2026-01-01T02:00:00Z", "v": 0},
    ]
    answer_with(records.loopback, [found[position] for position in order])
    shop = records.windowed()
    endpoint = shop.resource("orders").endpoint
    assert endpoint
    orders = shop.resource("orders").model_copy(
        update={"endpoint": endpoint.model_copy(update={"paginator": PAGINATORS[kind]})}
    )
    records.load(shop=shop.model_copy(update={"resources": (orders,)}), days=1)
    assert records.rows("select id, v from myshop.orders order by id") == [(7, 7), (8, 0)]
    assert records.rows(LEDGER) == [(3, 2, 1)]


@pytest.mark.parametrize(
    ("disposition", "rows"),
    [({"disposition": "merge", "strategy": "scd2"}, [0, 1, 3, 4]), ("append", [0]), ("merge", [4])],
    ids=["scd2", "append", "merge"],
)
def test_states_of_other_windows_displace_none(records: Records, disposition: Any, rows: list[int]) -> None:
    """Near a change of the clock, requests ask for more than the window. `append` keeps the first row of a key."""
    states = [(3, "03:20"), (0, "01:20"), (1, "02:20"), (4, "04:20")]
    found = [{"id": 1, "updated_at": f"2026-10-25T{hour}:00", "v": v} for v, hour in states]

    def answer(seen: Seen) -> Reply:
        query = dict(seen.query)
        start, end = query.get("from", ""), query.get("to", "9")
        page = [row for row in found if start <= str(row["updated_at"]) < end]
        return json_reply({"data": page[int(query["offset"]) :]})

    records.loopback.answering = answer
    window = {
        "cursor_path": "updated_at",
        "start_param": "from",
        "end_param": "to",
        "format": "iso8601_naive",
        "timezone": "Europe/Berlin",
    }
    shop = records.shop(
        endpoint={"incremental": window},
        shop={"partitions": {"every": "hour", "start": "2026-01-01"}},
        write_disposition=disposition,
    )
    start = datetime(2026, 10, 24, 23, tzinfo=timezone.utc)
    for number in range(5):
        begin = start + timedelta(hours=number)
        hour = Window(begin.strftime("%Y-%m-%d-%H:%M"), begin, begin + timedelta(hours=1))
        report = run_load(
            shop, ["orders"], [hour], secrets={"api_key": "a-key"}, warehouse=records.place.warehouse()
        )
        assert report.errors == {}
    assert records.rows("select v from myshop.orders order by v") == [(v,) for v in rows]
    assert rejected(records) == []
    # each window but the empty one has the record
    assert sorted(records.rows(LEDGER)) == [(0, 0, 0), *4 * [(1, 1, 0)]]


@examples(0.5)
@given(
    keys=st.lists(st.sampled_from([1, "1", 2, 3, None, [4]]), max_size=12),
    kind=st.sampled_from(list(PAGINATORS)),
)
def test_kept_and_rejected_are_the_records_of_any_page(
    loopback: Loopback, keys: list[Any], kind: str
) -> None:
    rows = [{"id": key, "n": number % 3} for number, key in enumerate(keys)]
    answer_with(loopback, rows)
    found, statistics = read_slice(loopback, PAGINATORS[kind])
    assert found == rows
    contracted = things(*found, windowed=False)
    assert len(contracted.kept_rows) + len(contracted.rejected) == statistics.fetched == len(rows)


def test_kept_and_rejected_are_the_fetched_ones(records: Records) -> None:
    rows = [{"id": key, "v": v} for v in "ab" for key in (1, "1", 2, None, "x", 3, 3)]
    shop = records.shop(columns={"id": {"data_type": "bigint"}}, max_rejected=1)
    answer_with(records.loopback, [*rows, rows[0]])
    records.load(shop=shop)
    assert records.rows("select id, v from myshop.orders order by id") == [(1, "a"), (2, "b"), (3, "b")]
    assert records.rows(LEDGER) == [(15, 3, 12)]
    assert len(rejected(records)) == 12


@pytest.mark.parametrize("kind", PAGINATORS)
@pytest.mark.parametrize("total", [2, 4])
def test_a_total_that_does_not_fit_both_counts_fails(loopback: Loopback, kind: str, total: int) -> None:
    answer_with(loopback, LINES, total=total)
    with pytest.raises(IncompleteSlice, match=rf"says it has {total} records, .*2 distinct"):
        read_slice(loopback, {**PAGINATORS[kind], "total_path": "total"})


A, B, C = ({"id": 1, "sku": sku} for sku in "ABC")


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        pytest.param([[A, B], [B, {"id": 2}]], [A, B, {"id": 2}], id="the overlap brings one of the two"),
        pytest.param([[B, A], [A, {"id": 2}]], [B, A, {"id": 2}], id="the last one of the page before"),
        pytest.param([[A, A], [A, {"id": 2}]], [A, A, {"id": 2}], id="equal records"),
        pytest.param(
            [[{"id": 2}, A], [C, {"id": 3}]], [{"id": 2}, C, {"id": 3}], id="another state of the one"
        ),
    ],
)
def test_a_page_that_overlaps_with_several_records_of_a_key_loses_none(
    loopback: Loopback, pages: list[list[Row]], expected: list[Row]
) -> None:
    answer_with(loopback, *pages)
    found, statistics = read_slice(loopback, PAGINATORS["json_link"])
    assert Counter(map(str, found)) == Counter(map(str, expected))
    assert statistics.fetched == len(expected)


def test_offset_pages_overlap_with_several_records_of_a_key(loopback: Loopback) -> None:
    rows = [{"id": 0}, A, B, {"id": 2}, {"id": 3}]
    answer_with(loopback, rows)
    found, _ = read_slice(loopback, {"type": "offset", "limit": 3})
    assert found == rows


def test_of_the_overlapping_record_the_greatest_cursor_stays(loopback: Loopback) -> None:
    new, old = ({"id": 2, "updated_at": f"2026-01-01T0{hour}:00:00Z", "v": hour} for hour in (3, 2))
    first = {"id": 1, "updated_at": "2026-01-01T01:00:00Z", "v": 1}
    last = {"id": 3, "updated_at": "2026-01-01T01:00:00Z", "v": 1}

    def answer(seen: Seen) -> Reply:
        offset = int(dict(seen.query)["offset"])
        return json_reply({"data": ([first, new, last] if offset == 0 else [first, old, last])[offset:][:2]})

    loopback.answering = answer
    found, _ = read_slice(loopback, {"type": "offset", "limit": 2}, incremental=CURSOR)
    assert found == [first, new, last]


def test_a_further_record_that_differs_between_two_readings_is_a_restart(loopback: Loopback) -> None:
    requests = 0

    def answer(seen: Seen) -> Reply:
        nonlocal requests
        requests += 1
        further = {"id": 1, "n": requests == 1}
        page = [{"id": 1, "n": 5}, further] if "p" not in dict(seen.query) else [{"id": 2}]
        link = None if "p" in dict(seen.query) else f"{loopback.base_url}/things?p=2"
        return json_reply({"data": page, "next": link})

    loopback.answering = answer
    found, statistics = read_slice(loopback, PAGINATORS["json_link"])
    assert found == [{"id": 1, "n": 5}, {"id": 1, "n": False}, {"id": 2}]
    assert statistics.restarts == 1


def test_a_later_list_of_a_fallback_adds_no_record_of_a_known_key() -> None:
    fallback = {"cursor_path": "created_at", "start_param": "made_from", "end_param": "made_to"}
    window = {"cursor_path": "updated_at", "start_param": "from", "end_param": "to", "fallbacks": [fallback]}
    lists = FallbackLists(Incremental.model_validate(window))
    changed = [{"id": 1, "updated_at": AT, "n": n} for n in range(2)]
    lists.add({(1,): changed[0], (1, 1): changed[1]}, None, {(1,): 2})
    lists.to_next_list(Request(params={"from": AT, "to": AT}))
    made = {
        (key, *number): {"id": key, "updated_at": None, "created_at": AT}
        for key in (1, 2)
        for number in ((), (1,), (2,))
    }
    lists.add(made, None, {(1,): 3, (2,): 3})
    assert lists.records == [*changed, *3 * [{"id": 2, "updated_at": AT, "created_at": AT}]]


def test_a_sweep_counts_distinct_keys(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(loopback, LINES)
    monkeypatch.setattr(slices, "SlicePaginator", KeyPaginator)
    found, statistics = read_slice(loopback, PAGINATORS["single_page"])
    assert found == [{"id": 1}, {"id": 2}]
    assert statistics.fetched == 2
