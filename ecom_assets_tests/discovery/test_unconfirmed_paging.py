"""A full page is never the whole table, and a file with unconfirmed paging is neither checked nor loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.declaration.reading import load_shop
from ecom_assets.discovery.description.described_endpoint import DescribedEndpoint
from ecom_assets.discovery.description.offline import offline_draft
from ecom_assets.discovery.discover import DiscoveryOptions, discover
from ecom_assets.discovery.exploration.paging.pointers import derived_names
from ecom_assets.discovery.tables.described_fields import DescribedField, DescribedTable
from ecom_assets.extract.check.api_check import check
from ecom_assets.load.run import run_load
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.discovery.test_paging import THINGS, explored
from ecom_assets_tests.support.servers.list_api import Listed
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply
from ecom_assets_tests.support.servers.loopback import api as api

TABLE = DescribedTable({("id",): DescribedField("bigint", "integer", False)})


def described(
    params: dict[str, Any],
    fields: dict[str, str] | None = None,
    headers: tuple[str, ...] = (),
    path: tuple[str, ...] = ("data",),
    table: DescribedTable = TABLE,
) -> DescribedEndpoint:
    """Return a described collection; `fields` has the type of each field around the records."""
    others = {
        tuple(name.split(".")): DescribedField(kind, kind)  # type: ignore[arg-type]
        for name, kind in (fields or {}).items()
    }
    about = {name: entry or {} for name, entry in params.items()}
    return DescribedEndpoint(
        "/things", params=about, records_path=path, other_fields=others, headers=headers, table=table
    )


def hidden(count: int, per_page: int) -> Any:
    """Return a server that shows the first page of a list alone, whatever it is asked for."""
    return lambda seen: json_reply({"data": THINGS[:count][:per_page]})


@pytest.mark.parametrize("per_page", [10, 20, 25, 100])
def test_a_full_page_is_never_the_whole_table(api: Loopback, per_page: int) -> None:
    api.answering = hidden(250, per_page)
    found = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/things"])).draft.tables[0].endpoint
    assert found is not None
    assert not found.complete
    assert any(f"{per_page} records came, which may be a full page" in note for note in found.notes)


def test_a_page_that_is_not_full_is_the_whole_table(api: Loopback) -> None:
    api.answering = hidden(17, 17)
    found = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/things"])).draft.tables[0].endpoint
    assert found is not None
    assert not [note for note in found.notes if "full page" in note]


@pytest.mark.parametrize("about", [{"default": 30}, {"maximum": 30}])
def test_a_page_of_the_described_size_is_not_all(
    api: Loopback, about: dict[str, int], tmp_path: Path
) -> None:
    api.answering = hidden(250, 30)
    known = {"/things": described({"pageSize": about})}
    options = DiscoveryOptions("shop", api.base_url, endpoints=["/things"], described=known)
    text = discover(options).text
    (key,) = about
    assert f"unconfirmed: the described {key} of pageSize, 30, says that there are more records" in text
    assert_refused(text, tmp_path)


def test_a_list_that_says_there_is_more_is_refused_until_it_is_confirmed(
    api: Loopback, tmp_path: Path
) -> None:
    api.answering = lambda seen: json_reply({"data": THINGS[:7], "has_more": True})
    assert_refused(discover(DiscoveryOptions("shop", api.base_url, endpoints=["/things"])).text, tmp_path)


def test_offline_without_described_paging_nothing_loads_until_it_is_confirmed(
    api: Loopback, tmp_path: Path
) -> None:
    api.answering = hidden(250, 10)
    known = {"/things": described({"currency": None})}
    options = DiscoveryOptions("shop", api.base_url, endpoints=["/things"], described=known, offline=True)
    text = discover(options).text
    assert not api.seen
    assert "unconfirmed: no paging is described" in text
    assert_refused(text, tmp_path)
    api.answering = hidden(7, 10)
    lines = [line for line in text.splitlines() if "unconfirmed" not in line]
    shop = written(tmp_path, "\n".join(lines))
    assert not [entry for entry in check(shop) if entry.result == "failed"]
    assert run_load(shop, ["things"], (), warehouse=DuckDbWarehouse(tmp_path / "w.duckdb", 20)).errors == {}


ONLY_PAGES: list[tuple[Any, dict[str, str]]] = [
    (
        lambda address: {"data": THINGS[:3], "links": {"next": f"{address}/things"}},
        {"next_url_path": "links.next"},
    ),
    (lambda address: {"data": THINGS[:3], "pageInfo": {"hasNextPage": False, "endCursor": "abc"}}, {}),
    (lambda address: {"data": THINGS[:3], "next_cursor": "", "has_more": False}, {}),
    (lambda address: {"data": THINGS[:3], "token": "a1b2", "last_marker": 12}, {}),
]


@pytest.mark.parametrize(("body", "place"), ONLY_PAGES)
def test_the_only_page_of_a_list_is_loaded(
    api: Loopback, body: Any, place: dict[str, str], tmp_path: Path
) -> None:
    """A link to itself, a cursor beside `hasNextPage: false` and unrelated fields are no sign of another page."""
    api.answering = lambda seen: json_reply(body(api.base_url))
    text = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/things"])).text
    assert "unconfirmed" not in text
    shop = written(tmp_path, text)
    assert place.items() <= (shop.client.paginator or {}).items()
    report = run_load(shop, ["things"], (), warehouse=DuckDbWarehouse(tmp_path / "w.duckdb", 20))
    assert report.errors == {}


def test_a_link_to_the_first_page_itself_shows_the_offset(api: Loopback) -> None:
    def answer(seen: Seen) -> Reply:
        begin = int(dict(seen.query).get("page[offset]", 0))
        return json_reply({"data": THINGS[:3][begin:], "links": {"next": f"/things?page[offset]={begin}"}})

    api.answering = answer
    found = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/things"])).draft.tables[0].endpoint
    assert found is not None
    assert found.paging.paginator == {"type": "offset", "offset_param": "page[offset]", "limit": 3}


def assert_refused(text: str, folder: Path) -> None:
    """See that both a check and a load refuse a file, and say what to do."""
    shop = written(folder, text)
    failed = [entry for entry in check(shop) if entry.result == "failed"]
    assert [(entry.resource, entry.what) for entry in failed] == [("things", "paging")]
    report = run_load(shop, ["things"], (), warehouse=DuckDbWarehouse(folder / "w.duckdb", 20))
    for message in (failed[0].detail, str(report.errors["things"])):
        assert "nobody has confirmed that the paginator reads all records" in message
        assert "declare endpoint.paginator, {type: single_page} if one answer holds everything" in message


def written(folder: Path, text: str) -> Any:
    file = folder / "shop.yaml"
    file.write_text(text, "utf-8")
    return load_shop(file)


@pytest.mark.parametrize(
    ("endpoint", "paginator", "total"),
    [
        (
            described({"page[number]": None, "page[size]": {"maximum": 50}}, {"meta.total": "bigint"}),
            {"type": "page_number", "base_page": 1, "page_param": "page[number]"},
            {"total_path": "meta.total"},
        ),
        (
            described(
                {"page[offset]": None, "page[limit]": None}, {"links.next": "text", "links.prev": "text"}
            ),
            {"type": "offset", "limit": 100, "offset_param": "page[offset]", "limit_param": "page[limit]"},
            None,
        ),
        (
            described(
                {}, {"_links.self.href": "text", "_links.next.href": "text", "page.totalElements": "bigint"}
            ),
            {"type": "json_link", "next_url_path": "_links.next.href"},
            {"total_path": "page.totalElements"},
        ),
        (
            described(
                {"first": None, "after": None},
                {
                    "pageInfo.startCursor": "text",
                    "pageInfo.endCursor": "text",
                    "pageInfo.hasNextPage": "bool",
                },
            ),
            {
                "type": "cursor",
                "cursor_path": "pageInfo.endCursor",
                "cursor_param": "after",
                "has_more_path": "pageInfo.hasNextPage",
            },
            None,
        ),
        (
            described({"starting_after": None, "limit": None}, {"has_more": "bool", "object": "text"}),
            {
                "type": "cursor",
                "cursor_path": "data[-1].id",
                "cursor_param": "starting_after",
                "has_more_path": "has_more",
            },
            None,
        ),
        (
            described({"since_id": None, "limit": None}, path=()),
            {"type": "cursor", "cursor_path": "$[-1].id", "cursor_param": "since_id"},
            None,
        ),
        (
            described({"NextToken": None, "MaxResultsPerPage": None}, {"payload.NextToken": "text"}),
            {"type": "cursor", "cursor_path": "payload.NextToken", "cursor_param": "NextToken"},
            None,
        ),
        (
            described({"cursor": None}, {}, ("X-Next-Cursor",)),
            {"type": "header_cursor", "cursor_key": "X-Next-Cursor", "cursor_param": "cursor"},
            None,
        ),
        (
            described({"offset": None, "limit": {"maximum": 25}}, {}, ("Content-Range",), ()),
            {"type": "offset", "limit": 25},
            {"total_header": "Content-Range"},
        ),
        (
            described({"pageNo": None, "recordsPerPage": None}, {"numFound": "bigint"}),
            {"type": "page_number", "base_page": 1, "page_param": "pageNo"},
            {"total_path": "numFound"},
        ),
    ],
)
def test_described_paging_is_written_offline(
    endpoint: DescribedEndpoint, paginator: dict[str, Any], total: dict[str, str] | None
) -> None:
    found = offline_draft(endpoint)
    assert found.paging.paginator == paginator
    assert (found.total.value if found.total else None) == total
    assert not found.unconfirmed


def test_described_edges_are_unwrapped_offline() -> None:
    table = DescribedTable(
        {
            ("cursor",): DescribedField("text", "string"),
            ("node", "id"): DescribedField("bigint", "integer", False),
            ("node", "updatedAt"): DescribedField("timestamp", "string date-time", False),
        }
    )
    params = {"after": None, "updatedAtMin": None}
    known = {"/things": described(params, {"pageInfo.endCursor": "text"}, path=("edges",), table=table)}
    options = DiscoveryOptions(
        "shop", "https://api.example.com", endpoints=["/things"], described=known, offline=True
    )
    text = discover(options).text
    assert "records: {wrapper: node}" in text
    assert "primary_key: id" in text
    assert "node" not in text.partition("columns:")[2]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("nextPageToken", ["pageToken", "nextPageToken"]),
        ("next_cursor", ["cursor", "next_cursor"]),
        ("NextToken", ["NextToken", "token"]),
        ("endCursor", ["after", "cursor", "endCursor"]),
        ("x-next-cursor", ["cursor", "next_cursor"]),
        ("next_start", ["start", "next_start"]),
        ("continuationToken", ["continuationToken"]),
        ("next", ["next"]),
    ],
)
def test_the_name_of_a_cursor_tells_its_parameter(name: str, params: list[str]) -> None:
    assert derived_names(name) == params


def test_links_that_never_end_are_not_followed(api: Loopback) -> None:
    """Each page has a link to the next one, also behind the last page; the link's own parameter counts."""

    def answer(seen: Seen) -> Reply:
        query = dict(seen.query)
        begin, size = int(query.get("start", 0)), min(int(query.get("limit", 20)), 50)
        following = f"{api.base_url}/things?start={begin + size}&limit={size}"
        return json_reply({"data": THINGS[begin : begin + size], "next": following})

    api.answering = answer
    found = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/things"])).draft.tables[0].endpoint
    assert found is not None
    assert found.paging.paginator == {"type": "offset", "offset_param": "start", "limit": 100}


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ({"data": {"0": {"sku": "a"}, "1": {"sku": "b"}}}, "numbered"),
        ({"data": {"A1": {"price": 1}, "B2": {"price": 2}}}, {"map_key": "id"}),
        ({"data": {"A1": {"sku": "A1"}, "B2": {"sku": "B2"}}, "total": 2}, "map"),
        ({"things": ["A1", "B2", "C3"]}, {"value": "thing"}),
        ([{"thing": {"id": 1}}, {"thing": {"id": 2}}], {"wrapper": "thing"}),
        ({"hits": {"hits": [{"_id": "1", "_score": 1.0, "_source": {"id": 1}}]}}, {"wrapper": "_source"}),
        ({"data": [{"id": 1, "attributes": {"a": 1}}, {"id": 2, "attributes": {"a": 2}}]}, None),
    ],
)
def test_the_shape_of_records_is_written_and_loads(
    api: Loopback, body: Any, shape: Any, tmp_path: Path
) -> None:
    api.answering = lambda seen: Reply(200, json.dumps(body), {"Content-Type": "application/json"})
    found = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/things"]))
    endpoint = found.draft.tables[0].endpoint
    assert endpoint is not None
    assert (endpoint.shape.value if endpoint.shape else None) == shape
    shop = written(tmp_path, found.text)
    report = run_load(shop, ["things"], (), warehouse=DuckDbWarehouse(tmp_path / "w.duckdb", 20))
    assert report.errors == {}
    assert sum(entry.kept for entry in report.resources["things"].windows) == len(endpoint.records)


def test_a_short_list_takes_the_keyset_paging_of_another(api: Loopback) -> None:
    """The place of the last key is named after each list."""

    def answer(seen: Seen) -> Reply:
        name = seen.path.strip("/")
        rows: Any = THINGS if name == "things" else THINGS[:1]
        after = int(dict(seen.query).get("since_id", 0))
        return json_reply({name: [row for row in rows if row["id"] > after][:20]})

    api.answering = answer
    tables = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/things", "/others"])).draft.tables
    paths = [table.endpoint.paging.paginator["cursor_path"] for table in tables if table.endpoint]
    assert paths == ["things[-1].id", "others[-1].id"]


def test_no_more_requests_than_allowed(api: Loopback) -> None:
    assert explored(api, Listed(THINGS, "cursor", "next_cursor", "limit", total="")).requests <= 12
