"""Discovery finds filters that are an expression within one parameter, and declares them so that they load."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ecom_assets.discovery.description.described_endpoint import DescribedEndpoint
from ecom_assets.discovery.discover import Discovery, DiscoveryOptions, discover
from ecom_assets.discovery.filter_expressions import described_expressions, usual_expressions
from ecom_assets.discovery.verification import load_text
from ecom_assets.extract.request_template import template_of, window_values
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_request import window_request
from ecom_assets_tests.discovery.test_time_filter import START, things
from ecom_assets_tests.support.servers.list_api import Listed, refused
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen
from ecom_assets_tests.support.servers.loopback import api as api

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+Z")


@dataclass
class Expressed(Listed):
    """Filters by an expression in one parameter, which must have a pattern; refuses another expression there."""

    param: str = "where"
    pattern: str = ""
    tolerant: bool = False

    def __call__(self, seen: Seen) -> Reply:
        text = dict(seen.query).get(self.param)
        if text is None:
            return super().__call__(seen)
        low, high = [*INSTANT.findall(text), "", ""][:2]
        if text != self.pattern.replace("<start>", low).replace("<end>", high):
            if self.tolerant:
                return replace(self, records=[], seen=self.seen)(replace(seen, query=self._rest(seen)))
            return refused(f"cannot parse {self.param}")
        kept = [
            row for row in self.records if low <= row[self.cursor] and (not high or row[self.cursor] < high)
        ]
        return replace(self, records=kept, seen=self.seen)(replace(seen, query=self._rest(seen)))

    def _rest(self, seen: Seen) -> list[tuple[str, str]]:
        return [(name, value) for name, value in seen.query if name != self.param]


def found_at(api: Loopback, server: Listed, **options: Any) -> Discovery:
    api.answering = server
    found = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/things"], **options))
    assert found.requests <= options.get("max_requests", 12)
    return found


def request_of(found: Discovery) -> dict[str, Any]:
    """Return the parameters that a load of one day sends."""
    endpoint = load_text(found.text, "shop").resource("things").endpoint
    assert endpoint is not None
    assert endpoint.incremental is not None
    assert endpoint.incremental.sends_start
    slice_ = Slice("", (), START, START + timedelta(days=1))
    values = window_values(window_request(slice_, endpoint.incremental), endpoint.incremental)
    return dict(template_of(endpoint).fill(values).params)


DAY = ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")


@pytest.mark.parametrize(
    ("param", "pattern", "field"),
    [
        ("where", '{"updatedAt":{"$gte":"<start>","$lt":"<end>"}}', "updatedAt"),
        ("where", '{"updated_at":{"gte":"<start>","lt":"<end>"}}', "updated_at"),
        ("filter", '{"updated_at":{"gte":"<start>","lt":"<end>"}}', "updated_at"),
        ("filter", '{"date_updated":{"_gte":"<start>","_lt":"<end>"}}', "date_updated"),
        ("filter", '{"where":{"updatedAt":{"gte":"<start>","lt":"<end>"}}}', "updatedAt"),
        ("where", 'lastModifiedAt >= "<start>" and lastModifiedAt < "<end>"', "lastModifiedAt"),
        (
            "$filter",
            "lastModifiedDateTime ge <start> and lastModifiedDateTime lt <end>",
            "lastModifiedDateTime",
        ),
        ("filter", "ge(updated_at,<start>):lt(updated_at,<end>)", "updated_at"),
        ("query", "updated_at:>='<start>' AND updated_at:<'<end>'", "updated_at"),
        ("s", '{"updatedAt":{"$gte":"<start>","$lt":"<end>"}}', "updatedAt"),
    ],
)
def test_an_expression_is_found_and_declared(api: Loopback, param: str, pattern: str, field: str) -> None:
    found = found_at(
        api,
        Expressed(things(name=field), param=param, pattern=pattern, cursor=field),
        parameters=["limit", "offset", param],
    )
    expected = pattern.replace("<start>", DAY[0]).replace("<end>", DAY[1])
    assert request_of(found)[param] == expected
    assert f"{param} brought" in found.text


def test_the_usual_expressions_are_tried_without_a_description(api: Loopback) -> None:
    for pattern in (
        '{"updated_at":{"$gte":"<start>","$lt":"<end>"}}',
        '{"updated_at":{"gte":"<start>","lt":"<end>"}}',
    ):
        param = "where" if "$" in pattern else "filter"
        found = found_at(
            api, Expressed(things(), param=param, pattern=pattern, tolerant=True), max_requests=16
        )
        assert DAY[0] in request_of(found)[param]


def test_an_expression_without_effect_is_no_filter(api: Loopback) -> None:
    """One request shows that an API ignores all of them; words to search for are no filter either."""
    found = found_at(api, Listed(things()))
    assert "no time filter was found for updated_at" in found.text
    found = found_at(api, Expressed(things(), param="q", pattern="words", tolerant=True), max_requests=30)
    assert "no time filter was found for updated_at" in found.text


def test_an_example_in_a_description_gives_the_expression(api: Loopback) -> None:
    pattern = "updated_at~gt~<start>"
    params = {
        "limit": {},
        "offset": {},
        "rsql": {"description": "Conditions, such as `updated_at~gt~2020-01-31T00:00:00Z`."},
    }
    described = {"/things": DescribedEndpoint("/things", params=params)}
    found = found_at(api, Expressed(things(), param="rsql", pattern=pattern), described=described)
    assert request_of(found)["rsql"] == pattern.replace("<start>", DAY[0])


@pytest.mark.parametrize(
    ("about", "pattern"),
    [
        ({"examples": [{"changed": {"gte": "2020-01-31"}}]}, '{"<field>":{"gte":"<start>"}}'),
        (
            {"examples": ["changed>=2020-01-31T10:00:00Z,changed<2021-01-31T10:00:00Z"]},
            "<field>>=<start>,<field><<end>",
        ),
        ({"description": "Write ?filter=changed%20ge%202020-01-31 to filter."}, "<field> ge <start>"),
        ({"examples": ['changed >= "2020-01-31" and status = "open"']}, None),
        ({"examples": ["changed<2020-01-31"]}, None),
        ({"examples": [5, None, {"a": object}], "description": "2020-01-31"}, None),
    ],
)
def test_examples_become_patterns_if_they_are_a_window_and_nothing_else(
    about: dict[str, Any], pattern: str | None
) -> None:
    found = described_expressions({"filter": about})
    assert [expression.pattern for expression, _ in found] == ([pattern] if pattern else [])
    assert all(field == "changed" for _, field in found)


def test_numbers_have_no_quotes() -> None:
    expression = usual_expressions(["where"])[0]
    template = expression.template("changed", as_number=True)["where"]
    assert template == '{{"changed":{{"$gte":{incremental.start_value},"$lt":{incremental.end_value}}}}}'
    assert json.loads(template.format(incremental=_Window())) == {"changed": {"$gte": 1, "$lt": 2}}


@dataclass
class _Window:
    start_value: int = 1
    end_value: int = 2


def test_the_other_endpoints_are_tried_with_the_expression_first(api: Loopback) -> None:
    server = Expressed(things(), param="where", pattern='updated_at >= "<start>" and updated_at < "<end>"')
    api.answering = lambda seen: server(replace(seen, path="/things"))
    options = DiscoveryOptions(
        "shop", api.base_url, endpoints=["/things", "/others"], parameters=["limit", "offset", "where"]
    )
    found = discover(options)
    first, second = [table.endpoint for table in found.draft.tables]
    assert first is not None
    assert second is not None
    assert first.time_filter is not None
    assert second.time_filter is not None
    assert second.time_filter.params == first.time_filter.params
    assert second.requests < first.requests
    assert isinstance(first.oldest, datetime)
