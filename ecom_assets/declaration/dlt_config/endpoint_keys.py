"""The keys of dlt's configuration for the requests of one endpoint, and for its windows."""

from __future__ import annotations

from ecom_assets.declaration.dlt_config.key import (
    DltSection,
    as_it_is,
    in_our_way,
    no_effect,
    only_in_python,
    refused,
)

_BOOLEAN = {"type": "boolean"}

ENDPOINT = DltSection(
    "The endpoint",
    "endpoint",
    ("Endpoint",),
    (
        in_our_way(
            "path",
            "A path below `base_url`; the resource's name unless given. A whole address is refused. A `path` in "
            "`resource_defaults` applies to the resources without one, where dlt ignores it.",
        ),
        as_it_is("method", "`GET` or `POST`."),
        in_our_way(
            "params",
            "Texts, numbers, true, false or lists. `{type: resolve}` and `{type: incremental}` mean the same as a "
            "placeholder and as `incremental`. True and false are written as in JSON.",
        ),
        as_it_is("json", "The JSON body."),
        in_our_way(
            "data",
            "A mapping is sent as a form, a text as it is. Bytes and files are refused. Not with `json`.",
        ),
        in_our_way("paginator", "As under `client`; overrides it."),
        in_our_way(
            "data_selector",
            "JSONPath to the list of records. Without it, the response is the list, or an object in which dlt's guess "
            "finds the list, or one record. Here the guess counts only if the records have the primary key; otherwise "
            "the load fails and names the object's keys.",
        ),
        in_our_way(
            "response_actions",
            "`ignore` treats a response as an empty page and reads on. Functions only in Python.",
        ),
        as_it_is("incremental", "Windows by a cursor, or without `partitions` all that is new by it."),
        in_our_way(
            "auth", "As under `client`; this endpoint's requests are signed with it instead of the client's."
        ),
        as_it_is("headers", "Headers of each request; may hold placeholders."),
    ),
)

RESOLVE_PARAM = DltSection(
    "A parameter with `type: resolve`",
    "endpoint.params.*",
    ("ResolveParamConfig",),
    (
        as_it_is("type", "`resolve`."),
        in_our_way(
            "resource", "The parent. The path's `{parameter}` becomes `{resources.<resource>.<field>}`."
        ),
        in_our_way("field", "The field of the parent, with dots. A JSONPath with brackets is refused."),
    ),
)

INCREMENTAL = DltSection(
    "Windows",
    "endpoint.incremental",
    ("IncrementalConfig", "IncrementalParamConfig"),
    (
        as_it_is(
            "type",
            "Only in `params`: `incremental`. The parameter takes the start of a window, as `start_param`.",
        ),
        in_our_way("cursor_path", "The path of a declared column, with dots. A leading `$.` is left out."),
        in_our_way(
            "initial_value",
            "Without `partitions`, the cursor of the first load, as in dlt; later loads read on from the "
            "[cursor in the ledger](declaration.md#without-windows). With `partitions`, the start of the first window: "
            "it must be the instant of `partitions.start`.",
            "partitions.start, at which the first window begins",
        ),
        in_our_way(
            "last_value_func",
            "`max`: windows follow the greatest cursor.",
            "a cursor that only grows, such as updated_at; windows cannot follow min or a function",
            takes=("max",),
            schema={"enum": ["max", None]},
        )._replace(has_no_effect=True),
        refused(
            "primary_key",
            "records on the border of two windows belong to exactly one, so no second key tells them apart",
            "the primary_key of the resource",
        ),
        refused(
            "end_value",
            "windows have no fixed end: a run loads the windows that you choose",
            "a backfill of the windows up to that value",
        ),
        no_effect(
            "row_order",
            "Every page of a window is read, whatever its order.",
            "asc or desc",
            takes=("asc", "desc"),
            schema={"enum": ["asc", "desc", None]},
        ),
        no_effect(
            "allow_external_schedulers",
            "Dagster's partitions always give the window.",
            schema=_BOOLEAN,
        ),
        in_our_way(
            "lag",
            "How far to read again. Without `partitions`: seconds, days of a date, the difference of other numbers. "
            "With `partitions`, seconds before a window; `policy.lookback` says it for the whole shop, and must be at "
            "least as much.",
            "policy.lookback of at least as many seconds",
        ),
        no_effect(
            "on_cursor_value_missing",
            "A record without a cursor goes to `rejected_rows`, with `raise` and with `exclude`.",
            "raise or exclude; a record without a cursor belongs to no window",
            takes=("raise", "exclude"),
            schema={"enum": ["raise", "exclude", None]},
        ),
        no_effect(
            "range_start",
            "A window, or a reading from a cursor, includes its start.",
            "closed; bounds says which ends the API's parameters include",
            takes=("closed",),
            schema={"enum": ["closed", None]},
        ),
        no_effect(
            "range_end",
            "A window excludes its end, so that a record lies in exactly one.",
            "open; bounds says which ends the API's parameters include",
            takes=("open",),
            schema={"enum": ["open", None]},
        ),
        only_in_python(
            "convert",
            "A function that gets the bound of a window, written in `format`, and returns what the API takes.",
            "format: a named one such as unix, or a strftime pattern",
        ),
        as_it_is("start_param", "The parameter that takes the start of a window."),
        in_our_way(
            "end_param",
            "The parameter that takes the end of a window. Without `partitions` it is not sent, as in dlt without "
            "`end_value`.",
        ),
    ),
)

RESPONSE_ACTION = DltSection(
    "Response actions",
    "endpoint.response_actions[]",
    ("ResponseActionDict",),
    (
        as_it_is("status_code", "The status that the action is for."),
        in_our_way(
            "content",
            "With `ignore`, the whole body, or one text in the JSON body of an error. With a function, a text that is "
            "somewhere in the body, as in dlt.",
        ),
        in_our_way(
            "action",
            "`ignore` makes an empty page. In Python also a function, or a list of functions; one that raises fails "
            "the resource.",
        ),
    ),
)

ENDPOINT_SECTIONS = (ENDPOINT, RESOLVE_PARAM, INCREMENTAL, RESPONSE_ACTION)
