"""A description alone gives the time filter, in whatever words and forms it describes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecom_assets.declaration.reading import Resource
from ecom_assets.discovery.verification import load_text
from ecom_assets_tests.support.descriptions.described_list import document, offline

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
        ("updated_at", {"schema": {"type": "string", "format": "date"}}, "after", "before", "date"),
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


@pytest.mark.parametrize(
    ("name", "example", "data_type"), [("total", "12.50", "decimal"), ("release", "1.10", "text")]
)
def test_texts_that_are_amounts(tmp_path: Path, name: str, example: str, data_type: str) -> None:
    orders = orders_of(tmp_path, document({name: {"type": "string", "example": example}}))
    assert orders.column(name).data_type == data_type
