"""What two readings of a list compare, what they cost, and when one is enough."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.check.api_check import check
from ecom_assets.load.run import run_load
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place


class Api:
    """Six things in pages of two, with fields that are new in each response."""

    def __init__(self, loopback: Loopback, place: Place) -> None:
        self.base_url, self.place = loopback.base_url, place
        self.asked: list[int] = []
        self.changing: tuple[str, ...] = ("image", "lines.url", "meta.seen")
        self._numbers = count()
        loopback.answering = self.answer

    def answer(self, seen: Seen) -> Reply:
        page = int(dict(seen.query).get("page", 1))
        self.asked.append(page)
        rows = [self._thing(no) for no in range(6)][2 * page - 2 : 2 * page]
        return json_reply({"data": rows, "total": 6})

    def _thing(self, number: int) -> dict[str, Any]:
        def value(name: str) -> str:
            return f"{name}?{next(self._numbers) if name in self.changing else ''}"

        lines = [{"no": no, "url": value("lines.url")} for no in range(2)]
        return {
            "id": number,
            "image": value("image"),
            "lines": lines,
            "meta": {"seen": value("meta.seen"), "a": 1},
        }

    def shop(self, *volatile: str, endpoint: dict[str, Any] | None = None, **paginator: Any) -> Shop:
        def text(path: str) -> dict[str, Any]:
            return {"data_type": "text", "volatile": path in volatile}

        paging = {"type": "page_number", "base_page": 1, "stop_after_empty_page": True, **paginator}
        return Shop.model_validate(
            {
                "name": "testshop",
                "client": {"base_url": self.base_url, "paginator": paging},
                "policy": {"max_retries": 0},
                "resources": [
                    {
                        "name": "things",
                        "primary_key": "id",
                        "endpoint": {"path": "things", "data_selector": "data", **(endpoint or {})},
                        "columns": {
                            "id": {"data_type": "bigint"},
                            "image": text("image"),
                            "meta__seen": text("meta.seen"),
                        },
                    },
                    {
                        "name": "lines",
                        "primary_key": ["thing_id", "no"],
                        "rows_from": {"resource": "things", "path": "lines"},
                        "include_from_parent": ["id"],
                        "columns": {
                            "thing_id": {"data_type": "bigint", "path": "_things_id"},
                            "no": {"data_type": "bigint"},
                            "url": text("lines.url"),
                        },
                    },
                ],
            }
        )

    def load(self, shop: Shop) -> str:
        errors = run_load(shop, ["things", "lines"], warehouse=self.place.warehouse()).errors
        return str(errors.get("things", ""))


@pytest.fixture
def api(place: Place) -> Iterator[Api]:
    with serving() as loopback:
        yield Api(loopback, place)


def test_volatile_columns_may_differ_between_two_readings(api: Api) -> None:
    assert api.load(api.shop("image", "lines.url", "meta.seen")) == ""
    assert api.place.rows("select count(*), count(distinct image) from testshop.things") == [(6, 6)]
    assert api.asked.count(1) == 2, "two readings"


def test_the_message_names_the_fields_that_differ(api: Api) -> None:
    message = api.load(api.shop("image"))
    assert re.fullmatch(
        r"things: 6 of 6 records differ between two readings in a row, such as \d: the list changed while it was read, "
        r"in (lines\.url, meta\.seen|meta\.seen, lines\.url) \(a field that is new in each response needs a column "
        r"with volatile: true\), also after 3 restarts",
        message,
    )


def test_another_change_is_noticed_all_the_same(api: Api) -> None:
    api.changing = ("image", "meta.seen")
    assert ", in meta.seen (" in api.load(api.shop("image", "lines.url"))


def test_verify_once_reads_once(api: Api) -> None:
    assert api.load(api.shop(endpoint={"verify": "once"}, total_path="total")) == ""
    assert api.asked == [1, 2, 3, 4], "one reading, and a look behind the total"
    assert api.place.rows("select count(*) from testshop.things") == [(6,)]


def test_verify_once_needs_a_total(api: Api) -> None:
    with pytest.raises(
        ValueError, match="once with a paginator that has no total; total_path or total_header"
    ):
        api.shop(endpoint={"verify": "once"})


def test_check_tells_the_price_of_two_readings(api: Api) -> None:
    api.changing = ()
    found = {
        (finding.what, finding.result): finding.detail for finding in check(api.shop(total_path="total"))
    }
    assert found["requests", "limit"] == (
        "a snapshot of 6 records takes about 3 pages, and is read twice, because no cursor tells which records "
        "changed meanwhile: 6 requests a day on its daily schedule. If the list has a fixed order, endpoint.verify: "
        "once halves that; the list may then mix states of several moments"
    )
    once = list(check(api.shop(endpoint={"verify": "once"}, total_path="total")))
    assert [finding for finding in once if finding.what == "requests"] == []
    assert {finding.result for finding in once if "(verify: once)" in finding.detail} == {"limit"}
