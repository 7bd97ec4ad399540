"""Views that unite a table of several shops: after each load they have all columns and all loaded shops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets.declaration.table.union import Union
from ecom_assets.foundation.errors import IngestError
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.load.schema_changes.diff import diff
from ecom_assets.load.schema_changes.reset import reset, tables_to_reset
from ecom_assets.load.unions import refresh_unions
from ecom_assets_tests.support.servers.loopback import Loopback, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place, parsed

NUMBER = {"data_type": "bigint"}
KEY = {"data_type": "bigint", "nullable": False}
UNIONS: dict[str, Any] = {"unions": [{"name": "orders"}]}


class Folder:
    """Three shops at one server, each with a table of orders, and the views over them."""

    def __init__(self, loopback: Loopback, place: Place, folder: Path) -> None:
        self.views = replace(place, dataset="all_shops")
        self.place = place
        self.lines: list[str] = []
        self.records: dict[str, list[dict[str, Any]]] = {}
        self._base_url = loopback.base_url
        self._folder = folder
        loopback.answering = lambda seen: json_reply({"data": self.records[seen.path.strip("/")], "total": 1})
        self.unite(UNIONS)
        for name in ("north", "south", "west"):
            self.declare(name, total=NUMBER)

    def unite(self, document: dict[str, Any]) -> None:
        """Write the file of unions."""
        (self._folder / "_unions.yaml").write_text(yaml.safe_dump(document), "utf-8")

    def declare(self, name: str, **columns: Any) -> None:
        """Write the declaration of a shop, and let the server have one record of it."""
        self.records.setdefault(name, [{"id": len(self.records) + 1, "total": 5}])
        resource = {
            "name": "orders",
            "primary_key": "id",
            "write_disposition": "merge",
            "endpoint": {"path": f"/{name}", "data_selector": "data", "paginator": "single_page"},
            "columns": {"id": KEY, **columns},
        }
        document = {"name": name, "client": {"base_url": self._base_url}, "resources": [resource]}
        (self._folder / f"{name}.yaml").write_text(yaml.safe_dump(document), "utf-8")

    def shop(self, name: str) -> Shop:
        return load_shop(self._folder / f"{name}.yaml")

    def load(self, name: str) -> RunReport:
        """Load a shop, and expect that nothing failed."""
        self.lines.clear()
        report = run_load(
            self.shop(name), ["orders"], warehouse=self.place.warehouse(), progress=self.lines.append
        )
        assert report.errors == {}
        return report

    def rows(self, columns: str = "shop, id, total") -> Sequence[tuple[Any, ...]]:
        return self.views.rows(f"select {columns} from all_shops.orders order by shop, id")


@pytest.fixture
def folder(place: Place, tmp_path: Path) -> Iterator[Folder]:
    with serving() as loopback:
        yield Folder(loopback, place, tmp_path)


@pytest.mark.slow
def test_a_view_in_a_lake(new_lake: Callable[..., Place], tmp_path: Path) -> None:
    with serving() as loopback:
        folder = Folder(loopback, new_lake(), tmp_path)
        folder.load("north")
        folder.declare("south", total={"data_type": "text"})
        (report,) = folder.load("south").unions
        assert "north.orders.total is" in str(report.error)
        assert folder.rows() == [("north", 1, 5)]
        folder.declare("north", total={"data_type": "text"}, note={"data_type": "text"})
        folder.load("north")
        assert folder.rows("shop, id, total, note") == [("north", 1, "5", None), ("south", 2, "5", None)]
        assert not folder.load("south").unions[0].changed


@pytest.mark.slow
def test_tables_change_while_others_write_the_view(new_database: Callable[..., str]) -> None:
    """On PostgreSQL no change of a table waits for ever, or is undone, because of a view over it."""
    place = Place("postgres", new_database(), dataset="all_shops")
    union = Union("all_shops", "orders", "orders", ("north", "south"), "shop")
    for name in ("north", "south"):
        place.write(
            f'create schema "{name}"',
            f'create table "{name}"."orders" (id bigint, total bigint)',
            f'insert into "{name}"."orders" values (1, 5)',
        )

    def change(name: str) -> list[str]:
        """Change a column there and back, as loads do, and write the view anew each time."""
        warehouse, problems = place.warehouse(), []
        for kind in ("numeric(18,2)", "bigint") * 15:
            with warehouse.transaction(name) as transaction:
                transaction.execute(f'alter table "{name}"."orders" alter column "total" type {kind}')
                transaction.execute(f'update "{name}"."orders" set total = 5')
            (report,) = refresh_unions([union], warehouse, lambda _: None)
            problems.append(str(report.error or ""))
        return problems

    with ThreadPoolExecutor() as threads:
        for problems in threads.map(change, ("north", "south")):
            assert {text for text in problems if "declare the column with one" not in text} <= {""}
    (report,) = refresh_unions([union], place.warehouse(), lambda _: None)
    assert report.error is None
    assert place.rows("select shop, id, total from all_shops.orders order by shop") == [
        ("north", 1, 5),
        ("south", 1, 5),
    ]


def test_a_view_unites_the_loaded_shops_and_says_which_are_left_out(folder: Folder) -> None:
    (report,) = folder.load("north").unions
    assert folder.rows() == [("north", 1, 5)]
    assert (report.shops, report.left_out) == (
        ("north",),
        {"south": "not loaded yet", "west": "not loaded yet"},
    )
    assert "the view all_shops.orders unites north" in folder.lines
    assert any("south is left out: not loaded yet" in line for line in folder.lines)
    folder.load("south")
    (report,) = folder.load("west").unions
    assert folder.rows() == [("north", 1, 5), ("south", 2, 5), ("west", 3, 5)]
    assert (report.shops, report.left_out, report.changed) == (("north", "south", "west"), {}, True)

    folder.records["west"].append({"id": 9, "total": 7})
    (report,) = folder.load("west").unions
    assert not report.changed, "rows are there without a new view"
    assert folder.rows()[-1] == ("west", 9, 7)


def test_a_column_of_some_shops_is_null_in_the_others(folder: Folder) -> None:
    folder.declare("south", note={"data_type": "text"}, extra={"data_type": "json"})
    folder.records["south"] = [{"id": 7, "note": "gift", "extra": {"a": 1}}]
    folder.load("north")
    folder.load("south")
    found = folder.rows("shop, total, note, extra")
    assert [(*row[:3], parsed(row[3]) if row[3] else None) for row in found] == [
        ("north", 5, None, None),
        ("south", None, "gift", {"a": 1}),
    ]


def test_a_column_that_changes_its_type_in_all_shops(folder: Folder) -> None:
    """In between the types differ: the load is kept, and says what the view lacks."""
    for name in ("north", "south"):
        folder.load(name)
        folder.declare(name, total={"data_type": "text"})
    (report,) = folder.load("north").unions
    error = str(report.error)
    assert "north.orders.total is" in error
    assert "south.orders.total is" in error
    assert "declare the column with one data_type" in error
    assert any(
        line.startswith("the view all_shops.orders failed: north.orders.total") for line in folder.lines
    )
    assert folder.place.rows("select total from north.orders") == [("5",)]
    (report,) = folder.load("south").unions
    assert report.error is None
    assert folder.rows() == [("north", 1, "5"), ("south", 2, "5")]


def test_a_column_is_renamed_and_a_table_is_reset(folder: Folder) -> None:
    for name in ("north", "south"):
        folder.load(name)
    folder.declare("north", amount={**NUMBER, "path": "total", "renamed_from": "total"})
    folder.load("north")
    assert folder.rows("shop, total, amount") == [("north", None, 5), ("south", 5, None)]
    shop, warehouse = folder.shop("north"), folder.place.warehouse()
    reset(shop, warehouse, tables_to_reset(shop, warehouse, ["orders"]), lambda _: None)
    assert folder.rows("shop, total") == [("south", 5)]
    folder.load("north")
    assert folder.rows("shop, total, amount") == [("north", None, 5), ("south", 5, None)]


def test_what_a_view_would_hide_or_replace_is_refused(folder: Folder) -> None:
    folder.unite({"unions": [{"name": "orders", "shop_column": "total"}]})
    (report,) = folder.load("north").unions
    assert str(report.error) == (
        "north.orders.total has the name of the column with the shop's name: give orders another shop_column in "
        "_unions.yaml"
    )
    folder.place.write('create schema "all_shops"', 'create table "all_shops"."orders" (id bigint)')
    folder.unite(UNIONS)
    (report,) = folder.load("north").unions
    assert "all_shops.orders is a table or a view that no load made" in str(report.error)
    folder.unite({"unions": [{"name": "orders"}], "dataset": Path(folder.place.where).stem})
    if folder.place.engine == "duckdb":
        (report,) = folder.load("north").unions
        assert "has the same name as the dataset" in str(report.error)


def test_a_wrong_file_of_unions_fails_no_load(folder: Folder) -> None:
    folder.unite({"unions": [{"name": "orders", "shops": ["nroth"]}]})
    assert folder.load("north").unions == ()
    assert any(
        "unions[0].shops[0]: found 'nroth'; allowed: north, south, west; did you mean north?" in line
        for line in folder.lines
    )


def test_a_union_that_is_removed_is_named_by_diff_and_dropped_by_reset(folder: Folder) -> None:
    """Also one that was renamed, or whose dataset was; one of a folder with another file is left alone."""
    folder.unite({"unions": [{"name": "orders"}, {"name": "all_orders", "table": "orders"}]})
    folder.load("north")
    folder.unite({"dataset": "views", "unions": [{"name": "orders"}]})
    folder.load("south")
    folder.unite({"dataset": "other", "unions": [{"name": "orders", "shops": ["west"]}]})
    folder.load("west")
    folder.unite({"unions": [{"name": "all_orders", "table": "orders"}]})
    warehouse, north = folder.place.warehouse(), folder.shop("north")

    found = {entry.table: entry.state for entry in diff(north, warehouse)}
    gone = {"all_shops.orders": "not declared", "views.orders": "not declared"}
    assert found == {"orders": "agrees", **gone}, "all_orders is declared, other.orders is of west"

    (view,) = tables_to_reset(north, warehouse, ["views.orders"])
    reset(north, warehouse, [view], folder.lines.append)
    assert {entry.table for entry in diff(north, warehouse)} == {"orders", "all_shops.orders"}
    assert folder.rows() == [("north", 1, 5)]
    with pytest.raises(IngestError, match=r"found 'views.orders'.*; allowed: orders, all_shops.orders"):
        tables_to_reset(north, warehouse, ["views.orders"])

    tables = tables_to_reset(north, warehouse, ["orders"])
    assert [entry.table for entry in tables] == ["orders", "all_shops.orders"]
    reset(north, warehouse, tables, folder.lines.append)
    assert {entry.table: entry.state for entry in diff(north, warehouse)} == {"orders": "new"}
    assert folder.views.rows("select shop, id from all_shops.all_orders order by 1") == [
        ("south", 2),
        ("west", 3),
    ]
