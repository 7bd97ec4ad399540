"""A sweep marks rows only if something confirms that the list of keys has ended: for each kind of paging."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.check.api_check import check
from ecom_assets.extract.windows import windows_between
from ecom_assets.foundation.errors import IngestError
from ecom_assets.load.run import run_load
from ecom_assets.load.sweeps.delete_detection import DeleteDetectionReport, detect_deletes
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import SLOWLY, Place

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Api:
    """A list of 30 things, of which each of ten days has three, in pages of at most `size`."""

    def __init__(self, loopback: Loopback, place: Place) -> None:
        self.place = place
        self.base_url = loopback.base_url
        self.size = 10
        self.records: list[dict[str, Any]] = [
            {"id": no, "at": (START + timedelta(hours=8 * no)).isoformat().replace("+00:00", "Z")}
            for no in range(30)
        ]
        self.ignore_windows = False
        self.failing = (-1, 200)
        self.default_since = ""
        self.refuses_windows = False
        loopback.answering = self.answer

    def answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        page_no, status = self.failing
        if page_no == int(query.get("cursor", 0)) // self.size:
            return json_reply({}, status)
        if self.refuses_windows and "since" in query:
            return json_reply({}, 422)
        rows = [row for row in self.records if "since" in query or row["at"] >= self.default_since]
        if "since" in query and not self.ignore_windows:
            rows = [row for row in rows if query["since"] <= row["at"] < query.get("until", "9")]
        if "after" in query:
            rows = [row for row in rows if row["at"] > query["after"]]
        if "cursor" in query:
            rows = rows[int(query["cursor"]) :]
        size = min(self.size, int(query.get("limit", self.size)))
        page = rows[:size]
        more = len(rows) > size
        position = self.records.index(page[-1]) + 1 if page and more else None
        shown = [{"id": row["id"]} for row in page] if query.get("fields") == "id" else page
        return json_reply({"data": shown, "next": str(position) if position else None, "more": more})

    def shop(self, paginator: Any, **resource: Any) -> Shop:
        incremental = {"cursor_path": "at", "start_param": "since", "end_param": "until"}
        return Shop.model_validate(
            {
                "name": "testshop",
                "client": {"base_url": self.base_url, "paginator": paginator},
                "policy": {"max_retries": 0},
                "partitions": {"every": "day", "start": "2026-01-01"},
                "resources": [
                    {
                        "name": "things",
                        "primary_key": "id",
                        "endpoint": {"path": "things", "data_selector": "data", "incremental": incremental},
                        "columns": {
                            "id": {"data_type": "bigint", "nullable": False},
                            "at": {"data_type": "timestamp", "nullable": False},
                        },
                        "deletes": "sweep",
                        "max_deleted": 1,
                        **resource,
                    }
                ],
            }
        )

    def sweep(self, shop: Shop) -> DeleteDetectionReport:
        return detect_deletes(shop, "things", warehouse=self.place.warehouse())

    def marked(self) -> list[int]:
        found = self.place.rows("select id from testshop.things where deleted_at is not null order by id")
        return [number for (number,) in found]


@pytest.fixture(scope="module", params=SLOWLY)
def loaded(request: pytest.FixtureRequest, empty_place: Callable[[str], Place]) -> Place:
    """Return a warehouse with the thirty things of ten windows."""
    with serving() as loopback:
        api = Api(loopback, empty_place(request.param))
        shop = api.shop("single_page")
        assert shop.partitions
        windows = windows_between(shop.partitions, START, START + timedelta(days=10))
        assert run_load(shop, ["things"], windows, warehouse=api.place.warehouse()).errors == {}
        assert api.place.rows("select count(*) from testshop.things") == [(30,)]
        return api.place


@pytest.fixture
def api(loaded: Place, copy_of: Callable[[Place], Place]) -> Iterator[Api]:
    """Serve thirty things, all of which are loaded."""
    with serving() as loopback:
        yield Api(loopback, copy_of(loaded))


@pytest.mark.parametrize("params", [{}, {"limit": 7}])
def test_a_sweep_reads_cursors_in_the_records_as_a_load_does(api: Api, params: dict[str, Any]) -> None:
    paginator = {"type": "cursor", "cursor_path": "data[-1].at", "cursor_param": "after"}
    shop = api.shop(paginator | {"stop_after_empty_page": True}, deletes={"by": "sweep", "params": params})
    del api.records[4]
    report = api.sweep(shop)
    assert (report.live_before, report.at_source, report.newly_deleted) == (30, 29, 1)
    assert api.marked() == [4]


def test_a_parameter_that_takes_the_cursor_out_of_the_records_marks_nothing(api: Api) -> None:
    """`fields: id` leaves records without the field that leads to the next page."""
    paginator = {"type": "cursor", "cursor_path": "data[-1].at", "cursor_param": "after"}
    shop = api.shop(
        paginator | {"stop_after_empty_page": True}, deletes={"by": "sweep", "params": {"fields": "id"}}
    )
    with pytest.raises(IngestError, match="things"):
        api.sweep(shop)
    assert api.marked() == []


@pytest.mark.parametrize(
    "paginator",
    [
        "single_page",
        {"type": "header_link"},
        {"type": "json_link", "next_url_path": "nxt"},
        {"type": "cursor", "cursor_path": "meta.next"},
        {"type": "page_number", "base_page": 1, "maximum_page": 2},
        {"type": "offset", "limit": 4, "maximum_offset": 4},
    ],
    ids=lambda paginator: paginator if isinstance(paginator, str) else paginator["type"],
)
def test_a_list_that_is_cut_off_marks_nothing(api: Api, paginator: Any) -> None:
    """Each window fits on one page, so loads notice nothing."""
    shop = api.shop(paginator)
    with pytest.raises(IngestError, match="things"):
        api.sweep(shop)
    assert api.marked() == []


def test_a_row_that_the_api_still_returns_is_named(api: Api) -> None:
    shop = api.shop("single_page")
    with pytest.raises(IngestError) as caught:
        api.sweep(shop)
    assert str(caught.value) == (
        "things: 20 live rows are not in the list of keys, but the API still returns 10 for its window: the list is "
        "cut off, or has other records than the windows; nothing was marked. Check the paginator, and the parameters "
        "of the endpoint and of deletes.params"
    )


CONFIRMED = {"type": "cursor", "cursor_path": "next", "has_more_path": "more"}


def test_a_list_that_has_only_recent_records_by_default_marks_nothing(api: Api) -> None:
    """Its end is confirmed, but the API still returns what it leaves out if it is asked for it."""
    shop = api.shop(CONFIRMED)
    api.size = 40
    api.default_since = "2026-01-02"
    with pytest.raises(
        IngestError, match="3 live rows are not in the list of keys, but the API still returns 0 for"
    ):
        api.sweep(shop)
    assert api.marked() == []
    # rows that are gone everywhere are marked, also if the API refuses to tell
    api.default_since = ""
    del api.records[:2]
    assert api.sweep(shop).newly_deleted == 2
    del api.records[:2]
    api.refuses_windows = True
    assert api.sweep(shop).newly_deleted == 2
    assert api.marked() == [0, 1, 2, 3]


def test_an_api_that_ignores_windows_confirms_nothing(api: Api) -> None:
    shop = api.shop("single_page")
    api.ignore_windows = True
    with pytest.raises(IngestError) as caught:
        api.sweep(shop)
    assert str(caught.value) == (
        "things: 20 live rows are not among the 10 records that the API returned, such as 10, and nothing confirms "
        "that the list ends there; nothing was marked. The API may return one page only. Declare the paginator, "
        "total_path or total_header, or in deletes.params a page size above the number of records. If the API returns "
        "everything on one page, declare deletes: {by: sweep, single_page: true}"
    )
    assert api.marked() == []


def test_a_short_list_without_its_window_does_not_show_that_a_row_is_gone(api: Api) -> None:
    """Nine records are no full page, but they come for any window."""
    shop = api.shop("single_page")
    api.ignore_windows, api.size = True, 9
    with pytest.raises(IngestError, match="21 live rows are not among the 9 records"):
        api.sweep(shop)
    assert api.marked() == []


def test_a_full_page_of_a_window_does_not_show_that_a_row_is_gone(api: Api) -> None:
    """The sweep gets ten rows, and asks for the windows of three others, which stand behind ten new rows each."""
    shop = api.shop("single_page", deletes={"by": "sweep", "params": {"limit": 31}})
    first, rest = api.records[:10], api.records[10:]
    new = [{"id": 100 * row["id"] + no, "at": row["at"]} for row in rest for no in range(10)]
    api.records = [*first, *sorted([*new, *rest], key=lambda row: (row["at"], -row["id"]))]
    with pytest.raises(IngestError, match="20 live rows are not among the 10 records"):
        api.sweep(shop)
    assert api.marked() == []


def test_an_api_without_pages_is_swept(api: Api) -> None:
    """The windows of the missing rows are empty, so the rows are gone."""
    shop = api.shop("single_page")
    api.size = 1000
    del api.records[3:6]
    assert api.sweep(shop).newly_deleted == 3
    assert api.marked() == [3, 4, 5]


def test_the_declaration_may_state_that_everything_is_on_one_page(api: Api) -> None:
    shop = api.shop("single_page", deletes={"by": "sweep", "single_page": True})
    api.size = 1000
    api.ignore_windows = True
    del api.records[3]
    assert api.sweep(shop).newly_deleted == 1


@pytest.mark.parametrize(
    ("paginator", "params"),
    [
        ({"type": "cursor", "cursor_path": "next"}, {}),
        ({"type": "cursor", "cursor_path": "next", "has_more_path": "more"}, {}),
        ({"type": "cursor", "cursor_path": "meta.next"}, {"limit": 31}),
        ({"type": "json_link", "next_url_path": "next"}, {}),
    ],
)
def test_an_end_that_the_page_confirms_is_enough(api: Api, paginator: Any, params: dict[str, Any]) -> None:
    """The API ignores windows, so nothing but the page can tell."""
    shop = api.shop(paginator, deletes={"by": "sweep", "params": params})
    api.ignore_windows = True
    if paginator.get("type") == "json_link" or params:
        api.size = 1000
    del api.records[3]
    assert api.sweep(shop).newly_deleted == 1


@pytest.mark.parametrize(("page", "status"), [(0, 404), (0, 403), (2, 403)])
def test_an_ignored_response_marks_nothing(api: Api, page: int, status: int) -> None:
    shop = api.shop({"type": "cursor", "cursor_path": "next"})
    actions = [{"status_code": status, "action": "ignore"}]
    endpoint = shop.resource("things").endpoint
    assert endpoint
    ignoring = endpoint.model_copy(update={"response_actions": tuple(actions)})
    things = shop.resource("things").model_copy(update={"endpoint": ignoring})
    api.failing = (page, status)
    with pytest.raises(
        IngestError, match=f"the API answered with status {status}.*, which response_actions ignores"
    ):
        api.sweep(shop.model_copy(update={"resources": (things,)}))
    assert api.marked() == []


def test_the_message_about_too_many_deletes_names_rows_and_no_share(api: Api) -> None:
    shop = api.shop({"type": "cursor", "cursor_path": "next"}, max_deleted=0.2)
    del api.records[5:20]
    with pytest.raises(IngestError) as caught:
        api.sweep(shop)
    assert str(caught.value) == (
        "things: 15 of 30 live rows are gone from the API at once, a share of 0.5; max_deleted is 0.2; nothing was "
        "marked. Look some of the rows up in the API, such as 5; 6; 7. If they are there, the list is not complete: "
        "check the paginator and deletes.params. Only if they were deleted, raise max_deleted of things in the "
        "dictionary of shop testshop for one sweep"
    )


def test_no_message_shows_a_key_that_is_personal(api: Api, empty_place: Callable[[str], Place]) -> None:
    """Each of the three messages that name rows leaves their keys out."""
    api.place = empty_place(api.place.engine)
    api.records = [{**row, "id": f"someone{row['id']}@example.com"} for row in api.records]
    columns = {
        "id": {"data_type": "text", "nullable": False, "pii": "hash"},
        "at": {"data_type": "timestamp", "nullable": False},
    }
    secrets = {"pii_key": "a-pii-key"}
    whole = api.shop({"type": "cursor", "cursor_path": "next"}, columns=columns, max_deleted=0.2)
    one_page = api.shop("single_page", columns=columns)
    assert whole.partitions
    windows = windows_between(whole.partitions, START, START + timedelta(days=10))
    warehouse = api.place.warehouse()
    assert run_load(whole, ["things"], windows, secrets=secrets, warehouse=warehouse).errors == {}

    def refusal(shop: Shop) -> str:
        with pytest.raises(IngestError) as caught:
            detect_deletes(shop, "things", secrets=secrets, warehouse=warehouse)
        assert api.marked() == []
        return str(caught.value)

    still_returned = refusal(one_page)
    api.ignore_windows = True
    not_confirmed = refusal(one_page)
    del api.records[5:20]
    too_many = refusal(whole)
    assert "the API still returns one of them for its window" in still_returned
    assert (
        "20 live rows are not among the 10 records that the API returned, and nothing confirms"
        in not_confirmed
    )
    assert "15 of 30 live rows are gone" in too_many
    assert "Look some of the rows up in the API. If" in too_many
    keys = [key for (key,) in api.place.rows("select id from testshop.things")]
    assert len(keys) == 30
    for message in (still_returned, not_confirmed, too_many):
        assert not any(key in message for key in [*keys, "example.com"])


def test_check_says_that_nothing_confirms_the_end(api: Api) -> None:
    def findings(paginator: Any, **deletes: Any) -> list[str]:
        shop = api.shop(paginator, deletes={"by": "sweep", **deletes})
        return [
            finding.result for finding in check(shop, now=START + timedelta(20)) if finding.what == "deletes"
        ]

    assert findings("single_page") == ["limit"]
    assert findings("single_page", params={"limit": 100}) == []
    assert findings("single_page", single_page=True) == []
    assert findings({"type": "cursor", "cursor_path": "next"}) == []
