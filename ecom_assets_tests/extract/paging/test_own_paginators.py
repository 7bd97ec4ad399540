"""Paginators of a user's own: complete lists, lists that change, and errors in their code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dlt.sources.helpers.rest_client.paginators import BasePaginator, OffsetPaginator, PageNumberPaginator
from requests import Request, Response

from ecom_assets import rest_api_shop, run_load
from ecom_assets.declaration.promises import promises
from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.check.api_check import check
from ecom_assets.load.run import RunReport
from ecom_assets_tests.support.registered_types import registered
from ecom_assets_tests.support.servers.loopback import Loopback, Seen, json_reply
from ecom_assets_tests.support.servers.loopback import api as api
from ecom_assets_tests.support.servers.own_pages import RECORDS, PairPaginator, SteppedPaginator, answer

COUNT = len(RECORDS)


@pytest.fixture(autouse=True)
def own_types() -> Iterator[None]:
    """Register the paginators with dlt, for the test only."""
    with registered(paginators={"pairs": PairPaginator, "steps": SteppedPaginator}):
        yield


def shop_at(api: Loopback, paginator: Any) -> Shop:
    """Return a shop that pages so."""
    things = {
        "name": "things",
        "primary_key": "id",
        "endpoint": {"path": "things", "data_selector": "data"},
        "columns": {"id": {"data_type": "bigint", "nullable": False}},
    }
    config = {"client": {"base_url": api.base_url, "paginator": paginator}, "resources": [things]}
    return rest_api_shop("acme", config, policy={"max_retries": 0})


def load(api: Loopback, paginator: Any) -> RunReport:
    """Load the table."""
    return run_load(shop_at(api, paginator), ["things"])


@pytest.mark.parametrize(
    "paginator",
    [
        PairPaginator("next_pair"),
        SteppedPaginator(),
        {"type": "pairs", "key": "next_pair"},
        "steps",
        {"type": "steps", "size": 2, "total_path": "count"},
    ],
    ids=["object", "own counting", "registered", "registered name", "with total"],
)
def test_all_pages_come(paginator: Any, api: Loopback) -> None:
    api.answering = answer
    report = load(api, paginator).resources["things"]
    has_total = isinstance(paginator, dict) and "total_path" in paginator
    assert report.error is None
    (window,) = report.windows
    assert (window.kept, window.source_total) == (COUNT, COUNT if has_total else None)
    # a snapshot of several pages has to come twice, whichever paginator reads it
    pages = [dict(seen.query).get("step") or seen.headers.get("x-page") or "0" for seen in api.seen]
    assert set(map(pages.count, pages)) == {2}


def test_a_missing_record_contradicts_the_total(api: Loopback) -> None:
    def short(seen: Seen) -> Any:
        reply = answer(seen)
        return reply if dict(seen.query).get("step") != "3" else json_reply({"data": [], "count": COUNT})

    api.answering = short
    error = load(api, {"type": "steps", "total_path": "count"}).resources["things"].error
    assert f"the API says it has {COUNT} records, {COUNT - 1} distinct ones came" in str(error)


def test_another_pass_starts_from_the_first_request(api: Loopback) -> None:
    """A paginator may have changed the headers too; a list that changed once is read again, from its start."""
    changed: list[Seen] = []

    def moving(seen: Seen) -> Any:
        if seen.headers.get("x-page") == "2" and not changed:
            changed.append(seen)
            return json_reply({"data": [{"id": 0}, {"id": 3}], "next_pair": 4})
        return answer(seen)

    api.answering = moving
    report = load(api, PairPaginator("next_pair")).resources["things"]
    assert report.error is None
    assert report.windows[0].restarts >= 1
    assert sum("x-page" not in seen.headers for seen in api.seen) == 3


def test_promises_and_check_name_what_is_unconfirmed(api: Loopback) -> None:
    api.answering = answer
    for paginator, provided in (
        (PairPaginator("next_pair"), False),
        ({"type": "steps", "total_path": "count"}, True),
    ):
        shop = shop_at(api, paginator)
        promise = next(promises(shop, shop.resources[0]))
        assert promise.provided is provided
        found = {finding.what: finding.result for finding in check(shop)}
        assert found["reached"] == found["order"] == found["contract"] == "ok"
        assert found["total"] == ("ok" if provided else "skipped")


def test_the_number_of_pages_ends_reading_as_in_dlt(api: Loopback) -> None:
    """After the last page this API answers 404; only the number of pages says where that is."""

    def numbered(seen: Seen) -> Any:
        page = int(dict(seen.query)["page"])
        if page > 4:
            return json_reply({"error": "no such page"}, 404)
        return json_reply({"data": RECORDS[2 * page - 2 : 2 * page], "pages": 4})

    api.answering = numbered
    report = load(api, PageNumberPaginator(base_page=1, total_path="pages")).resources["things"]
    assert report.error is None
    assert report.windows[0].kept == COUNT
    assert {dict(seen.query)["page"] for seen in api.seen} == {"1", "2", "3", "4"}


class Failing(BasePaginator):
    """Fails in one of its steps, with the response in the text of the error."""

    def __init__(self, step: str) -> None:
        """Take the step."""
        super().__init__()
        self.step = step

    def _do(self, step: str, text: str) -> None:
        if step == self.step:
            raise LookupError(text)

    def init_request(self, request: Request) -> None:
        """Begin."""
        self._do("init", str(request.url))

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Look at the response."""
        self._do("state", response.text)

    def update_request(self, request: Request) -> None:
        """Go on."""
        self._do("request", str(request.url))


