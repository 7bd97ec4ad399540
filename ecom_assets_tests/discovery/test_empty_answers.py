"""Discovery declares in which form an API answers that no record changed, where it is no empty list."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecom_assets.declaration.reading import load_shop
from ecom_assets.discovery.discover import DiscoveryOptions, discover
from ecom_assets.extract.check.api_check import check
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply
from ecom_assets_tests.support.servers.loopback import api as api

FIRST = datetime(2026, 3, 1, tzinfo=timezone.utc)
ROWS = [
    {"id": number, "updated_at": (FIRST + timedelta(hours=7 * number)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    for number in range(35)
]
Write = Callable[[list[dict[str, Any]]], Any]
START, END = "{incremental.start_value}", "{incremental.end_value}"
IN_BODY = json.dumps({"query": {"updated_since": START, "updated_until": END}, "limit": 10, "offset": 0})


@pytest.mark.parametrize("endpoint", ["/orders", f"POST /orders {IN_BODY}"])
@pytest.mark.parametrize(
    ("form", "empty"),
    [
        ("missing", {"page": 1}),
        ("null", {"page": 1, "result": {"orders": None}}),
        ("null", None),
        ("[]", []),
        ("{}", {}),
        ("false", {"page": 1, "result": {"orders": False}}),
        ("", {"page": 1, "result": {"orders": []}}),
    ],
)
def test_the_form_of_an_empty_window_is_declared_and_checked(
    api: Loopback, tmp_path: Path, endpoint: str, form: str, empty: Any
) -> None:
    api.answering = lambda seen: answer(
        seen, lambda rows: {"page": 1, "result": {"orders": rows}} if rows else empty
    )
    file = tmp_path / "shop.yaml"
    file.write_text(discover(DiscoveryOptions("shop", api.base_url, (), [endpoint])).text, "utf-8")
    declared = yaml.safe_load(file.read_text("utf-8"))["resources"][0]["endpoint"]
    assert declared.get("empty_answers", []) == ([form] if form else [])
    assert declared["incremental"]["cursor_path"] == "updated_at"
    assert [found for found in check(load_shop(file)) if found.result == "failed"] == []


def test_an_answer_that_may_tell_of_an_error_is_not_taken_for_an_empty_list(api: Loopback) -> None:
    api.answering = lambda seen: answer(
        seen, lambda rows: {"result": {"orders": rows}} if rows else {"problem": "none"}
    )
    assert "empty_answers" not in discover(DiscoveryOptions("shop", api.base_url, (), ["/orders"])).text


def answer(seen: Seen, write: Write) -> Reply:
    """Return the orders that a request asks for, in the form that `write` gives them."""
    body = json.loads(seen.body or "{}")
    asked = {**dict(seen.query), **body.pop("query", {}), **body}
    low, high = str(asked.get("updated_since", "")), str(asked.get("updated_until", "9"))
    begin = int(asked.get("offset", 0))
    rows = [row for row in ROWS if low <= str(row["updated_at"]) < high]
    return json_reply(write(rows[begin : begin + int(asked.get("limit", 10))]))
