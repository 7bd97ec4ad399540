"""The keys of dlt's configuration for reaching an API: the client, auth and paginators."""

from __future__ import annotations

from ecom_assets.declaration.dlt_config.key import (
    DltSection,
    as_it_is,
    in_our_way,
    refused,
)

_SECRET = "It never stands in a file: the shop's secrets hold it. Null means the same as leaving it out."
_SECRET_INSTEAD = "the shop's secrets: the environment, .dlt/secrets.toml or the Dagster resource"

TOP = DltSection(
    "The configuration",
    "",
    ("RESTAPIConfig",),
    (
        as_it_is("client", "How to reach the API."),
        in_our_way(
            "resources",
            "Mappings, and plain texts: `orders` means `{name: orders}`, whose path is `orders`. A DltResource is "
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
            "As a mapping or as its bare type. Without one, dlt's detection looks at the first response. A link or a "
            "cursor that it finds is followed. If it finds a number of pages, the load fails, because dlt only guesses "
            "how to request them: declare the paginator.",
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
        in_our_way(
            "auto", "Means the same as no paginator: links and cursors that dlt detects are followed."
        ),
        as_it_is("single_page", "The response is everything."),
        as_it_is("cursor", "A cursor in the body."),
        in_our_way("offset", "Pages overlap by one record, so that a list that changes is noticed."),
        as_it_is("page_number", "Pages by number."),
    ),
)

_HAS_MORE = as_it_is(
    "has_more_path",
    "JSONPath to true or false, 1 or 0, or a text such as `yes`: whether there are more pages.",
)
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
            f"{_TOTAL} In dlt it is the number of pages. A path that ends in a name such as `total_pages` means that "
            "here too, as `page_count_path`; the page behind the last one is asked for as well, because dlt would end "
            "early at a wrong number. There is no default; reading ends at an empty page.",
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

CONNECTION_SECTIONS = (
    TOP,
    CLIENT,
    PAGINATOR_TYPES,
    PAGE_NUMBER,
    OFFSET,
    LINK_PAGINATORS,
    AUTH_TYPES,
    AUTH,
)
