"""Side by side: the configurations of dlt's documentation, loaded by dlt and by this project from one dictionary.

The tables have the same rows. What differs stands here, and with the reasons in `docs/from-dlt.md`:

- dlt's columns `_dlt_id` and `_dlt_load_id`. Here only a merged snapshot has `_dlt_load_id`.
- A list within records is a nested table in dlt, and JSON here. The tests put dlt's nested rows into their records.
- An empty list is `[]` here. In dlt it makes no nested row.
- `APPENDED`: without a `write_disposition`, dlt appends the same rows at each load. Here a snapshot is replaced.
- `AT_LAST_CURSOR`: dlt drops a record with the last cursor if it comes again, and does not read its children.
  Here the children of all records of a window are read, and one of them is new.
- `REFUSED`: what fails here with a line that says what to change, while dlt loads it.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.sources.rest_api import rest_api_source

from ecom_assets import build_defs, rest_api_shop
from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.windows import windows_between
from ecom_assets.foundation.errors import DeclarationError
from ecom_assets.load.run import run_load
from ecom_assets.orchestration.status import status_spec
from ecom_assets_tests.support.servers.dlt_examples import EXAMPLES, blog, lists_of_names
from ecom_assets_tests.support.servers.example_api import ExampleApi, children
from ecom_assets_tests.support.servers.loopback import Loopback
from ecom_assets_tests.support.servers.loopback import api as api

Rows = list[dict[str, Any]]

APPENDED = ("blog",)
"""The examples without a write disposition. Of dlt's rows, only those of the last load are compared."""

FAST = ("issues", "events")
"""The examples that the fast tests load. The slow tests load all of them."""

STARTS = (datetime(2024, 1, 25, tzinfo=timezone.utc), datetime(2024, 1, 30, tzinfo=timezone.utc))
"""The first windows of the two loads. dlt keeps the last cursor of the first load, which is of the second day."""

AT_LAST_CURSOR = 5
"""The issue that the second load brings again, because its cursor is the last one of the first load."""

END = datetime(2024, 2, 5, tzinfo=timezone.utc)


def table_rows(file: str, table: str) -> Rows:
    """Return the rows of a table, with nulls left out."""
    with duckdb.connect(file, read_only=True) as connection:
        found = connection.execute(f'select * from example."{table}"')
        names = [column[0] for column in found.description or ()]
        return [
            {name: value for name, value in zip(names, row, strict=True) if value is not None}
            for row in found.fetchall()
        ]


def table_names(file: str) -> list[str]:
    with duckdb.connect(file, read_only=True) as connection:
        query = "select table_name from information_schema.tables where table_schema = 'example'"
        return sorted(name for (name,) in connection.execute(query).fetchall() if not name.startswith("_dlt"))


def rows_of_dlt(file: str, table: str, *, last_load_only: bool) -> Rows:
    """Return dlt's rows of a table, with those of its nested tables as lists, and without dlt's own columns."""
    rows = table_rows(file, table)
    if last_load_only:
        last = max(row["_dlt_load_id"] for row in rows)
        rows = [row for row in rows if row["_dlt_load_id"] == last]
    lists = [name for name in table_names(file) if name.startswith(f"{table}__")]
    for name in lists:
        for entry in sorted(table_rows(file, name), key=lambda entry: entry["_dlt_list_idx"]):
            own = without_own_columns(entry)
            for parent in (row for row in rows if row["_dlt_id"] == entry["_dlt_parent_id"]):
                parent.setdefault(name.removeprefix(f"{table}__"), []).append(own.get("value", own))
    return list(map(without_own_columns, rows))


def without_own_columns(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.startswith("_dlt")}


def our_rows(file: str, table: str) -> Rows:
    """Return our rows of a table, with lists as Python has them and without empty lists."""
    rows = [without_own_columns(row) for row in table_rows(file, table)]
    for row in rows:
        for name, value in list(row.items()):
            if isinstance(value, str) and value.startswith("["):
                row[name] = json.loads(value)
            if row[name] == []:
                del row[name]
    return rows


def ordered(rows: Rows) -> list[str]:
    """Return rows as texts in an order that depends on their values only."""
    as_numbers = [
        {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}
        for row in rows
    ]
    return sorted(str(sorted(row.items())) for row in as_numbers)


