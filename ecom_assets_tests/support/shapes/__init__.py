"""Shapes of APIs, each a server of its own with the declaration that loads it.

| what differs | shapes |
| --- | --- |
| no auth | local_time_no_filter |
| a key in a header, in the query | date_ranges, parent_children; twin_secrets |
| a key behind a word in a header | token_header_links |
| a key as Basic user with an empty password | basic_pages |
| a bearer token, a client's credentials | keyset_cursor; post_search |
| two secrets in the query, an extra one in the query | twin_secrets; unix_seconds |
| paging by offset, by number from 1, by number from 0 | twin_secrets, parent_children; basic_pages; unix_seconds |
| paging by cursor, by the last record's key | keyset_cursor; unix_seconds |
| paging by a link in the body, by a link in a header | token_header_links; twin_secrets |
| paging by a cursor in a header, none at all | date_ranges, keyset_cursor; local_time_no_filter |
| parameters of paging and filters with other names | twin_secrets, parent_children, unix_seconds |
| a largest page size, an unknown parameter refused | basic_pages; twin_secrets, keyset_cursor |
| total in the body, in a header, nowhere | twin_secrets, post_search; basic_pages; keyset_cursor, unix_seconds |
| rows in a named list, in a nested path, as the answer itself | unix_seconds; twin_secrets; basic_pages |
| static parameters: order, status, fields, true and false | basic_pages; unix_seconds; token_header_links |
| slashes at the end of a path | twin_secrets, token_header_links, parent_children |
| keys of other names, texts, UUIDs, addresses | post_search; twin_secrets; keyset_cursor; token_header_links |
| keys of two columns | twin_secrets, keyset_cursor, date_ranges |
| times with offsets, in microseconds | token_header_links; keyset_cursor |
| times without a zone: GMT, the shop's own | basic_pages; local_time_no_filter |
| days, Unix seconds, as texts, milliseconds | date_ranges; unix_seconds; post_search |
| filters that include both ends, neither | twin_secrets; basic_pages |
| filters that include the start, the end | keyset_cursor; parent_children |
| filters by days, without an end, none | date_ranges; token_header_links; local_time_no_filter |
| windows of hours, weeks, months | keyset_cursor; unix_seconds; date_ranges |
| the window in a search expression, in a JSON body | keyset_cursor; post_search |
| pages in a JSON body: offset, number, cursor | post_search |
| nested lists | basic_pages, post_search, parent_children |
| children by a field of the parent: path, parameter, of a snapshot, of children | parent_children |
| 404 for an empty page, for an empty child | basic_pages; parent_children |
| 204 for an empty answer | date_ranges, parent_children |
| money as text, empty for none, as integers and floats, in cents | basic_pages; twin_secrets; post_search |
"""

from __future__ import annotations

from ecom_assets_tests.support.shapes import (
    basic_pages,
    date_ranges,
    keyset_cursor,
    local_time_no_filter,
    parent_children,
    post_search,
    token_header_links,
    twin_secrets,
    unix_seconds,
)
from ecom_assets_tests.support.shapes.shape import Shape, Tables

__all__ = ["SHAPES", "Shape", "Tables"]

SHAPES: dict[str, Shape] = {
    module.SHAPE.name: module.SHAPE
    for module in (
        basic_pages,
        twin_secrets,
        token_header_links,
        keyset_cursor,
        post_search,
        unix_seconds,
        local_time_no_filter,
        date_ranges,
        parent_children,
    )
}
