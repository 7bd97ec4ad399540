"""All keys of a collection are read, or reading fails: for keys of any shape and any kind of paging."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.client.api_connection import open_api
from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.contract.record_keys import keys_of
from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.source_keys import KeyPaginator, reduce_to_key, source_keys
from ecom_assets.extract.windows import windows_between
from ecom_assets.foundation.errors import ApiError, IncompleteSlice
from ecom_assets.load.run import run_load
from ecom_assets.load.sweeps.delete_detection import detect_deletes
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.support.examples import examples
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving

KEY = {"data_type": "bigint", "nullable": False}
AT = {"data_type": "timestamp", "nullable": False}


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    """Serve whatever a test answers."""
    with serving() as running:
        yield running


def shop_of(loopback: Loopback, **resource: Any) -> Shop:
    """Return a shop with the windowed and swept resource `things`."""
    given = {
        "name": "things",
        "primary_key": "id",
        "endpoint": {
            "path": "things",
            "data_selector": "data",
            "incremental": {"cursor_path": "at", "start_param": "since", "end_param": "until"},
        },
        "columns": {"id": KEY, "at": AT},
        "deletes": "sweep",
    }
    return Shop.model_validate(
        {
            "name": "testshop",
            "client": {"base_url": loopback.base_url},
            "policy": {"max_retries": 0},
            "partitions": {"every": "day", "start": "2026-01-01"},
            "resources": [given | resource],
        }
    )


def read(shop: Shop) -> tuple[list[dict[str, Any]], SliceStatistics]:
    """Return the keys of `things`, and what reading them took."""
    with open_api(shop) as connection:
        keys, reading = source_keys(connection, shop.resource("things"), lambda line: None)
    return keys.to_pylist(), reading


def test_keys_of_several_columns_anywhere_in_the_record(loopback: Loopback) -> None:
    records = [{"shop": {"id": "a"}, "no": str(no), "at": "2026-01-01"} for no in range(3)]
    loopback.replies = [json_reply({"data": records})]
    shop = shop_of(
        loopback,
        primary_key=["shop_id", "number"],
        columns={
            "number": {**KEY, "path": "no"},
            "shop_id": {"data_type": "text", "nullable": False, "path": "shop.id"},
            "at": AT,
        },
    )
    found, reading = read(shop)
    assert found == [{"shop_id": "a", "number": no} for no in range(3)]
    assert (reading.fetched, reading.source_total) == (3, None)


def test_records_need_no_more_than_their_key(loopback: Loopback) -> None:
    """A parameter such as `fields: id` leaves only the key."""
    loopback.replies = [json_reply({"data": [{"id": 1}, {"id": 2}]})]
    assert read(shop_of(loopback))[0] == [{"id": 1}, {"id": 2}]
    assert loopback.seen[0].query == []


def test_a_record_without_a_usable_key_fails_the_reading(loopback: Loopback) -> None:
    """It could be any row's: with `fields` of a wrong name every row would seem gone."""
    for records in ([{"id": 1}, {"name": "b"}], [{"id": 1}, {"id": "two"}], [{"id": 1}, "b"]):
        loopback.replies = [json_reply({"data": records})]
        with pytest.raises(ApiError) as caught:
            read(shop_of(loopback))
        assert str(caught.value) == (
            "things: 1 of 2 records came without a usable primary key id, so it is unknown which records are gone; "
            "check deletes.params"
        )


def test_pages_of_another_kind_and_their_total(loopback: Loopback) -> None:
    def answer(request: Seen) -> Reply:
        page = int(dict(request.query)["page"])
        records = [{"id": no} for no in range(7)][3 * page - 3 : 3 * page]
        return Reply(body=json_reply({"data": records}).body, headers={"X-Total": "7"})

    loopback.answering = answer
    paginator = {"type": "page_number", "base_page": 1, "total_header": "X-Total"}
    shop = shop_of(loopback)
    shop = shop.model_copy(update={"client": shop.client.model_copy(update={"paginator": paginator})})
    found, reading = read(shop)
    assert found == [{"id": no} for no in range(7)]
    assert reading.source_total == 7
    assert reading.requests == len(loopback.seen) >= 3


def test_an_answer_without_the_list_is_no_empty_collection(loopback: Loopback) -> None:
    loopback.replies = [json_reply({"error": "busy"})]
    with pytest.raises(ApiError, match="data_selector 'data' found nothing in a 200 answer"):
        read(shop_of(loopback))


def test_pages_that_do_not_add_up(loopback: Loopback) -> None:
    loopback.replies = [json_reply({"data": [{"id": 1}], "total": 2})]
    shop = shop_of(loopback)
    paginator = {"type": "single_page", "total_path": "total"}
    shop = shop.model_copy(update={"client": shop.client.model_copy(update={"paginator": paginator})})
    with pytest.raises(IncompleteSlice, match="the API says it has 2 records, 1 distinct ones came"):
        read(shop)


