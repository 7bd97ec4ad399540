"""The keys of dlt's configuration that shape requests: the client, auth, paginators, endpoints and windows."""

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
_SECRET = "It never stands in a file: the shop's secrets hold it. Null means the same as leaving it out."
_SECRET_INSTEAD = "the shop's secrets: the environment, .dlt/secrets.toml or the Dagster resource"
_OBJECT = "an object cannot be written into a file, and its paging cannot be verified"

TOP = DltSection(
    "The configuration",
    "",
    ("RESTAPIConfig",),
    (
        as_it_is("client", "How to reach the API."),
        in_our_way(
            "resources",
            "Mappings, and plain texts: `orders` means `{name: orders, endpoint: {path: orders}}`. A DltResource is "
            "refused, because its reading cannot be verified.",
        ),
        in_our_way(
            "resource_defaults",
            "Merged into every resource, mappings deeply (dlt merges only `params`, `json` and `columns`). It may "
            "hold the keys that [The keys](keys.md#resource_defaults) lists.",
        ),
    ),
)

CLIENT = DltSection(
    "The client",
    "client",
    ("ClientConfig",),
    (
        in_our_way(
            "base_url",
            "An address with https, without a query. `allow_http: true` allows plain http to other hosts.",
        ),
        as_it_is("headers", "Headers of each request. A secret among them is refused."),
        in_our_way(
            "auth",
            "One auth kind, as a mapping or as its bare type, or a list of several. Secrets stand elsewhere.",
        ),
        in_our_way(
            "paginator",
            "As a mapping or as its bare type. Without one, an endpoint is one page: dlt's detection looks at the "
            "first response, and if it finds a next page, the load fails and names the paginator to declare.",
        ),
        refused(
            "session",
            "the project signs, retries and limits requests in a session of its own",
            "policy for timeout, retries and rate limit, and client.auth for signing",
        ),
    ),
)

PAGINATOR_TYPES = DltSection(
    "Types of paginators",
    "paginator.type",
    ("PaginatorType",),
    (
        as_it_is("json_link", "The address of the next page is in the body."),
        in_our_way("json_response", "dlt's old name of `json_link`."),
        as_it_is("header_link", "The address of the next page is in the `Link` header."),
        as_it_is("header_cursor", "A cursor in a header."),
        refused(
            "auto",
            "nothing can prove that a guessed paginator reads every page",
            "the type and its keys; leave it out, and `ecom-assets check` names what dlt detects",
        ),
        as_it_is("single_page", "The response is everything."),
        as_it_is("cursor", "A cursor in the body."),
        in_our_way("offset", "Pages overlap by one record, so that a list that changes is noticed."),
        as_it_is("page_number", "Pages by number."),
    ),
)

_HAS_MORE = as_it_is("has_more_path", "JSONPath to true or false: whether there are more pages.")
_EMPTY_PAGE = as_it_is("stop_after_empty_page", "True ends reading at a page without records.")
_TOTAL = "The number of records of the requested list. The records must add up to it."

PAGE_NUMBER = DltSection(
    "Paginator `page_number`",
    "paginator",
    ("PageNumberPaginatorConfig",),
    (
        as_it_is("type", "`page_number`."),
        as_it_is("base_page", "The number of the API's first page."),
        as_it_is("page", "The first page to read."),
        as_it_is("page_param", "The parameter that takes the page number."),
        in_our_way(
            "total_path",
            f"{_TOTAL} In dlt it is the number of pages, which proves nothing about records: a path that ends in a "
            "name such as `total_pages` is refused. There is no default; reading ends at an empty page.",
            "the path of the number of records, or no total_path: reading then ends at the first page without records",
        ),
        as_it_is("maximum_page", "Reading ends before this page."),
        _EMPTY_PAGE,
        _HAS_MORE,
        as_it_is("page_body_path", "Where the JSON body takes the page number."),
    ),
)
OFFSET = DltSection(
    "Paginator `offset`",
    "paginator",
    ("OffsetPaginatorConfig",),
    (
        as_it_is("type", "`offset`."),
        as_it_is("limit", "Records per page."),
        as_it_is("offset", "The offset of the first page."),
        as_it_is("offset_param", "The parameter that takes the offset."),
        as_it_is("offset_body_path", "Where the JSON body takes the offset."),
        as_it_is("limit_param", "The parameter that takes the page size."),
        as_it_is("limit_body_path", "Where the JSON body takes the page size."),
        in_our_way("total_path", f"{_TOTAL} There is no default; reading ends at an empty page."),
        as_it_is("maximum_offset", "The offset at which reading ends."),
        _EMPTY_PAGE,
        _HAS_MORE,
    ),
)
LINK_PAGINATORS = DltSection(
    "Paginators with links and cursors",
    "paginator",
    (
        "HeaderLinkPaginatorConfig",
        "JSONLinkPaginatorConfig",
        "JSONResponseCursorPaginatorConfig",
        "HeaderCursorPaginatorConfig",
    ),
    (
        as_it_is("type", "`header_link`, `json_link`, `cursor` or `header_cursor`."),
        as_it_is("links_next_key", "`header_link`: the relation of the next page."),
        as_it_is("next_url_path", "`json_link`: JSONPath to the address of the next page."),
        as_it_is("cursor_path", "`cursor`: JSONPath to the cursor."),
        as_it_is("cursor_param", "`cursor` and `header_cursor`: the parameter that takes the cursor."),
        as_it_is("cursor_body_path", "`cursor`: where the JSON body takes the cursor."),
        _EMPTY_PAGE,
        _HAS_MORE,
        as_it_is("cursor_key", "`header_cursor`: the header with the cursor."),
    ),
)

