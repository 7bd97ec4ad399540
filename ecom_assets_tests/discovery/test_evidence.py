"""Each guess has its evidence and its level: seen in answers, described in a file, or assumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.discovery.discover import Discovery, DiscoveryOptions, discover
from ecom_assets.discovery.evidence import Evidence, assumed, described, level_of, marked, weakest
from ecom_assets.discovery.output.guesses import assumed_places, guesses_of
from ecom_assets_tests.cli.test_discover import run as run
from ecom_assets_tests.discovery.test_time_filter import things
from ecom_assets_tests.support.descriptions.described_list import document, offline
from ecom_assets_tests.support.servers.list_api import Listed
from ecom_assets_tests.support.servers.loopback import Loopback, json_reply
from ecom_assets_tests.support.servers.loopback import api as api

INSTANT = {"type": "string", "format": "date-time"}


def levels(found: Discovery) -> dict[str, str]:
    return {place: level for place, level, _ in guesses_of(found.draft.tables[0])}


def test_levels() -> None:
    assert [level_of(text) for text in ("a", assumed("b"), described("c"), "")] == [
        "seen",
        "assumed",
        "described",
        "seen",
    ]
    assert marked(assumed("b")) == "assumed: b"
    assert marked(described("c")) == "described: c"
    assert marked(described("as described")) == "as described"
    assert marked(assumed("described elsewhere")) == "assumed: described elsewhere"
    assert marked("a") == "a"
    assert weakest("a", described("b"), "") == "described"
    assert weakest("a", described("b"), assumed("c")) == "assumed"
    assert isinstance(assumed("b"), Evidence)


def test_what_answers_show_is_seen(api: Loopback) -> None:
    api.answering = Listed(things(), start="updated_at_min", end="updated_at_max")
    found = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/things"]))
    assert set(levels(found).values()) == {"seen"}
    assert assumed_places(found.draft.tables[0]) == []
    assert "assumed:" not in found.text


def test_what_a_description_says_is_described_and_the_rest_is_assumed(tmp_path: Path) -> None:
    params = [
        {"name": name, "in": "query", "schema": INSTANT} for name in ("updated_at_min", "updated_at_max")
    ]
    found = offline(tmp_path, document({"updated_at": INSTANT}, [*params, {"name": "limit", "in": "query"}]))
    told = levels(found)
    assert told["endpoint.data_selector"] == told["endpoint.incremental.start_param"] == "described"
    assert told["columns.updated_at"] == "described"
    for place in ("primary_key", "endpoint.paginator", "endpoint.page_size", "endpoint.incremental.bounds"):
        assert told[place] == "assumed", place
    assert "# assumed: a described field with the name or the format of a key, not seen" in found.text
    assert "# assumed: not known: set the first day to load" in found.text


def test_few_records_show_little(api: Loopback) -> None:
    api.replies = [json_reply([{"id": 1, "total": 5, "at": "2026-01-01T00:00:00", "lines": [{"sku": "a"}]}])]
    found = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/orders"]))
    told = levels(found)
    assert told["primary_key"] == told["endpoint.paginator"] == told["columns.total"] == "assumed"
    assert told["columns.at"] == "assumed"
    assert {place: level for place, level, _ in guesses_of(found.draft.tables[1])}["primary_key"] == "assumed"


@pytest.mark.parametrize(
    ("records", "options", "note"),
    [
        (
            [{"id": 1}],
            {},
            "so each load reads everything; if there is one, declare it as incremental.cursor_path",
        ),
        (things(), {}, "name others with --parameter, or write the filter into --endpoint with placeholders"),
        (things(), {"max_requests": 4}, "all 4 requests were used; raise --requests"),
    ],
)
def test_what_is_not_found_out_says_what_to_try(
    api: Loopback, records: list[dict[str, Any]], options: dict[str, Any], note: str
) -> None:
    api.answering = Listed(records)
    found = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/things"], **options))
    assert any(note in entry for entry in found.draft.tables[0].notes), found.draft.tables[0].notes


def test_people_and_scripts_are_told(api: Loopback, run: Any) -> None:
    api.replies = [json_reply([{"id": 1, "name": "x"}])]
    options = (api.base_url, "--name", "mine", "--endpoint", "/orders", "--yes")
    code, out, _ = run(*options)
    assert code == 0
    assert (
        "assumed, neither seen nor described:\n  primary_key: orders\n  endpoint.paginator: orders\n" in out
    )
    assert "  no field looks like the time of a record's last change" in out
    code, out, _ = run(*options, "--json", "--out", "other.yaml")
    told = json.loads(out)["resources"][0]
    assert told["guesses"]["primary_key"] == {
        "level": "assumed",
        "evidence": "unique and never null in 1 records",
    }
    assert told["guesses"]["endpoint.data_selector"]["level"] == "seen"
    assert told["notes"]
