"""Single pages of every shape of API, as the commands `check` and `preview` request them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets.extract.check.api_check import check
from ecom_assets.extract.probe import open_probe
from ecom_assets_tests.support.shapes import SHAPES, Shape


@pytest.fixture(params=SHAPES)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Shape, Shop]]:
    """Serve a shape and return it with its shop."""
    shape = SHAPES[request.param]
    with shape.serve() as base_url:
        file = tmp_path / "shop.yaml"
        file.write_text(shape.declaration(base_url), encoding="utf-8")
        yield shape, load_shop(file)


def test_the_checks_find_no_fault(served: tuple[Shape, Shop]) -> None:
    shape, shop = served
    findings = list(check(shop, shape.secrets, shape.end + timedelta(minutes=1)))
    checked = {finding.resource for finding in findings} - {"(shop)"}
    assert checked == {resource.name for resource in shop.resources}
    assert [finding for finding in findings if finding.result == "failed"] == []


def test_a_page_of_a_child_is_that_of_a_parent_which_has_one(tmp_path: Path) -> None:
    shape = SHAPES["parent_children"]
    with shape.serve() as base_url:
        file = tmp_path / "shop.yaml"
        file.write_text(shape.declaration(base_url), encoding="utf-8")
        shop = load_shop(file)
        with open_probe(shop, shape.secrets) as probe:
            bounds = (shape.start, shape.end)
            refunds = probe.page(shop.resource("refunds"), bounds).records
            assert {record["_orders_id"] for record in refunds} == {refunds[0]["_orders_id"]}
            assert refunds[0]["id"] == 1
            (second,) = probe.page(shop.resource("refunds"), bounds, limit=1, offset=1).records
            assert second == refunds[1]
            events = probe.page(shop.resource("refund_events"), bounds).records
            assert set(events[0]) == {"step", "what", "_refunds_id", "_refunds__orders_id"}
