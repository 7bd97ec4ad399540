"""The configurations of dlt's documentation of its REST API source.

Each function of `EXAMPLES` returns a configuration for an address, as dlt's documentation has it. Changed are the
address, some names, and `primary_key`, which this project requires and many of dlt's examples leave out.
`example_api` answers them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from dlt.sources.helpers.rest_client.auth import HttpBasicAuth
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator
from requests import Response

from ecom_assets_tests.support.servers.example_api import PER_PAGE, Record


def blog(base_url: str) -> Record:
    """The quick example: `json_link`, a plain resource, and a child by its path."""
    return {
        "client": {
            "base_url": f"{base_url}/",
            "auth": {"token": "the-token-of-dlt"},
            "paginator": {"type": "json_link", "next_url_path": "paging.next"},
        },
        "resource_defaults": {"primary_key": "id"},
        "resources": [
            "posts",
            {
                "name": "comments",
                "endpoint": {"path": "posts/{resources.posts.id}/comments", "params": {"sort": "created_at"}},
            },
        ],
    }


def issues(base_url: str) -> Record:
    """The template: an open-ended incremental parameter, a child with fields of its parent, and no paginator."""
    return {
        "client": {"base_url": f"{base_url}/", "auth": {"type": "bearer", "token": "the-token-of-dlt"}},
        "resource_defaults": {
            "primary_key": "id",
            "write_disposition": "merge",
            "endpoint": {"params": {"per_page": 100}},
        },
        "resources": [
            {
                "name": "issues",
                "endpoint": {
                    "path": "issues",
                    "params": {
                        "sort": "updated",
                        "direction": "desc",
                        "state": "open",
                        "since": "{incremental.start_value}",
                    },
                    "incremental": {"cursor_path": "updated_at", "initial_value": "2024-01-25T00:00:00Z"},
                },
            },
            {
                "name": "issue_comments",
                "endpoint": {"path": "issues/{resources.issues.number}/comments"},
                "include_from_parent": ["id"],
            },
        ],
    }


def issues_in_params(base_url: str) -> Record:
    """The older form of the same: parameters with `type: incremental` and `type: resolve`."""
    config = issues(base_url)
    parent, child = config["resources"]
    parent["endpoint"]["params"]["since"] = {"type": "incremental", **parent["endpoint"].pop("incremental")}
    child["endpoint"] = {
        "path": "issues/{issue_number}/comments",
        "params": {"issue_number": {"type": "resolve", "resource": "issues", "field": "number"}},
    }
    return config


def lists_of_names(base_url: str) -> Record:
    """The tutorial: plain resources, two write dispositions, and neither a paginator nor a data_selector."""
    return {
        "client": {"base_url": base_url},
        "resource_defaults": {
            "endpoint": {"params": {"limit": 1000}},
            "write_disposition": "replace",
            "primary_key": "id",
        },
        "resources": [
            {"name": "pokemon", "primary_key": "id", "write_disposition": "merge"},
            "berry",
            "location",
        ],
    }


def related(base_url: str) -> Record:
    """Children by the query, by a JSON body, and by a path of one record; the paginator is an object."""
    return {
        "client": {"base_url": base_url},
        "resource_defaults": {"primary_key": "id", "write_disposition": "replace"},
        "resources": [
            {
                "name": "posts",
                "endpoint": {"path": "posts", "paginator": JSONLinkPaginator(next_url_path="paging.next")},
            },
            {
                "name": "post_comments",
                "endpoint": {"path": "comments", "params": {"post_id": "{resources.posts.id}"}},
            },
            {
                "name": "post_details",
                "endpoint": {
                    "path": "search",
                    "method": "POST",
                    "json": {"filters": {"id": "{resources.posts.id}"}, "order": "desc", "limit": 5},
                },
            },
            {"name": "single_posts", "endpoint": "posts/{resources.posts.id}"},
        ],
    }


def groups(base_url: str) -> Record:
    """Several parameters with `type: resolve`, of a parent that has a parent; the details are one object each."""
    resolve = {"type": "resolve", "resource": "users", "field": "id"}
    return {
        "client": {"base_url": base_url},
        "resource_defaults": {"primary_key": "id", "write_disposition": "replace"},
        "resources": [
            "groups",
            {
                "name": "users",
                "endpoint": {
                    "path": "groups/{group_id}/users",
                    "params": {"group_id": {"type": "resolve", "resource": "groups", "field": "id"}},
                },
            },
            {
                "name": "user_details",
                "endpoint": {
                    "path": "groups/{group_id}/users/{user_id}/details",
                    "params": {"group_id": {**resolve, "field": "group_id"}, "user_id": resolve},
                },
            },
        ],
    }


def lower_title(record: Record) -> Record:
    """Lower a title, as dlt's example does."""
    record["title"] = record["title"].lower()
    return record