def types_of(file: str, table: str) -> dict[str, str]:
    """Return the types of a table's columns, without dlt's own and without lists."""
    with duckdb.connect(file, read_only=True) as connection:
        found = connection.execute(f'describe example."{table}"').fetchall()
    return {name: kind for name, kind, *_ in found if not name.startswith("_dlt") and kind != "JSON"}


def load_ours(shop: Shop, start: datetime) -> None:
    """Load all tables of a shop, the windowed ones from a day on."""
    if names := [resource.name for resource in shop.snapshot_resources()]:
        assert run_load(shop, names).errors == {}
    if names := [resource.name for resource in shop.windowed_resources()]:
        assert shop.partitions
        assert run_load(shop, names, windows_between(shop.partitions, start, END)).errors == {}


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(example, id=example.__name__, marks=() if example.__name__ in FAST else pytest.mark.slow)
        for example in EXAMPLES
    ],
)
def test_the_same_dictionary_makes_the_same_tables(
    example: Callable[[str], dict[str, Any]], api: Loopback, tmp_path: Path
) -> None:
    server = ExampleApi()
    api.answering = server
    config: Any = example(api.base_url)
    shop = rest_api_shop("example", copy.deepcopy(config), partitions={"start": "2024-01-25"})
    theirs, ours = str(tmp_path / "dlt.duckdb"), os.environ["ECOM_WAREHOUSE"]
    pipeline = dlt.pipeline(
        f"example_{example.__name__}",
        destination=dlt.destinations.duckdb(theirs),
        dataset_name="example",
        pipelines_dir=str(tmp_path / "pipelines"),
    )
    appended = example.__name__ in APPENDED
    for second, start in enumerate(STARTS):
        server.second = bool(second)
        pipeline.run(rest_api_source(copy.deepcopy(config)))
        load_ours(shop, start)
        for name in (table.name for table in shop.tables):
            by_dlt = rows_of_dlt(theirs, name, last_load_only=appended)
            assert by_dlt
            if second and name == "issue_comments":
                by_dlt += [{**entry, "_issues_id": AT_LAST_CURSOR} for entry in children(105, second=True)]
            assert ordered(our_rows(ours, name)) == ordered(by_dlt), name
            assert types_of(ours, name) == types_of(theirs, name), name


def test_each_example_has_assets(tmp_path: Path) -> None:
    for example in EXAMPLES:
        shop = rest_api_shop(
            "example", example("https://api.example.com"), partitions={"start": "2024-01-25"}
        )
        keys = build_defs(shops=[shop]).resolve_asset_graph().get_all_asset_keys()
        assert {key.path[-1] for key in keys} == {
            status_spec(shop).key.path[-1],
            *(table.name for table in shop.tables),
        }


@dlt.resource
def repositories() -> Any:
    """Yield names that no endpoint has, as an example of dlt does."""
    yield [{"name": "first"}, {"name": "second"}]


def _without_key(config: dict[str, Any]) -> None:
    del config["resource_defaults"]["primary_key"]


def _with_resource(config: dict[str, Any]) -> None:
    config["resources"].append(repositories())


def _with_whole_address(config: dict[str, Any]) -> None:
    config["resources"][0] = {"name": "posts", "endpoint": "https://other.example.com/posts"}


REFUSED: tuple[tuple[Callable[[str], dict[str, Any]], Callable[[dict[str, Any]], None], str], ...] = (
    (blog, _without_key, "resources[0].primary_key: found nothing"),
    (
        lists_of_names,
        _with_resource,
        "resources[3]: found an object of Python; allowed: a mapping with name and",
    ),
    (blog, _with_whole_address, "resources[0].endpoint: found 'https://other.example.com/posts'; allowed: "),
)
"""An example, what another example of dlt changes in it, and the line with which it is refused."""


@pytest.mark.parametrize(("example", "change", "message"), REFUSED)
def test_what_is_refused_says_what_to_change(
    example: Callable[[str], dict[str, Any]], change: Callable[[dict[str, Any]], None], message: str
) -> None:
    config: Any = example("https://api.example.com")
    change(config)
    rest_api_source(copy.deepcopy(config))  # dlt takes it
    with pytest.raises(DeclarationError) as caught:
        rest_api_shop("example", config)
    assert message in str(caught.value)
