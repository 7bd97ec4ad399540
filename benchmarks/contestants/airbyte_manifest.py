"""The shop as a declarative manifest of Airbyte's CDK."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from work import Work, api_time

_TEXT = {"type": ["null", "string"]}
_WHOLE = {"type": ["null", "integer"]}
_INSTANT = {"type": ["null", "string"], "format": "date-time", "airbyte_type": "timestamp_with_timezone"}
_OBJECT = {"type": ["null", "object"], "additionalProperties": True}
_STAMPS = {"created_at": _INSTANT, "updated_at": _INSTANT}

PROPERTIES: dict[str, dict[str, Any]] = {
    "customers": {
        "id": _WHOLE,
        "email": _TEXT,
        "first_name": _TEXT,
        "last_name": _TEXT,
        "accepts_marketing": {"type": ["null", "boolean"]},
        "address": _OBJECT,
        "orders_count": _WHOLE,
    }
    | _STAMPS,
    "products": dict.fromkeys(("sku", "title", "price", "currency", "status"), _TEXT)
    | {"id": _WHOLE, "weight_grams": _WHOLE}
    | _STAMPS,
    "orders": dict.fromkeys(("number", "email", "status", "currency", "total"), _TEXT)
    | {"id": _WHOLE, "customer_id": _WHOLE, "tax_rate": {"type": ["null", "number"]}}
    | {"shipping_address": _OBJECT, "line_items": {"type": ["null", "array"], "items": _OBJECT}}
    | _STAMPS,
}


def manifest(work: Work) -> dict[str, Any]:
    """Return the manifest: incremental streams in slices of the windows' length, read in parallel."""
    return {
        "version": "7.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["products"]},
        "concurrency_level": {
            "type": "ConcurrencyLevel",
            "default_concurrency": work.in_flight,
            "max_concurrency": work.in_flight,
        },
        "spec": {
            "type": "Spec",
            "connection_specification": {
                "type": "object",
                "properties": {"api_key": {"type": "string", "airbyte_secret": True}},
            },
        },
        "streams": [_stream(work, name, properties) for name, properties in PROPERTIES.items()],
    }


def _stream(work: Work, name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "DeclarativeStream",
        "name": name,
        "primary_key": ["id"],
        "schema_loader": {
            "type": "InlineSchemaLoader",
            "schema": {"type": "object", "additionalProperties": True, "properties": properties},
        },
        "retriever": {
            "type": "SimpleRetriever",
            "requester": {
                "type": "HttpRequester",
                "url_base": work.url,
                "path": f"/v1/{name}",
                "http_method": "GET",
                "authenticator": {
                    "type": "ApiKeyAuthenticator",
                    "api_token": "{{ config['api_key'] }}",
                    "inject_into": {
                        "type": "RequestOption",
                        "inject_into": "request_parameter",
                        "field_name": "api_key",
                    },
                },
            },
            "record_selector": {
                "type": "RecordSelector",
                "extractor": {"type": "DpathExtractor", "field_path": ["data"]},
            },
            "paginator": {
                "type": "DefaultPaginator",
                "pagination_strategy": {"type": "OffsetIncrement", "page_size": 250},
                "page_token_option": _parameter("offset"),
                "page_size_option": _parameter("limit"),
            },
        },
        "incremental_sync": {
            "type": "DatetimeBasedCursor",
            "cursor_field": "updated_at",
            "cursor_datetime_formats": ["%Y-%m-%dT%H:%M:%SZ"],
            # a slice ends one unit of granularity before the next begins, and the API's end is exclusive: with seconds,
            # the records of a slice's last second were lost
            "datetime_format": "%Y-%m-%dT%H:%M:%S.%fZ",
            "cursor_granularity": "PT0.000001S",
            "step": f"P{work.step}D",
            "start_datetime": {
                "type": "MinMaxDatetime",
                "datetime": api_time(work.start),
                "datetime_format": "%Y-%m-%dT%H:%M:%SZ",
            },
            "end_datetime": {
                "type": "MinMaxDatetime",
                "datetime": api_time(work.end),
                "datetime_format": "%Y-%m-%dT%H:%M:%SZ",
            },
            "start_time_option": _parameter("updated_at_min"),
            "end_time_option": _parameter("updated_at_max"),
        },
    }


def _instant(moment: datetime) -> dict[str, str]:
    return {"type": "MinMaxDatetime", "datetime": api_time(moment), "datetime_format": "%Y-%m-%dT%H:%M:%SZ"}


def _parameter(name: str) -> dict[str, str]:
    return {"type": "RequestOption", "inject_into": "request_parameter", "field_name": name}