def steps(base_url: str) -> Record:
    """Processing steps: filters and maps."""
    return {
        "client": {"base_url": base_url, "paginator": JSONLinkPaginator(next_url_path="paging.next")},
        "resources": [
            {
                "name": "posts",
                "primary_key": "id",
                "write_disposition": "replace",
                "processing_steps": [
                    {"filter": lambda x: x["id"] < 10},
                    {"map": lower_title},
                    {"filter": lambda x: "title" in x["title"]},
                ],
            }
        ],
    }


def events(base_url: str) -> Record:
    """`incremental` with `start_param` and `convert`, and rows that are appended."""
    return {
        "client": {"base_url": base_url},
        "resources": [
            {
                "name": "since",
                "primary_key": "id",
                "write_disposition": "append",
                "endpoint": {
                    "path": "since",
                    "data_selector": "results",
                    "incremental": {
                        "start_param": "created_since",
                        "cursor_path": "created_at",
                        "initial_value": "2024-01-25T00:00:00Z",
                        "convert": lambda value: value[:10],
                    },
                },
            }
        ],
    }


def set_encoding(response: Response, *args: Any, **kwargs: Any) -> Response:
    """Set the encoding, as dlt's example does."""
    response.encoding = "windows-1252"
    return response


def add_and_remove_fields(response: Response, *args: Any, **kwargs: Any) -> Response:
    """Change the records of a response, as dlt's example does."""
    payload = response.json()
    for record in payload:
        record["custom_field"] = "foobar"
        record.pop("email", None)
    response._content = json.dumps(payload).encode("utf-8")
    return response


def actions(base_url: str) -> Record:
    """Response actions: a status that is ignored, and functions."""
    return {
        "client": {"base_url": base_url},
        "resource_defaults": {"primary_key": "id", "write_disposition": "replace"},
        "resources": [
            {
                "name": "posts",
                "endpoint": {"paginator": {"type": "json_link", "next_url_path": "paging.next"}},
            },
            {
                "name": "optional",
                "endpoint": {
                    "path": "optional/{resources.posts.id}",
                    "response_actions": [
                        {"status_code": 404, "action": "ignore"},
                        set_encoding,
                        {"status_code": 200, "content": "some text", "action": add_and_remove_fields},
                    ],
                },
            },
        ],
    }


def special_auth(base_url: str) -> Record:
    """An auth object of an endpoint, in place of the client's auth."""
    return {
        "client": {"base_url": base_url, "auth": {"type": "bearer", "token": "the-token-of-dlt"}},
        "resource_defaults": {"primary_key": "id", "write_disposition": "replace"},
        "resources": [
            {"name": "issues", "endpoint": {"params": {"state": "all"}}},
            {"name": "reports", "endpoint": {"auth": HttpBasicAuth("reader", "the-password-of-dlt")}},
        ],
    }


def paginators(base_url: str) -> Record:
    """One endpoint for each type of paginator that the others have not, and one of a single object."""
    every: dict[str, Any] = {
        "items": {"type": "offset", "limit": PER_PAGE, "total_path": "total"},
        "numbered": {"type": "page_number", "base_page": 1, "total_path": None},
        "cursors": {"type": "cursor", "cursor_path": "pagination.next_cursor", "cursor_param": "cursor"},
        "tokens": {"type": "header_cursor", "cursor_key": "X-Next", "cursor_param": "page_token"},
        "status": "single_page",
    }
    return {
        "client": {"base_url": base_url},
        "resource_defaults": {"primary_key": "id", "write_disposition": "replace"},
        "resources": [
            {"name": name, "endpoint": {"path": name, "paginator": entry}} for name, entry in every.items()
        ],
    }


EXAMPLES: tuple[Callable[[str], Record], ...] = (
    blog,
    issues,
    issues_in_params,
    lists_of_names,
    related,
    groups,
    steps,
    events,
    actions,
    special_auth,
    paginators,
)
