"""Discovery finds the parameters, the format and the ends of a time filter by trying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from ecom_assets.discovery.discover import DiscoveryOptions, discover
from ecom_assets.discovery.endpoint_draft import EndpointDraft
from ecom_assets.discovery.verification import load_text
from ecom_assets_tests.support.servers.list_api import Listed
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply
from ecom_assets_tests.support.servers.loopback import api as api

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
MOMENTS = [START + timedelta(minutes=97 * number) for number in range(400)]


def things(
    form: str = "%Y-%m-%dT%H:%M:%SZ", name: str = "updated_at", shuffled: bool = False
) -> list[dict[str, Any]]:
    """Return records with a time of change, sorted by it unless shuffled."""
    order = sorted(range(400), key=lambda number: number * 7919 % 400) if shuffled else range(400)
    return [
        {
            "id": number,
            name: int(MOMENTS[number].timestamp()) if form == "unix" else MOMENTS[number].strftime(form),
        }
        for number in order
    ]


def explored(api: Loopback, listed: Listed, **options: Any) -> EndpointDraft:
    api.answering = listed
    found = (
        discover(DiscoveryOptions("shop", api.base_url, endpoints=["/things"], **options))
        .draft.tables[0]
        .endpoint
    )
    assert found is not None
    assert len(listed.seen) == found.requests <= options.get("max_requests", 12)
    return found


FILTERED = Listed(things(), start="updated_at_min", end="updated_at_max")


@pytest.mark.parametrize("bounds", ["[)", "[]", "()", "(]"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_bounds(api: Loopback, bounds: str, shuffled: bool) -> None:
    found = explored(api, replace(FILTERED, records=things(shuffled=shuffled), bounds=bounds, seen=[]))
    assert found.time_filter is not None
    assert found.time_filter.incremental == {
        "cursor_path": "updated_at",
        "start_param": "updated_at_min",
        "end_param": "updated_at_max",
        "format": "iso8601",
        "bounds": bounds,
    }
    assert found.total is not None
    assert found.total.evidence.endswith("0 of an empty list")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("updated_after", "updated_before"),
        ("since", "until"),
        ("updated_at[gte]", "updated_at[lte]"),
        ("from", "to"),
        ("updated_at__gte", "updated_at__lt"),
        ("filter[updated_at][gte]", "filter[updated_at][lt]"),
        ("updatedAtFrom", "updatedAtTo"),
        ("start", "end"),
        ("updatedFrom", "updatedTo"),
        ("updatedMin", "updatedMax"),
        ("updated_since", ""),
    ],
)
def test_names_of_parameters(api: Loopback, start: str, end: str) -> None:
    found = explored(api, replace(FILTERED, start=start, end=end, seen=[]))
    assert found.time_filter is not None
    assert found.time_filter.incremental["start_param"] == start
    assert found.time_filter.incremental.get("end_param", "") == end


@pytest.mark.parametrize(
    ("written", "form", "format_"),
    [
        ("%Y-%m-%dT%H:%M:%SZ", "iso8601", "iso8601"),
        ("%Y-%m-%dT%H:%M:%S+00:00", "unix", "unix"),
        ("unix", "unix", "unix"),
        ("%Y-%m-%dT%H:%M:%S", "iso8601_naive", "iso8601_naive"),
        ("%Y-%m-%d %H:%M:%S", "spaced", "%Y-%m-%d %H:%M:%S"),
        ("%Y-%m-%d", "date", "date"),
    ],
)
def test_formats(api: Loopback, written: str, form: str, format_: str) -> None:
    """An API may refuse instants in any format but its own."""
    found = explored(api, replace(FILTERED, records=things(written), form=form, seen=[]))
    assert found.time_filter is not None
    assert found.time_filter.incremental["format"] == format_
    assert found.time_filter.incremental["start_param"] == "updated_at_min"


@pytest.mark.parametrize("name", ["updated_at", "dateModified", "last_modified", "changed", "modified_gmt"])
def test_names_of_cursors(api: Loopback, name: str) -> None:
    records = things(name=name)
    found = explored(api, Listed(records, start="since", end="until", cursor=name))
    assert found.time_filter is not None
    assert found.time_filter.incremental["cursor_path"] == name


@pytest.mark.parametrize(
    "names", [("modified_after", "modified_before"), ("updated_at_min", "updated_at_max")]
)
def test_a_filter_by_the_time_of_creation_that_works_too_is_left_out(
    api: Loopback, names: tuple[str, str]
) -> None:
    """The newest orders come first, and `after` asks for the time of their creation."""
    rows: list[dict[str, str]] = [
        {
            "id": str(number),
            "updated_at": text(moment),
            "created_at": text(moment - timedelta(hours=number % 50)),
        }
        for number, moment in enumerate(MOMENTS)
    ]
    rows.sort(key=lambda row: row["created_at"], reverse=True)

    def answer(seen: Seen) -> Reply:
        asked = dict(seen.query)
        found = [row for row in rows if asked.get("after", "") < row["created_at"] < asked.get("before", "9")]
        low, high = (asked.get(name, default) for name, default in zip(names, ("", "9"), strict=True))
        found = [row for row in found if low <= row["updated_at"] <= high]
        begin, size = int(asked.get("offset", 0)), int(asked.get("limit", 20))
        return json_reply({"total": len(found), "orders": found[begin : begin + size]})

    api.answering = answer
    found = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/orders"])).draft.tables[0].endpoint
    assert found is not None
    assert found.time_filter is not None, found.notes
    declared = found.time_filter.incremental
    assert (declared["start_param"], declared["end_param"]) == names
    assert found.requests <= 12


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"


@pytest.mark.parametrize(
    ("name", "read", "format_"),
    [
        ("If-Modified-Since", lambda text: datetime.strptime(text, HTTP_DATE), HTTP_DATE),
        ("If-Modified-Since", lambda text: datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ"), "iso8601"),
        ("X-Updated-Since", lambda text: datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ"), "iso8601"),
        ("Modified-Since", lambda text: datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ"), "iso8601"),
    ],
)
def test_a_filter_in_a_header(
    api: Loopback, name: str, read: Callable[[str], datetime], format_: str
) -> None:
    """The API refuses times in other formats, and answers 304 if nothing changed."""

    def answer(seen: Seen) -> Reply:
        asked, since = dict(seen.query), seen.headers.get(name.lower())
        try:
            low = read(since).replace(tzinfo=timezone.utc) if since else START
        except ValueError:
            return json_reply({"error": name}, 400)
        found = [row for row in things() if row["updated_at"] >= text(low)]
        begin, size = int(asked.get("offset", 0)), int(asked.get("limit", 20))
        page = json_reply({"total": len(found), "orders": found[begin : begin + size]})
        return page if found else Reply(304, "")

    api.answering = answer
    draft = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/orders"], max_requests=16))
    found = draft.draft.tables[0].endpoint
    assert found is not None
    assert found.time_filter is not None, found.notes
    assert found.time_filter.headers == {name: "{incremental.start_value}"}
    assert found.time_filter.incremental["format"] == format_
    assert found.actions == [{"status_code": 304, "action": "ignore"}]
    assert load_text(draft.text, "shop").resource("orders").windowed


def test_a_header_that_only_saves_an_answer_is_no_filter(api: Loopback) -> None:
    """Such an API answers with 304 if nothing changed, else with everything."""
    rows = [{"id": str(number), "updated_at": text(moment)} for number, moment in enumerate(MOMENTS)]

    def answer(seen: Seen) -> Reply:
        since = seen.headers.get("if-modified-since", "")
        if since.endswith("GMT") and datetime.strptime(since, HTTP_DATE) >= datetime(2026, 4, 1):
            return Reply(304, "")
        begin = int(dict(seen.query).get("offset", 0))
        return json_reply({"orders": rows[begin : begin + 20]})

    api.answering = answer
    options = DiscoveryOptions("shop", api.base_url, endpoints=["/orders"], max_requests=16)
    found = discover(options).draft.tables[0].endpoint
    assert found is not None
    assert found.time_filter is None
    assert found.actions == []


def test_a_filter_that_is_ignored_is_none(api: Loopback) -> None:
    found = explored(api, Listed(things()))
    assert found.time_filter is None
    assert any("no time filter was found for updated_at" in note for note in found.notes)


def test_a_time_of_creation_is_no_cursor(api: Loopback) -> None:
    """Windows by the time of creation would miss later changes."""
    found = explored(api, Listed(things(name="created_at"), start="created_at_min", cursor="created_at"))
    assert found.time_filter is None


def test_nothing_is_a_404(api: Loopback) -> None:
    found = explored(api, replace(FILTERED, empty_status=404, seen=[]))
    assert found.time_filter is not None
    assert found.actions == [{"status_code": 404, "action": "ignore"}]


def test_a_total_that_does_not_follow_the_filter_is_left_out(api: Loopback) -> None:
    class Rigid(Listed):
        def _page(self, *args: Any) -> Any:
            reply = super()._page(*args)
            body = str(reply.body)
            return reply.__class__(
                200, f'{body[: body.index(chr(34) + "total")]}"total": 400}}', reply.headers
            )

    found = explored(api, Rigid(things(), start="updated_at_min", end="updated_at_max"))
    assert found.time_filter is not None
    assert found.total is None


def test_unknown_parameters_are_refused(api: Loopback) -> None:
    """Then the names are tried one by one, within the number of requests that the user allows."""
    listed = Listed(things(), size="per_page", strict=True, start="from", end="to")
    found = explored(api, listed, max_requests=40)
    assert found.time_filter is not None
    assert (found.time_filter.incremental["start_param"], found.time_filter.incremental["end_param"]) == (
        "from",
        "to",
    )
    again = explored(api, replace(listed, seen=[]), parameters=["per_page", "offset", "from", "to"])
    assert again.time_filter == found.time_filter


def test_the_oldest_record_is_found(api: Loopback) -> None:
    """The first page holds the newest records here, the last one the oldest."""
    found = explored(api, replace(FILTERED, records=things()[::-1], seen=[]))
    assert found.oldest == START


WRITTEN: list[tuple[str, Callable[[datetime], Any], str]] = [
    ("iso8601", lambda moment: format_datetime(moment), "as in RFC 2822"),
    ("%a, %d %b %Y %H:%M:%S GMT", lambda moment: format_datetime(moment, usegmt=True), "as in RFC 2822"),
    ("iso8601", lambda moment: f"/Date({int(moment.timestamp()) * 1000}+0000)/", "written as /Date(…)/"),
    ("unix_ms", lambda moment: f"/Date({int(moment.timestamp()) * 1000})/", "written as /Date(…)/"),
    ("unix", lambda moment: str(int(moment.timestamp())), "seconds or milliseconds since 1970, as text"),
    ("unix_ms", lambda moment: str(int(moment.timestamp()) * 1000), "seconds or milliseconds"),
    ("unix_ms", lambda moment: int(moment.timestamp()) * 1000, "seconds or milliseconds since 1970"),
    ("%Y-%m-%d %H:%M:%S UTC", lambda moment: f"{moment:%Y-%m-%d %H:%M:%S} UTC", ""),
    ("iso8601_naive", lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S.000}", "without a time zone, taken as UTC"),
]


@dataclass
class Written(Listed):
    """Writes instants in a way of its own, and takes them in one format; refuses any other format."""

    format: str = "iso8601"

    def _inside(self, row: dict[str, Any], query: dict[str, str]) -> bool:
        moment = MOMENTS[row["id"]]
        low, high = (query.get(name) for name in (self.start, self.end))
        if low is not None and moment < _from_format(low, self.format):
            return False
        return high is None or moment < _from_format(high, self.format)


def _from_format(text: str, form: str) -> datetime:
    if form in ("unix", "unix_ms"):
        return datetime.fromtimestamp(int(text) / (1000 if form == "unix_ms" else 1), timezone.utc)
    patterns = {"iso8601": "%Y-%m-%dT%H:%M:%SZ", "iso8601_naive": "%Y-%m-%dT%H:%M:%S"}
    return datetime.strptime(text, patterns.get(form, form)).replace(tzinfo=timezone.utc)


@pytest.mark.parametrize(("form", "write", "evidence"), WRITTEN)
def test_ways_to_write_the_cursor(
    api: Loopback, form: str, write: Callable[[datetime], Any], evidence: str
) -> None:
    """The cursor becomes a timestamp, and a window is asked for in the format that the API takes."""
    records = [{"id": number, "updated_at": write(moment)} for number, moment in enumerate(MOMENTS)]
    listed = Written(records, start="updated_at_min", end="updated_at_max", format=form)
    api.answering = listed
    found = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/things"]))
    things_ = load_text(found.text, "shop").resource("things")
    assert things_.column("updated_at").data_type == "timestamp"
    assert evidence in found.text
    assert things_.endpoint is not None
    assert things_.endpoint.incremental is not None
    assert things_.endpoint.incremental.format == form
    assert found.draft.tables[0].endpoint is not None
    assert found.draft.tables[0].endpoint.oldest is not None