@pytest.mark.parametrize("step", ["init", "state", "request"])
def test_an_error_in_its_code_fails_the_resource_in_one_line(step: str, api: Loopback) -> None:
    api.replies = [json_reply({"data": [{"id": 1, "note": "personal"}]})]
    error = str(load(api, Failing(step)).resources["things"].error)
    assert error.startswith(
        "things: the paginator Failing failed with LookupError in test_own_paginators.py, line "
    )
    assert "personal" not in error


def test_a_paginator_that_leads_to_another_host_is_refused(api: Loopback) -> None:
    class Elsewhere(PairPaginator):
        def update_request(self, request: Request) -> None:
            request.url = "https://elsewhere.example.com/things"

    api.answering = answer
    error = str(load(api, Elsewhere("next_pair")).resources["things"].error)
    assert "refused to send this to https://elsewhere.example.com:443" in error


class Stopping(BasePaginator):
    """Ends after the first page."""

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """End."""
        self._has_next_page = False

    def update_request(self, request: Request) -> None:
        """Change nothing."""


class Offsets(OffsetPaginator):
    """Is dlt's, under another name."""


@pytest.mark.parametrize(
    ("paginator", "body", "confirmed_by", "sign"),
    [
        (Stopping(), {}, "nothing", None),
        (Stopping(), {"total": COUNT}, "nothing", "the field total: 7"),
        (Stopping(), {"has_more": True}, "nothing", "the field has_more: true"),
        (Stopping(), {"meta": {"next": "/things?p=2"}}, "nothing", "the field meta.next"),
        (Offsets(2, total_path="count"), {"count": 2}, "nothing", None),
        (Offsets(2, total_path=None), {}, "end", None),
        (Offsets(2, total_path=None, maximum_offset=4), {"total": COUNT}, "nothing", "the field total: 7"),
    ],
)
def test_the_end_that_a_class_of_the_users_sees_is_not_believed(
    api: Loopback,
    caplog: pytest.LogCaptureFixture,
    paginator: BasePaginator,
    body: dict[str, Any],
    confirmed_by: str,
    sign: str | None,
) -> None:
    def answer(seen: Seen) -> Any:
        offset = int(dict(seen.query).get("offset", 0))
        return json_reply({"data": RECORDS[offset : offset + 2], **body})

    api.answering = answer
    window = load(api, paginator).resources["things"].windows[0]
    assert window.confirmed_by == confirmed_by
    assert (window.kept == COUNT) is (confirmed_by == "end")
    lines = {line for line in caplog.messages if "things: the paginator" in line}
    name, said = type(paginator).__name__, f"but the response has {sign}"
    assert lines == (
        set() if sign is None else {f"things: the paginator {name} ends after {window.kept} records, {said}"}
    )
