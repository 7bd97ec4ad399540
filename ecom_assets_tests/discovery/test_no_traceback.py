"""Any OpenAPI document and any JSON answer end in a declaration or in one line, never in a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecom_assets.discovery.description.openapi import read_openapi
from ecom_assets.discovery.discover import DiscoveryOptions, discover
from ecom_assets.discovery.verification import load_text
from ecom_assets.foundation.errors import IngestError
from ecom_assets_tests.support.servers.loopback import Loopback, Seen, json_reply
from ecom_assets_tests.support.servers.loopback import api as api

NAMES = (
    "id",
    "order_id",
    "things_id",
    "updated_at",
    "created",
    "total",
    "name",
    "lines",
    "parent",
    "a.b",
    " ",
    "é",
    "data",
    "_links",
)
SINGLE = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer"},
        {"type": "string", "format": "date-time"},
        {"type": ["string", "null"]},
        {"type": "number", "nullable": True},
        {"type": "null"},
        {"type": 5},
        {"type": []},
        {},
        {"$ref": "#/components/schemas/One"},
        {"$ref": "#/components/schemas/Two"},
        {"$ref": "#/nothing/there"},
        {"$ref": "other.json#/x"},
        {"$ref": "http://[bad"},
        {"enum": [None, 1]},
    ]
)


def _around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    parts = st.lists(inner, max_size=3)
    return st.one_of(
        st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
            },
            optional={"required": st.lists(st.sampled_from(NAMES), max_size=3)},
        ),
        st.builds(lambda entry: {"type": "array", "items": entry}, inner),
        st.builds(lambda key, entries: {key: entries}, st.sampled_from(["allOf", "anyOf", "oneOf"]), parts),
        st.builds(lambda entry, name: {**entry, "properties": {name: entry}}, inner, st.sampled_from(NAMES)),
    )


SCHEMAS = st.recursive(SINGLE, _around, max_leaves=12)
PARAMS = st.lists(
    st.one_of(
        st.builds(
            lambda name, schema, style: {"name": name, "in": "query", "schema": schema, "style": style},
            st.sampled_from(
                ["limit", "page", "offset", "cursor", "updated_at_min", "updated_at", "filter", ""]
            ),
            SCHEMAS,
            st.sampled_from(["form", "deepObject"]),
        ),
        st.sampled_from([{}, {"name": 5}, {"$ref": "#/paths"}]),
    ),
    max_size=5,
)
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(
            ["", "a", "2026-01-01T00:00:00Z", "2026-01-01", "12.50", "\u0000", "\ud83d\ude00", "/next?page=2"]
        ),
        st.text(max_size=5),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=4)), inner, max_size=5),
    ),
    max_leaves=15,
)


def _document(record: Any, one: Any, two: Any, params: Any, wrapped: bool) -> dict[str, Any]:
    rows = {"type": "array", "items": record}
    schema = (
        {"type": "object", "properties": {"data": rows, "total": {"type": "integer"}}} if wrapped else rows
    )
    answer = {"200": {"content": {"application/json": {"schema": schema}}}}
    return {
        "openapi": "3.0.0",
        "components": {"schemas": {"One": one, "Two": two}},
        "paths": {"/things": {"get": {"parameters": params, "responses": answer}}},
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(st.builds(_document, SCHEMAS, SCHEMAS, SCHEMAS, PARAMS, st.booleans()))
def test_any_description(tmp_path: Path, document: dict[str, Any]) -> None:
    file = tmp_path / "api.json"
    file.write_text(json.dumps(document), "utf-8")
    ends_in_a_file_or_in_a_line(file, None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(SCHEMAS, SCHEMAS, SCHEMAS, JSON, JSON)
def test_any_search_and_any_example(
    tmp_path: Path, record: Any, body: Any, one: Any, example: Any, default: Any
) -> None:
    """The body of a search, and the examples of parameters, are whatever a description says."""
    document = _document(
        {**record, "example": example},
        one,
        body,
        [{"name": "where", "in": "query", "example": example}],
        True,
    )
    search = document["paths"].pop("/things")["get"]
    schema = {
        "type": "object",
        "required": list(NAMES),
        "properties": {"limit": {"default": default}, "changed_since": body},
    }
    search["requestBody"] = {"content": {"application/json": {"schema": {"allOf": [schema, body]}}}}
    document["paths"]["/things/search"] = {"post": search}
    file = tmp_path / "api.json"
    file.write_text(json.dumps(document), "utf-8")
    ends_in_a_file_or_in_a_line(file, None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(JSON)
def test_any_json_as_a_description(tmp_path: Path, document: Any) -> None:
    """Whatever stands where OpenAPI wants something else."""
    file = tmp_path / "api.json"
    for key in ("paths", "components", "servers", "security"):
        whole = {"openapi": "3.0.0", "paths": {"/things": {"get": document}}, key: document}
        file.write_text(json.dumps(whole), "utf-8")
        ends_in_a_file_or_in_a_line(file, None)
        file.write_text(
            json.dumps({"swagger": "2.0", "paths": {"/things": document}, key: document}), "utf-8"
        )
        ends_in_a_file_or_in_a_line(file, None)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(JSON, st.builds(_document, SCHEMAS, SCHEMAS, SCHEMAS, PARAMS, st.booleans()))
def test_any_answer_beside_any_description(
    api: Loopback, tmp_path: Path, body: Any, document: dict[str, Any]
) -> None:
    file = tmp_path / "api.json"
    file.write_text(json.dumps(document), "utf-8")
    api.answering = lambda seen: json_reply(body)
    ends_in_a_file_or_in_a_line(file, api.base_url)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(
    st.lists(
        st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=4)), JSON, max_size=6), max_size=6
    )
)
def test_any_records(api: Loopback, records: list[Any]) -> None:
    def answer(seen: Seen) -> Any:
        query = dict(seen.query)
        size = int(query["limit"]) if query.get("limit", "").isdigit() else 3
        return json_reply({"data": records[:size], "total": len(records)})

    api.answering = answer
    ends_in_a_file_or_in_a_line(None, api.base_url)


def ends_in_a_file_or_in_a_line(file: Path | None, url: str | None) -> None:
    try:
        described = read_openapi(file) if file else None
        options = DiscoveryOptions(
            "shop",
            url or "https://api.example.com",
            endpoints=[guess.endpoint for guess in described.collections] if described else ["/things"],
            described=described.endpoints if described else {},
            offline=url is None,
        )
        load_text(discover(options).text, "shop")
    except IngestError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017  either outcome is right


LINES = [[{"order_id": 1, "sku": "a"}, {"order_id": 1, "sku": "b"}], [{"order_id": 2, "sku": "a"}]]


def test_an_element_that_repeats_its_parents_key(api: Loopback) -> None:
    """The repeated key is no part of the element's own key."""
    api.replies = [json_reply([{"order_id": 1, "lines": LINES[0]}, {"order_id": 2, "lines": LINES[1]}])]
    found = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/orders"]))
    assert load_text(found.text, "shop").resource("order_items").primary_key == ("order_id", "sku")


def test_an_element_with_nothing_but_its_parents_key_is_json(api: Loopback) -> None:
    api.replies = [json_reply([{"id": number, "lines": [{"order_id": number}]} for number in (1, 2, 3)])]
    orders = load_text(
        discover(DiscoveryOptions("shop", api.base_url, endpoints=["/orders"])).text, "shop"
    ).resource("orders")
    assert orders.column("lines").data_type == "json"
