"""A number of pages ends reading, as in dlt, and the page behind it shows whether it is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator

from ecom_assets import rest_api_shop
from ecom_assets.load.run import ResourceReport, run_load
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply
from ecom_assets_tests.support.servers.loopback import api as api

LIMIT = 3


class Case(NamedTuple):
    """A list, what the API says is its number of pages, and the pages that are asked for."""

    records: int
    said: Callable[[int, int], Any]
    """Returns what a page says, by its number and the right number of pages."""
    asked: tuple[int, ...]
    base: int = 1


def right(page: int, pages: int) -> int:
    return pages


RIGHT = {
    "a full last page": Case(6, right, (1, 2, 3)),
    "a short last page": Case(7, right, (1, 2, 3)),
    "one page": Case(2, right, (1, 2)),
    "no page": Case(0, right, (1,)),
    "nothing on a page without records": Case(0, lambda page, pages: None, (1,)),
    "from 0": Case(7, right, (0, 1, 2), 0),
    "a text": Case(7, lambda page, pages: str(pages), (1, 2, 3)),
    "on the first page only": Case(7, lambda page, pages: pages if page == 1 else None, (1, 2, 3)),
}
WRONG = {
    "too few": (
        Case(7, lambda page, pages: 2, (1, 2, 3)),
        "says that the list has 2 pages, and the page behind",
    ),
    "the number of the page": (
        Case(7, lambda page, pages: page, (1, 2)),
        "says that the list has 1 pages, and the",
    ),
    "the last index": (
        Case(9, lambda page, pages: pages - 1, (1, 2, 3)),
        "says that the list has 2 pages, and the",
    ),
    "records": (
        Case(7, lambda page, pages: 7, (1, 2, 3, 4)),
        "a page has no records, so reading by position ends",
    ),
    "nothing": (
        Case(7, lambda page, pages: None, (1,)),
        "pages found nothing; the number of pages was expected",
    ),
    "a word": (
        Case(7, lambda page, pages: "many", (1,)),
        "pages found 'many'; the number of pages was expected",
    ),
    "true": (Case(7, lambda page, pages: True, (1,)), "pages found True; the number of pages was expected"),
}


def load(api: Loopback, case: Case, paginator: Any, *, behind: int = 200) -> ResourceReport:
    """Load a case, with this status behind the last page."""

    def answer(seen: Seen) -> Reply:
        place = int(dict(seen.query)["page"]) - case.base
        records = [{"id": number} for number in range(case.records)][LIMIT * place :][:LIMIT]
        body = {"data": records, "pages": case.said(place + case.base, -(-case.records // LIMIT))}
        return json_reply(body, behind if place and not records else 200)

    api.answering = answer
    config = {
        "client": {"base_url": api.base_url, "paginator": paginator},
        "resource_defaults": {"primary_key": "id"},
        "resources": [{"name": "things", "endpoint": {"path": "things", "data_selector": "data"}}],
    }
    return run_load(rest_api_shop("acme", config), ["things"]).resources["things"]


def pages_asked(api: Loopback) -> tuple[int, ...]:
    """Return the pages that were asked for, each once."""
    return tuple(sorted({int(dict(seen.query)["page"]) for seen in api.seen}))


@pytest.mark.parametrize("behind", [200, 404])
@pytest.mark.parametrize("case", RIGHT.values(), ids=RIGHT)
def test_the_right_number_ends_reading(api: Loopback, case: Case, behind: int) -> None:
    paginator = {"type": "page_number", "base_page": case.base, "total_path": "pages"}
    report = load(api, case, paginator, behind=behind)
    assert report.error is None
    assert (report.windows[0].kept, report.windows[0].confirmed_by) == (case.records, "end")
    assert pages_asked(api) == case.asked


@pytest.mark.parametrize("is_object", [True, False])
@pytest.mark.parametrize(("case", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_number_loses_no_record_in_silence(
    api: Loopback, case: Case, message: str, is_object: bool
) -> None:
    """dlt ends there, and succeeds with a part of the list."""
    written: Any = {"type": "page_number", "base_page": 1, "total_path": "pages"}
    report = load(api, case, PageNumberPaginator(base_page=1, total_path="pages") if is_object else written)
    assert message in str(report.error)
    assert "page_count_path" in str(report.error)
    assert pages_asked(api) == case.asked
