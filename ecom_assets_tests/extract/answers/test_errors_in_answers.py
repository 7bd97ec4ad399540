"""Errors beside the data of a successful answer fail the slice, and a declared throttle in one is retried."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.check.api_check import check
from ecom_assets_tests.extract.test_source import load, loaded
from ecom_assets_tests.support.servers.loopback import Loopback, json_reply, serving

GOOD = {"data": [{"id": 1, "total": 5}], "errors": []}
PARTIAL = {"data": [{"id": 1, "total": None}], "errors": [{"message": "total timed\nout", "path": ["a"]}]}
THROTTLED = {"data": None, "errors": [{"message": "slow down", "extensions": {"code": "THROTTLED"}}]}


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with serving() as running:
        yield running


def shop_of(loopback: Loopback, endpoint: dict[str, Any], **policy: Any) -> Shop:
    things = {
        "name": "things",
        "primary_key": "id",
        "columns": {"id": {"data_type": "bigint"}},
        "endpoint": {"path": "things", "data_selector": "data", **endpoint},
    }
    client = {"base_url": loopback.base_url, "paginator": "single_page"}
    policy = {"max_retries": 2, "backoff_factor": 0, **policy}
    return Shop.model_validate(
        {"name": "testshop", "client": client, "policy": policy, "resources": [things]}
    )


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("errors", PARTIAL, "total timed out"),
        ("meta.error", {"data": [{"id": 1}], "meta": {"error": "E7"}}, '["E7"]'),
        (
            "data[*].problem",
            {"data": [{"id": 1, "problem": None}, {"id": 2, "problem": {"message": "x"}}]},
            "x",
        ),
    ],
)
def test_errors_fail_the_slice_with_their_text(
    loopback: Loopback, tmp_path: Path, path: str, body: dict[str, Any], text: str
) -> None:
    shop = shop_of(loopback, {"errors_path": path})
    loopback.replies = [json_reply(GOOD)]
    assert load(shop, tmp_path / "w.duckdb").errors == {}
    loopback.replies = [json_reply(body)]
    error = load(shop, tmp_path / "w.duckdb").errors["things"]
    assert str(error) == f"things: the answer has errors at errors_path '{path}': {text}"
    assert loaded(tmp_path / "w.duckdb") == [1]
    assert [entry.result for entry in check(shop) if entry.what == "reached"] == ["failed"]


def test_check_finds_errors_that_are_not_declared(loopback: Loopback) -> None:
    loopback.replies = [json_reply(PARTIAL)]
    (found,) = [entry for entry in check(shop_of(loopback, {})) if entry.what == "errors"]
    assert found.result == "failed"
    assert found.detail.endswith("total timed out; declare errors_path: errors")


RETRY = {"path": "errors[*].extensions.code", "values": ["THROTTLED"]}


def test_a_throttle_in_a_successful_answer_is_retried(loopback: Loopback, tmp_path: Path) -> None:
    answers = iter([THROTTLED, THROTTLED, GOOD])
    loopback.answering = lambda seen: json_reply(next(answers))
    shop = shop_of(loopback, {"errors_path": "errors"}, retry_errors=RETRY)
    report = load(shop, tmp_path / "w.duckdb")
    assert report.errors == {}
    assert report.resources["things"].windows[0].retries == 2


def test_a_throttle_that_lasts_fails(loopback: Loopback, tmp_path: Path) -> None:
    # with data, which would be loaded otherwise
    loopback.replies = [json_reply({**THROTTLED, "data": [{"id": 1}]})]
    error = load(shop_of(loopback, {}, retry_errors=RETRY), tmp_path / "w.duckdb").errors["things"]
    assert "status 200 OK after 3 tries, with the error 'THROTTLED' of policy.retry_errors" in str(error)


def test_a_value_elsewhere_is_no_error(loopback: Loopback, tmp_path: Path) -> None:
    loopback.replies = [json_reply({"data": [{"id": 1, "note": "THROTTLED"}], "errors": []})]
    assert load(shop_of(loopback, {}, retry_errors=RETRY), tmp_path / "w.duckdb").errors == {}
