"""Requests after their placeholders are filled."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.declaration.placeholders import END, START, placeholder_names, replace_placeholders
from ecom_assets.declaration.reading import Endpoint, Shop
from ecom_assets.extract.request_template import path_segment, template_of, window_values
from ecom_assets.extract.slices import Slice, cut_into_slices
from ecom_assets.extract.window_request import window_request
from ecom_assets.extract.windows import Window
from ecom_assets.foundation.errors import ApiError

FROM = datetime(2026, 3, 1, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def endpoint_of(**declared: Any) -> Endpoint:
    """Return an endpoint that is asked by windows."""
    return Endpoint.model_validate(
        {
            "path": "/orders",
            "incremental": {"cursor_path": "at", "start_param": "from", "end_param": "to"},
            **declared,
        }
    )


def values_of(endpoint: Endpoint) -> dict[str, str | int]:
    """Return the values of one day."""
    assert endpoint.incremental
    return window_values(
        window_request(Slice("orders/a", (), FROM, FROM + DAY), endpoint.incremental), endpoint.incremental
    )


def test_the_windows_parameters_stand_beside_the_declared_ones() -> None:
    endpoint = endpoint_of(params={"fields": ["id", "at"], "all": True, "flags": [False, 1], "none": None})
    assert template_of(endpoint).fill(values_of(endpoint)).params == {
        "fields": ["id", "at"],
        "all": "true",
        "flags": ["false", 1],
        "none": None,
        "from": "2026-03-01T00:00:00Z",
        "to": "2026-03-02T00:00:00Z",
    }
    assert set(template_of(endpoint, in_window=False).params) == {"fields", "all", "flags", "none"}


def test_placeholders_stand_for_a_window_anywhere() -> None:
    start, end = f"{{{START}}}", f"{{{END}}}"
    endpoint = endpoint_of(
        path=f"/orders/since-{start}",
        params={"q": f"at:[{start} TO {end}] {{{{x}}}}"},
        json={"at": {"from": start, "to": [end]}, "text": f"{start}!", "n": 1},
        headers={"X-From": start},
        incremental={"cursor_path": "at", "format": "unix"},
    )
    assert endpoint.incremental
    assert (endpoint.incremental.sends_start, endpoint.incremental.sends_end) == (True, True)
    assert endpoint.incremental.parameter_names == f"{start}, {end}"
    filled = template_of(endpoint).fill(values_of(endpoint))
    low, high = int(FROM.timestamp()), int((FROM + DAY).timestamp())
    assert filled.path == f"/orders/since-{low}"
    assert filled.params == {"q": f"at:[{low} TO {high}] {{x}}"}
    assert filled.json_body == {"at": {"from": low, "to": [high]}, "text": f"{low}!", "n": 1}
    assert filled.headers == {"X-From": str(low)}


def test_a_parameter_that_the_path_names_is_put_there() -> None:
    endpoint = endpoint_of(path="/stores/{store}/orders", params={"store": "a/{{b}}", "limit": 5})
    filled = template_of(endpoint).fill(values_of(endpoint))
    assert filled.path == "/stores/a/{b}/orders"
    assert set(filled.params) == {"limit", "from", "to"}


@given(st.one_of(st.text(min_size=1), st.integers()))
def test_any_value_is_one_segment_of_a_path(value: Any) -> None:
    if value in (".", "..") or "\ud800" <= max(str(value)) <= "\udfff":
        return
    written = path_segment(value)
    assert unquote(written) == str(value)
    assert not set("/?#{} ") & set(written)


@pytest.mark.parametrize("value", [".", ".."])
def test_a_value_that_no_address_can_hold_is_refused(value: str) -> None:
    with pytest.raises(ApiError, match="cannot have"):
        path_segment(value)


@given(st.text(alphabet="ab{}.", max_size=12))
def test_what_is_replaced_by_itself_stays_the_same(text: str) -> None:
    if "" in placeholder_names(text):
        return
    assert replace_placeholders(text, lambda name: f"{{{name}}}") == text
    assert replace_placeholders({text: [text, 1]}, lambda name: f"{{{name}}}") == {text: [text, 1]}


@pytest.mark.parametrize(
    ("incremental", "slices"),
    [
        ({"start_param": "from", "end_param": "to"}, 3),
        ({"start_param": "from"}, 1),
        ({"server_filter": False}, 1),
    ],
)
def test_windows_whose_end_cannot_be_asked_for_are_read_in_one_go(
    incremental: dict[str, Any], slices: int
) -> None:
    shop = Shop.model_validate(
        {
            "name": "testshop",
            "client": {"base_url": "https://api.example.com"},
            "partitions": {"every": "day", "start": FROM},
            "resources": [
                {
                    "name": "orders",
                    "primary_key": "id",
                    "endpoint": {"path": "orders", "incremental": {"cursor_path": "at", **incremental}},
                    "columns": {
                        "id": {"data_type": "bigint", "nullable": False},
                        "at": {"data_type": "timestamp", "nullable": False},
                    },
                }
            ],
        }
    )
    windows = tuple(Window(str(day), FROM + DAY * day, FROM + DAY * (day + 1)) for day in range(3))
    found = cut_into_slices(shop, "orders", windows)
    assert len(found) == slices
    assert tuple(window for slice_ in found for window in slice_.windows) == windows
