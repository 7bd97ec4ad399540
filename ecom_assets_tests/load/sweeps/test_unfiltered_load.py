"""Records that no window brings, with `unfiltered: load`: a sweep loads them, with their nested rows and children."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.windows import windows_between
from ecom_assets.foundation.errors import IngestError, WarehouseError
from ecom_assets.load.audit.audit import audit
from ecom_assets.load.ledger.status import status
from ecom_assets.load.run import run_load
from ecom_assets.load.sweeps.delete_detection import DeleteDetectionReport, detect_deletes
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, no_waits, serving
from ecom_assets_tests.support.warehouses.engines import Place, before_each_load

__all__ = ["no_waits"]

NOW = datetime.now(timezone.utc).replace(microsecond=0)
START = NOW.replace(hour=0, minute=0, second=0) - timedelta(days=3)


def at(days: float) -> str:
    return (START + timedelta(days=days)).isoformat().replace("+00:00", "Z")


class Api:
    """Orders with lines, and notes of each order. A filter leaves out orders without an update time, and drafts."""

    def __init__(self, loopback: Loopback, place: Place) -> None:
        self.place = place
        self.base_url = loopback.base_url
        self.orders: dict[int, dict[str, Any]] = {}
        for no in range(3):
            self.add(no, at(no + 0.5))
        self.said: list[str] = []
        self.lists = 0
        self.pages = 0
        self.keys_only = False
        self.before_second_reading: Callable[[], object] = lambda: None
        self.notes_fail = self.shows_null = False
        loopback.answering = self.answer

    def add(self, no: int, updated: str | None, **fields: Any) -> None:
        self.orders[no] = {
            "id": no,
            "changed": updated,
            "lines": [{"sku": f"{no}a"}, {"sku": f"{no}b"}],
            **fields,
        }

    def answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        if seen.path.endswith("/notes"):
            if self.notes_fail:
                return Reply(500)
            return json_reply({"data": [{"text": f"on {seen.path.split('/')[2]}"}], "total": 1})
        rows = list(self.orders.values())
        if "since" in query:
            rows = [row for row in rows if self.is_in(row, query["since"], query["until"])]
        elif query.get("offset", "0") == "0":
            self.lists += 1
            if self.lists == 2:
                self.before_second_reading()
                rows = list(self.orders.values())
        total = len(rows)
        if "limit" in query:
            first = int(query["offset"])
            rows = rows[first : first + int(query["limit"])]
            self.pages += 1
        if "fields" in query:
            rows = [{"id": row["id"]} for row in rows]
        return json_reply({"data": rows, "total": total})

    def is_in(self, row: Mapping[str, Any], since: str, until: str) -> bool:
        if row["changed"] is None:
            return self.shows_null
        return not row.get("draft") and since <= row["changed"] < until

    def shop(self, paginator: Any = None, max_pages: int = 100, whole: bool = False, **resource: Any) -> Shop:
        incremental = {"cursor_path": "changed", "start_param": "since", "end_param": "until"}
        shop: dict[str, Any] = {
            "name": "testshop",
            "client": {
                "base_url": self.base_url,
                "paginator": paginator or {"type": "single_page", "total_path": "total"},
            },
            "policy": {"max_retries": 0, "max_pages": max_pages},
            "partitions": {"every": "day", "start": START.date().isoformat()},
            "resources": [
                {
                    "name": "orders",
                    "primary_key": "id",
                    "endpoint": {"path": "orders", "data_selector": "data", "incremental": incremental},
                    "columns": {
                        "id": {"data_type": "bigint"},
                        "changed": {"data_type": "timestamp"},
                        "amount": {"data_type": "bigint"},
                    },
                    "schema_contract": {"columns": "discard_value"},
                    "deletes": "sweep",
                    "max_deleted": 1,
                    "unfiltered": "load",
                    **resource,
                },
                {
                    "name": "lines",
                    "primary_key": ["_orders_id", "sku"],
                    "include_from_parent": ["id"],
                    "rows_from": {"resource": "orders", "path": "lines"},
                    "columns": {"sku": {"data_type": "text"}},
                },
                {
                    "name": "notes",
                    "primary_key": ["_orders_id", "text"],
                    "include_from_parent": ["id"],
                    "endpoint": {
                        "path": "orders/{resources.orders.id}/notes",
                        "data_selector": "data",
                        "paginator": {"type": "single_page", "total_path": "total"},
                    },
                    "columns": {"text": {"data_type": "text"}},
                },
            ],
        }
        if not whole:
            del shop["resources"][1:]
        return Shop.model_validate(shop)

    def load(self, shop: Shop, first: int = 0, days: int = 3) -> None:
        assert shop.partitions
        windows = windows_between(
            shop.partitions, START + timedelta(days=first), START + timedelta(days=days)
        )
        names = [table.name for table in shop.tables]
        assert run_load(shop, names, windows, warehouse=self.place.warehouse()).errors == {}

    def sweep(self, shop: Shop) -> DeleteDetectionReport:
        self.lists = 0
        return detect_deletes(shop, "orders", warehouse=self.place.warehouse(), progress=self.said.append)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.place.rows(sql.replace("shop.", '"testshop".'))

    def ids(self, condition: str = "true") -> list[int]:
        return [row[0] for row in self.rows(f"select id from shop.orders where {condition} order by 1")]

    def details(self, no: int) -> tuple[list[str], int]:
        """Return the lines of an order in the warehouse, and the number of its notes."""
        lines = self.rows(f"select sku from shop.lines where _orders_id = {no} order by 1")
        notes = self.rows(f"select text from shop.notes where _orders_id = {no}")
        return [row[0] for row in lines], len(notes)


@pytest.fixture
def api(place: Place) -> Iterator[Api]:
    """Serve three orders of three days."""
    with serving() as loopback:
        yield Api(loopback, place)


def test_a_sweep_loads_them_with_their_nested_rows_and_children(api: Api) -> None:
    api.add(7, None)
    api.add(8, at(1.25), draft=True)
    api.add(9, None, amount="no number")
    api.add(10, at(3.01) if START + timedelta(days=3.02) < NOW else NOW.isoformat())
    shop = api.shop(whole=True)
    api.load(shop)
    report = api.sweep(shop)
    assert (report.unfiltered, report.unfiltered_keys) == (3, ("7", "8", "9"))
    assert (report.unfiltered_loaded, report.unfiltered_rejected, report.newly_deleted) == (2, 1, 0)
    assert api.ids() == [0, 1, 2, 7, 8]
    assert api.ids("changed is null") == [7]
    assert api.details(7) == (["7a", "7b"], 1)
    assert api.details(8) == (["8a", "8b"], 1)
    ledger = api.rows(
        "select resource, window_start, fetched, kept, rejected, confirmed_by from shop.load_ledger "
        "where partition_key = 'unfiltered' order by 1"
    )
    assert ledger == [
        ("lines", None, 6, 6, 0, "total"),
        ("notes", None, 3, 3, 0, "total"),
        ("orders", None, 3, 2, 1, "total"),
    ]
    rejected = api.rows("select resource, partition_key, primary_key from shop.rejected_rows")
    assert rejected == [("orders", "unfiltered", "9")]
    found = {entry.resource: entry for entry in status(shop, api.place.warehouse(), NOW)}
    assert (found["orders"].loaded, found["orders"].rows, found["orders"].rejected) == (3, 5, 1)
    # the next sweep finds all of them in the table, and the rejected one is rejected once
    report = api.sweep(shop)
    assert (report.unfiltered, report.newly_deleted, report.returned) == (1, 0, 0)
    assert api.ids() == [0, 1, 2, 7, 8]
    assert api.rows("select primary_key from shop.rejected_rows") == [("9",)]
    del api.orders[9]
    api.sweep(shop)
    assert api.rows("select primary_key from shop.rejected_rows") == []


def test_a_load_that_fails_at_its_last_statement_marks_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.add(7, None)
    shop = api.shop()
    api.load(shop)
    del api.orders[0]

    def fail(*args: object) -> None:
        raise WarehouseError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr("ecom_assets.load.commit.restore_newer_rows", fail)
        with pytest.raises(WarehouseError, match="the disk is gone"):
            api.sweep(shop)
    assert (api.ids(), api.ids("deleted_at is not null")) == ([0, 1, 2], [])
    api.sweep(shop)
    assert (api.ids(), api.ids("deleted_at is not null")) == ([0, 1, 2, 7], [0])


def test_a_window_takes_them_over_once_they_have_a_cursor(api: Api) -> None:
    """Loading a window again removes none of them, and a sweep never puts an older state back."""
    api.add(7, None)
    api.add(8, at(1.25), draft=True, amount=1)
    shop = api.shop(whole=True)
    api.load(shop)
    api.sweep(shop)
    api.load(shop)
    assert api.ids() == [0, 1, 2, 7, 8]
    audits = audit(shop, ["orders"], windows=3, warehouse=api.place.warehouse())
    assert {entry.outcome for entry in audits.tables[0].windows} == {"equal"}
    api.orders[7] |= {"changed": at(2.75), "lines": [{"sku": "new"}]}
    api.orders[8] |= {"changed": at(2.8), "amount": 2}  # still a draft, so its window does not bring it
    api.load(shop, 2)
    assert api.ids("changed is null") == []
    assert api.details(7) == (["new"], 1)
    report = api.sweep(shop)
    assert (report.unfiltered, report.unfiltered_loaded, report.newly_deleted) == (0, 1, 0)
    assert api.rows("select amount from shop.orders where id = 8") == [(2,)]


def test_rows_without_a_cursor_are_brought_up_to_date_and_marked_by_sweeps(api: Api) -> None:
    api.add(7, None, amount=1)
    api.add(8, None)
    shop = api.shop()
    api.load(shop)
    api.sweep(shop)
    api.orders[7]["amount"] = 2
    del api.orders[8]
    report = api.sweep(shop)
    assert (report.unfiltered, report.unfiltered_loaded, report.newly_deleted) == (0, 1, 1)
    assert api.rows("select amount from shop.orders where id = 7") == [(2,)]
    assert api.ids("deleted_at is not null") == [8]
    api.add(8, None, amount=3)
    report = api.sweep(shop)
    assert (report.returned, report.newly_deleted) == (1, 0)
    assert api.rows("select amount, deleted_at from shop.orders where id = 8") == [(3, None)]


def test_the_list_may_move_between_the_two_readings(api: Api) -> None:
    api.add(7, None)
    api.add(8, None)
    shop = api.shop()
    api.load(shop)

    def move() -> None:
        del api.orders[7]
        api.add(5, None)
        api.orders[8]["changed"] = at(2.9)

    api.before_second_reading = move
    report = api.sweep(shop)
    assert (report.unfiltered, report.unfiltered_loaded) == (2, 1)
    assert api.ids() == [0, 1, 2, 8]
    api.before_second_reading = lambda: None
    assert any("1 of these records did not come in the second reading" in line for line in api.said)
    report = api.sweep(shop)
    assert (report.unfiltered_keys, report.newly_deleted) == (("5",), 0)
    assert api.ids() == [0, 1, 2, 5, 8]


def test_a_load_that_brings_a_later_state_meanwhile_wins(api: Api) -> None:
    """The second reading has the order without a cursor; a load has read and committed its later state."""
    shop = api.shop(whole=True)
    api.load(shop)
    api.add(7, None, amount=1)

    def load_later_state() -> None:
        earlier, api.orders[7] = api.orders[7], later
        api.load(shop, 2)
        api.orders[7] = earlier

    later = {**api.orders[7], "changed": at(2.5), "amount": 2, "lines": [{"sku": "new"}]}
    warehouse = before_each_load(api.place.warehouse(), load_later_state)
    report = detect_deletes(shop, "orders", warehouse=warehouse, progress=api.said.append)
    assert report.unfiltered == 1
    assert api.rows("select amount from shop.orders where id = 7") == [(2,)]
    assert api.details(7) == (["new"], 1)


@pytest.mark.slow
def test_a_table_whose_cursor_was_never_null_takes_them(api: Api) -> None:
    api.add(7, None)
    shop = api.shop(unfiltered="count")
    api.load(shop)
    assert api.sweep(shop).unfiltered_loaded == 0
    assert api.sweep(api.shop()).unfiltered_loaded == 1
    assert api.ids("changed is null") == [7]


def test_a_window_never_brings_a_record_without_a_cursor(api: Api) -> None:
    """Some filters let null pass. Such a record would come with each window."""
    api.shows_null = True
    api.add(7, None)
    shop = api.shop(columns={"id": {"data_type": "bigint"}})  # a cursor that is not declared
    api.load(shop)
    assert api.ids() == [0, 1, 2]
    assert api.rows("select count(*) from shop.rejected_rows") == [(0,)]
    assert api.sweep(shop).unfiltered_loaded == 1
    api.load(shop)
    assert api.ids("changed is null") == [7]


@pytest.mark.slow
def test_a_paged_list_is_read_to_its_end_with_keys_alone_in_the_first_reading(api: Api) -> None:
    for no in range(7, 17):
        api.add(no, None)
    paginator = {"type": "offset", "limit": 4, "total_path": "total"}
    deletes = {"by": "sweep", "params": {"fields": "id"}}
    shop = api.shop(paginator, deletes=deletes)
    api.load(shop)
    assert api.sweep(shop).unfiltered_loaded == 10
    assert api.ids() == [0, 1, 2, *range(7, 17)]


def test_a_list_that_is_too_long_loads_and_marks_nothing(api: Api) -> None:
    paginator = {"type": "offset", "limit": 4, "total_path": "total"}
    api.load(api.shop(paginator))
    api.add(7, None)
    del api.orders[0]

    def grow() -> None:
        for no in range(8, 30):
            api.add(no, None)

    api.before_second_reading = grow
    with pytest.raises(IngestError, match="max_pages"):
        api.sweep(api.shop(paginator, max_pages=3))
    assert (api.ids(), api.ids("deleted_at is not null")) == ([0, 1, 2], [])


def test_a_child_that_fails_fails_the_sweep(api: Api) -> None:
    """The order would be in the table, and its notes would be missing for ever."""
    shop = api.shop(whole=True)
    api.load(shop)
    api.add(7, None)
    del api.orders[0]
    api.notes_fail = True
    with pytest.raises(IngestError, match="notes"):
        api.sweep(shop)
    assert (api.ids(), api.ids("deleted_at is not null")) == ([0, 1, 2], [])
    api.notes_fail = False
    report = api.sweep(shop)
    assert (report.unfiltered_loaded, report.newly_deleted) == (1, 1)


@pytest.mark.slow
def test_a_hashed_key_is_found_again(api: Api) -> None:
    api.add(7, None)
    columns = {"id": {"data_type": "text", "pii": "hash"}, "changed": {"data_type": "timestamp"}}
    shop = api.shop(columns=columns)
    secrets = {"pii_key": "a key of the test"}
    assert shop.partitions
    windows = windows_between(shop.partitions, START, START + timedelta(days=3))
    place = api.place.warehouse()
    assert run_load(shop, ["orders"], windows, warehouse=place, secrets=secrets).errors == {}
    report = detect_deletes(shop, "orders", warehouse=place, secrets=secrets)
    assert (report.unfiltered, report.unfiltered_keys, report.unfiltered_loaded) == (1, (), 1)
