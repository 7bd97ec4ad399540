"""A description alone gives the time filter, in whatever words and forms it describes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ecom_assets.declaration.reading import Resource
from ecom_assets.discovery.description.described_endpoint import DescribedEndpoint
from ecom_assets.discovery.description.openapi import read_openapi
from ecom_assets.discovery.discover import DiscoveryOptions, discover
from ecom_assets.discovery.verification import load_text
from ecom_assets_tests.discovery.test_time_filter import things
from ecom_assets_tests.support.descriptions.described_list import document, offline
from ecom_assets_tests.support.servers.list_api import Listed
from ecom_assets_tests.support.servers.loopback import Loopback
from ecom_assets_tests.support.servers.loopback import api as api

INSTANT = {"type": "string", "format": "date-time"}


def param(name: str, schema: Any = None, **about: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema or {"type": "string"}, **about}


def orders_of(folder: Path, content: dict[str, Any]) -> Resource:
    return load_text(offline(folder, content).text, "shop").resource("orders")


@pytest.mark.parametrize(
    ("field", "about", "start", "end", "form"),
    [
        ("updatedAt", {}, "updatedAtFrom", "updatedAtTo", "iso8601"),
        ("lastModifiedAt", {}, "modifiedSince", "modifiedBefore", "iso8601"),
        (
            "date_modified",
            {"description": "Minimum date in RFC-2822."},
            "min_date_modified",
            "max_date_modified",
            "iso8601",
        ),
        ("updated_at", {"description": "Only later changes, as unix time."}, "since", "until", "unix"),
        (
            "updated_at",
            {"description": "Milliseconds since the epoch."},
            "updated_at_min",
            "updated_at_max",
            "unix_ms",
        ),
        ("updated_at", {"schema": {"type": "integer"}}, "updated_since", "updated_until", "unix"),
        ("updated_at", {"schema": {"format": "date"}, "description": "Changes."}, "after", "before", "date"),
    ],
)
def test_parameters_for_a_window(
    tmp_path: Path, field: str, about: dict[str, Any], start: str, end: str, form: str
) -> None:
    content = document({field: INSTANT}, [param(start, **about), param(end, **about)])
    endpoint = orders_of(tmp_path, content).endpoint
    assert endpoint is not None
    assert endpoint.incremental is not None
    assert (endpoint.incremental.start_param, endpoint.incremental.end_param) == (start, end)
    assert (endpoint.incremental.format, endpoint.incremental.bounds) == (form, "()")


@pytest.mark.parametrize("described_too", [True, False])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("begin_time", "The start of the range, by the `created_at` field."),
        ("start_date", "The earliest day on which an order was placed."),
        ("date_from", "Filter by end date."),
        ("start_at_min", "The earliest of the start times."),
    ],
)
def test_a_filter_by_another_time_is_none(tmp_path: Path, name: str, text: str, described_too: bool) -> None:
    """Windows by the time of creation would miss later changes; the right filter comes first if there is one."""
    end = name.replace("begin", "end").replace("start_date", "end_date").replace("from", "to")
    params = [param(entry, INSTANT, description=text) for entry in dict.fromkeys([name, end])]
    if described_too:
        params.append(param("updated_at_begin_time", INSTANT, description="By the `updated_at` field."))
    endpoint = orders_of(tmp_path, document({"updated_at": INSTANT}, params)).endpoint
    assert endpoint is not None
    found = endpoint.incremental and endpoint.incremental.start_param
    assert found == ("updated_at_begin_time" if described_too else None)


def test_a_described_filter_by_creation_is_not_tried(api: Loopback) -> None:
    """Where no record of the sample was edited, a filter by the time of creation looks like one by change."""
    api.answering = Listed(things(), start="begin_time", end="end_time")
    text = "The range is determined using the created_at field."
    params = {name: {"description": text} for name in ("begin_time", "end_time")} | {
        "limit": {},
        "offset": {},
    }
    described = {"/things": DescribedEndpoint("/things", params=params)}
    found = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/things"], described=described))
    endpoint = found.draft.tables[0].endpoint
    assert endpoint is not None
    assert endpoint.time_filter is None


@pytest.mark.parametrize("name", ["after", "since", "from"])
def test_a_parameter_that_pages_or_says_nothing_of_time_is_no_filter(tmp_path: Path, name: str) -> None:
    around = {"paging": {"type": "object", "properties": {"next_cursor": {"type": "string"}}}}
    content = document(
        {"updated_at": INSTANT}, [param(name, description="The key of a record.")], around=around
    )
    endpoint = orders_of(tmp_path, content).endpoint
    assert endpoint is not None
    assert endpoint.incremental is None


@pytest.mark.parametrize(
    "about",
    [
        {"example": '{"updatedAt":{"$gte":"2026-01-31T00:00:00Z"}}'},
        {"schema": {"type": "object", "example": {"updatedAt": {"$gte": "2026-01-31T00:00:00Z"}}}},
        {"examples": {"one": {"value": '{"updatedAt":{"$gte":"2026-01-31"}}'}}},
        {"description": 'Write `{"updatedAt":{"$gte":"2026-01-31"}}`.'},
    ],
)
def test_an_example_of_an_expression(tmp_path: Path, about: dict[str, Any]) -> None:
    endpoint = orders_of(tmp_path, document({"updatedAt": INSTANT}, [param("where", **about)])).endpoint
    assert endpoint is not None
    assert endpoint.incremental is not None
    assert endpoint.params["where"] == '{{"updatedAt":{{"$gte":"{incremental.start_value}"}}}}'
    assert endpoint.incremental.sends_start
    assert not endpoint.incremental.sends_end


@pytest.mark.parametrize(
    ("name", "about", "format_"),
    [
        ("If-Modified-Since", {"schema": {"type": "string"}}, "%a, %d %b %Y %H:%M:%S GMT"),
        ("If-Modified-Since", {"schema": INSTANT}, "iso8601"),
        ("X-From", {"schema": INSTANT, "description": "Records modified since this time."}, "iso8601"),
        ("X-Changed-After", {"schema": {"type": "integer"}, "description": "Unix time."}, "unix"),
        ("If-Unmodified-Since", {"schema": INSTANT}, ""),
        ("X-Created-After", {"schema": INSTANT}, ""),
        ("X-Changed-By", {"schema": {"type": "string"}}, ""),
    ],
)
def test_a_described_header_for_the_start_of_a_window(
    tmp_path: Path, name: str, about: dict[str, Any], format_: str
) -> None:
    resource = orders_of(
        tmp_path, document({"updated_at": INSTANT}, [{"name": name, "in": "header", **about}])
    )
    assert bool(resource.windowed) == bool(format_)
    if format_:
        assert resource.endpoint is not None
        assert resource.endpoint.headers == {name: "{incremental.start_value}"}
        assert resource.endpoint.incremental is not None
        assert resource.endpoint.incremental.format == format_


def test_an_example_for_another_field_is_no_filter(tmp_path: Path) -> None:
    """Nothing confirms offline that the API takes the same expression for this field."""
    content = document({"updatedAt": INSTANT}, [param("where", example='createdAt > "2026-01-31"')])
    endpoint = orders_of(tmp_path, content).endpoint
    assert endpoint is not None
    assert endpoint.incremental is None


@pytest.mark.parametrize(
    ("schema", "data_type"),
    [
        ({"description": "The last change. RFC-2822."}, "timestamp"),
        ({"example": "Wed, 05 Dec 2018 20:16:55 +0000"}, "timestamp"),
        ({"example": "/Date(1550793549320+0000)/"}, "timestamp"),
        ({"example": "2026-01-31"}, "date"),
        ({"example": "yesterday", "description": "RFC-2822"}, "text"),
        ({"description": "Who changed it."}, "text"),
    ],
)
def test_texts_that_are_instants(tmp_path: Path, schema: dict[str, Any], data_type: str) -> None:
    orders = orders_of(tmp_path, document({"date_modified": {"type": "string", **schema}}))
    # an instant gets the template's name for it
    column = orders.column("updated_at" if data_type == "timestamp" else "date_modified")
    assert column.data_type == data_type


def test_an_instant_without_quotes_in_yaml(tmp_path: Path) -> None:
    file = tmp_path / "api.yaml"
    content = document({"updated_at": {"examples": ["INSTANT"]}, "day": {"type": "string", "example": "DAY"}})
    text = (
        yaml.safe_dump(content)
        .replace("- INSTANT", "- 2018-05-08T09:54:56.871Z")
        .replace("DAY", "2018-05-08")
    )
    file.write_text(text, "utf-8")
    fields = read_openapi(file).endpoints["/orders"].table.fields
    assert {path[0]: entry.data_type for path, entry in fields.items()} == {
        "id": "bigint",
        "updated_at": "timestamp",
        "day": "date",
    }


@pytest.mark.parametrize(
    ("name", "example", "data_type"), [("total", "12.50", "decimal"), ("release", "1.10", "text")]
)
def test_texts_that_are_amounts(tmp_path: Path, name: str, example: str, data_type: str) -> None:
    orders = orders_of(tmp_path, document({name: {"type": "string", "example": example}}))
    assert orders.column(name).data_type == data_type


@pytest.mark.parametrize("form", ["datetime", "timestamp", "rfc2822", "DateTime"])
def test_other_words_for_the_format_of_instants(tmp_path: Path, form: str) -> None:
    orders = orders_of(tmp_path, document({"updated_at": {"type": "string", "format": form}}))
    assert orders.column("updated_at").data_type == "timestamp"


def test_required_parameters_without_a_value_are_named(tmp_path: Path) -> None:
    params = [
        param("start_date", required=True),
        param("limit", required=True),
        param("region", required=True),
    ]
    text = offline(tmp_path, document({}, params)).text
    assert "required, without a known value: start_date, region; name the endpoint as in" in text
    given = offline(tmp_path, document({}, params), "/orders?start_date=2026-01-01&region=eu")
    assert "required, without" not in given.text
    assert "region: eu" in given.text


@pytest.mark.parametrize("general_first", [True, False])
def test_a_field_of_two_parts_is_the_one_that_says_more(tmp_path: Path, general_first: bool) -> None:
    content = document({})
    answer = content["paths"]["/orders"]["get"]["responses"]["200"]["content"]["application/json"]
    general = {"type": "object", "properties": {"data": {"type": "array", "items": {}}}}
    parts = [general, answer["schema"]]
    answer["schema"] = {"allOf": parts if general_first else parts[::-1]}
    assert orders_of(tmp_path, content).primary_key == ("id",)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        (["start_cursor", "end_cursor"], "page.end_cursor"),
        (["cursor", "next_cursor"], "page.next_cursor"),
        (["has_next", "previous_cursor", "cursor"], "page.cursor"),
    ],
)
def test_which_described_cursor_leads_on(tmp_path: Path, fields: list[str], path: str) -> None:
    around = {"page": {"type": "object", "properties": {name: {"type": "string"} for name in fields}}}
    found = offline(tmp_path, document({}, [param("after")], around=around))
    paging = load_text(found.text, "shop").client.paginator
    assert paging is not None
    assert paging["cursor_path"] == path