def test_a_reading_that_dlt_gives_up_without_an_error_is_no_empty_collection(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No release of dlt is known to end a list early. One that did would make every row seem gone."""

    def give_up(paginator: KeyPaginator, response: Any, data: list[Any] | None = None) -> None:
        if data:
            data[:] = []
        paginator._has_next_page = False

    monkeypatch.setattr(KeyPaginator, "update_state", give_up)
    loopback.replies = [json_reply({"data": [{"id": 1}]})]
    with pytest.raises(IncompleteSlice) as caught:
        read(shop_of(loopback))
    assert str(caught.value) == "things_deletions/all: dlt ended without reading all pages of it"


def test_an_api_without_a_filter_is_swept_as_well(loopback: Loopback, tmp_path: Path) -> None:
    endpoint = {
        "path": "things",
        "data_selector": "data",
        "incremental": {"cursor_path": "at", "server_filter": False},
    }
    shop = shop_of(loopback, endpoint=endpoint, max_deleted=1)
    assert shop.partitions
    first = shop.partitions.start
    (window,) = windows_between(shop.partitions, first, first.replace(day=2))
    records = [{"id": no, "at": "2026-01-01T10:00:00Z"} for no in range(3)]
    warehouse = DuckDbWarehouse(tmp_path / "warehouse.duckdb", 20)
    loopback.replies = [json_reply({"data": records})]
    assert run_load(shop, ["things"], [window], warehouse=warehouse).errors == {}
    loopback.replies = [json_reply({"data": records[1:]})]
    report = detect_deletes(shop, "things", warehouse=warehouse)
    assert (report.newly_deleted, report.source_total) == (1, None)
    assert loopback.seen[-1].query == []


def test_a_collection_takes_no_more_memory_than_its_keys(loopback: Loopback) -> None:
    """30 pages of 100 records of 10 kB, 30 MB in all."""
    filler = "x" * 10_000

    def answer(request: Seen) -> Reply:
        offset = int(dict(request.query)["offset"])
        records = [{"id": no, "text": filler} for no in range(offset, min(offset + 100, 3_000))]
        return json_reply({"data": records, "total": 3_000})

    loopback.answering = answer
    paginator = {"type": "offset", "limit": 100, "total_path": "total"}
    shop = shop_of(loopback)
    shop = shop.model_copy(update={"client": shop.client.model_copy(update={"paginator": paginator})})
    tracemalloc.start()
    try:
        found, _ = read(shop)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == 3_000
    assert peak < 30e6


VALUES = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["a", "b", ""]) | st.just(1.5)
RECORDS = st.recursive(VALUES, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3))
PATHS = st.lists(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple), min_size=1, max_size=3, unique=True
)


@given(st.lists(RECORDS, max_size=8), PATHS)
def test_what_is_kept_of_records_tells_them_apart_as_they_did(
    rows: list[Any], paths: list[tuple[str, ...]]
) -> None:
    kept = [reduce_to_key(row, paths) for row in rows]
    assert keys_of(kept, paths) == keys_of(rows, paths)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Loopback, Shop, Path]]:
    """Return a server, its shop, and a warehouse with eight rows."""
    with serving() as loopback:
        shop = shop_of(loopback, max_deleted=1)
        assert shop.partitions
        first = shop.partitions.start
        (window,) = windows_between(shop.partitions, first, first.replace(day=2))
        file = tmp_path_factory.mktemp("things") / "warehouse.duckdb"
        loopback.replies = [
            json_reply({"data": [{"id": no, "at": "2026-01-01T10:00:00Z"} for no in range(8)]})
        ]
        assert run_load(shop, ["things"], [window], warehouse=DuckDbWarehouse(file, 20)).errors == {}
        yield loopback, shop, file


# ten records may be a full page, whose end nothing confirms: a list of so many that lacks a row is refused
STATES = st.frozensets(st.integers(0, 10), max_size=11).filter(
    lambda state: len(state) < 10 or state.issuperset(range(8))
)


@examples(0.2)
@given(states=st.lists(STATES, min_size=1, max_size=4))
def test_after_any_history_the_live_rows_are_those_at_the_source(
    table: tuple[Loopback, Shop, Path], states: list[frozenset[int]]
) -> None:
    """Whatever went and came back; and a mark stays what it was for as long as its record is gone."""
    loopback, shop, file = table
    marks = marks_in(file)
    for state in states:
        loopback.replies = [json_reply({"data": [{"id": no} for no in sorted(state)]})]
        report = detect_deletes(shop, "things", warehouse=DuckDbWarehouse(file, 20))
        gone = set(range(8)) - state
        kept = {no: at for no, at in marks.items() if no in gone}
        expected = kept | dict.fromkeys(gone - marks.keys(), report.instant)
        assert report.newly_deleted == len(gone - marks.keys())
        assert report.returned == len(marks.keys() & state)
        marks = marks_in(file)
        assert marks == expected


def marks_in(file: Path) -> dict[int, Any]:
    """Return the marked rows of the table."""
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return dict(
            connection.execute(
                "select id, deleted_at from testshop.things where deleted_at is not null"
            ).fetchall()
        )