AUTH_TYPES = DltSection(
    "Types of auth",
    "auth.type",
    ("AuthType",),
    (
        as_it_is("bearer", "A token in the header `Authorization`."),
        as_it_is("api_key", "A key in a header or a parameter."),
        as_it_is("http_basic", "User name and password."),
        as_it_is("oauth2_client_credentials", "A token that the API gives out."),
    ),
)
AUTH = DltSection(
    "Auth",
    "auth",
    (
        "BearerTokenAuthConfig",
        "ApiKeyAuthConfig",
        "HttpBasicAuthConfig",
        "OAuth2ClientCredentialsConfig",
    ),
    (
        as_it_is("type", "The auth kind. Without it, a mapping with `token` is `bearer`."),
        in_our_way("token", f"`bearer`: {_SECRET}", _SECRET_INSTEAD),
        as_it_is("name", "`api_key`: the header or parameter that carries the key."),
        in_our_way("api_key", f"`api_key`: {_SECRET}", _SECRET_INSTEAD),
        in_our_way("location", "`api_key`: `header`, `query` or `param`. No cookies are sent."),
        in_our_way("username", f"`http_basic`: {_SECRET}", _SECRET_INSTEAD),
        in_our_way("password", f"`http_basic`: {_SECRET}", _SECRET_INSTEAD),
        in_our_way(
            "access_token", f"`oauth2_client_credentials`: requested when needed. {_SECRET}", _SECRET_INSTEAD
        ),
        as_it_is("access_token_url", "`oauth2_client_credentials`: the address that gives out tokens."),
        in_our_way("client_id", f"`oauth2_client_credentials`: {_SECRET}", _SECRET_INSTEAD),
        in_our_way("client_secret", f"`oauth2_client_credentials`: {_SECRET}", _SECRET_INSTEAD),
        as_it_is(
            "access_token_request_data",
            "`oauth2_client_credentials`: further fields of the request for a token.",
        ),
        as_it_is("default_token_expiration", "`oauth2_client_credentials`: seconds that a token is valid."),
        refused(
            "session",
            "the project sends the request for a token in a session of its own",
            "policy for timeout, retries and rate limit",
        ),
    ),
)

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
            "JSONPath to the list of records; the whole response unless given. If that is an object, the load fails "
            "and names its keys, where dlt guesses.",
        ),
        in_our_way(
            "response_actions",
            "`ignore` treats a response as an empty page and reads on. Functions only in Python.",
        ),
        as_it_is("incremental", "Windows, by a cursor."),
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
            "The start of the first window. It must be the instant of `partitions.start`.",
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
            "Seconds to read again before a window. `policy.lookback` says it for the whole shop, and must be at "
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
            "A window includes its start.",
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
            "format, in a file: a named one, or a strftime pattern",
        ),
        as_it_is("start_param", "The parameter that takes the start of a window."),
        as_it_is("end_param", "The parameter that takes the end of a window."),
    ),
)

RESPONSE_ACTION = DltSection(
    "Response actions",
    "endpoint.response_actions[]",
    ("ResponseActionDict",),
    (
        as_it_is("status_code", "The status that the action is for."),
        as_it_is("content", "A text in the body that the action is for."),
        in_our_way(
            "action",
            "`ignore` makes an empty page. In Python also a function, or a list of functions; one that raises fails "
            "the resource.",
        ),
    ),
)

REQUEST_SECTIONS = (
    TOP,
    CLIENT,
    PAGINATOR_TYPES,
    PAGE_NUMBER,
    OFFSET,
    LINK_PAGINATORS,
    AUTH_TYPES,
    AUTH,
    ENDPOINT,
    RESOLVE_PARAM,
    INCREMENTAL,
    RESPONSE_ACTION,
)
