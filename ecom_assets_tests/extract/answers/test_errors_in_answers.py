"""Errors beside the data of a successful answer fail the slice, and a declared throttle in one is retried."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.check.api_check import check
from ecom_assets.load.run import run_load
from ecom_assets.orchestration.metadata import window_metadata
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.extract.test_source import load, loaded
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving

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


@pytest.mark.parametrize(
    ("selector", "body", "text"),
    [
        ("data", PARTIAL, "errors beside its data: total timed out; declare errors_path: errors"),
        ("data", {"data": [{"id": 1}], "error": {"code": 7}}, 'error beside its data: {"code":7}'),
        ("data", {"data": [{"id": 1}], "error": True}, "declare errors_path: error"),
        (None, {"data": [{"id": 1}], "errors": ["E7"]}, 'errors beside its data: ["E7"]'),
        (
            "data.things.edges[*].node",
            {"data": {"things": {"edges": [{"node": {"id": 1}}], "errors": "half"}}},
            "declare errors_path: data.things.errors",
        ),
    ],
)
def test_a_load_tells_of_errors_that_are_not_declared(
    loopback: Loopback, tmp_path: Path, selector: str | None, body: dict[str, Any], text: str
) -> None:
    loopback.replies = [json_reply(body)]
    lines: list[str] = []
    report = run_load(
        shop_of(loopback, {"data_selector": selector}),
        ["things"],
        warehouse=DuckDbWarehouse(tmp_path / "w.duckdb"),
        progress=lines.append,
    )
    assert report.errors == {}
    (line,) = [line for line in lines if "tell of errors" in line]
    assert text in line
    (window,) = report.resources["things"].windows
    assert window.with_errors == 1
    assert window_metadata(window)["answers_with_errors"] == 1
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as connection:
        assert connection.execute("select with_errors from testshop.load_ledger").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("selector", "body"),
    [
        ("data", {"data": [{"id": 1}], "errors": [], "error": "none"}),
        ("errors", {"errors": [{"id": 1}]}),
        (None, {"errors": [{"id": 1}]}),
        (None, {"id": 1, "error": "card declined"}),
        (None, [{"id": 1, "error": "card declined"}]),
    ],
)
def test_a_field_of_the_records_is_no_error(
    loopback: Loopback, tmp_path: Path, selector: str | None, body: Any
) -> None:
    loopback.replies = [json_reply(body)]
    shop = shop_of(loopback, {"data_selector": selector})
    (window,) = load(shop, tmp_path / "w.duckdb").resources["things"].windows
    assert (window.kept, window.with_errors) == (1, 0)
    assert [entry for entry in check(shop) if entry.what == "errors"] == []


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


def test_an_empty_page_with_an_error_confirms_no_end(loopback: Loopback, tmp_path: Path) -> None:
    """Page 2 is empty because of the error, and page 3 is not asked for."""
    second: dict[str, Any] = {"data": [], "error": "rate exceeded"}

    def answer(seen: Seen) -> Reply:
        first = dict(seen.query)["page"] == "1"
        return json_reply({"data": [{"id": 1}, {"id": 2}]} if first else second)

    loopback.answering = answer
    shop = shop_of(loopback, {"paginator": {"type": "page_number", "base_page": 1, "total_path": None}})
    (window,) = load(shop, tmp_path / "w.duckdb").resources["things"].windows
    assert (window.kept, window.confirmed_by) == (2, "nothing")
    del second["error"]
    (window,) = load(shop, tmp_path / "w.duckdb").resources["things"].windows
    assert (window.kept, window.confirmed_by) == (2, "end")


@pytest.mark.parametrize(
    "body",
    [
        {"data": None, "errors": [{"message": "bad key"}]},
        {"data": {}, "error": "bad key"},
        {"data": False, "error": {"message": "bad key"}},
        {"error": "bad key"},
    ],
)
def test_an_error_in_place_of_the_list_is_no_empty_list(
    loopback: Loopback, tmp_path: Path, body: dict[str, Any]
) -> None:
    """The form of the answer is a declared one, and its error is not declared."""
    shop = shop_of(loopback, {"empty_answers": ["null", "{}", "false", "missing"]})
    loopback.replies = [json_reply(GOOD)]
    assert load(shop, tmp_path / "w.duckdb").errors == {}
    loopback.replies = [json_reply(body)]
    error = str(load(shop, tmp_path / "w.duckdb").errors["things"])
    assert "no list of records, and the answer has error" in error
    assert "bad key" in error
    assert loaded(tmp_path / "w.duckdb") == [1]
    assert [entry.result for entry in check(shop) if entry.what == "reached"] == ["failed"]
