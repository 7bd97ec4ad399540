"""Every shape of API loads by its declaration alone, to the row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.support import shapes
from ecom_assets_tests.support.examples import slowly
from ecom_assets_tests.support.shapes import SHAPES, Shape, Tables


class Loads:
    """A served shape, and a warehouse to load it into."""

    def __init__(self, shape: Shape, base_url: str, folder: Path) -> None:
        self.shape = shape
        self.base_url = base_url
        file = folder / f"{shape.name}.yaml"
        file.write_text(shape.declaration(base_url), encoding="utf-8")
        self.shop: Shop = load_shop(file)
        self.file = folder / "warehouse.duckdb"
        assert self.shop.partitions
        self.windows = windows_between(self.shop.partitions, shape.start, shape.end)
        self.windowed = [resource.name for resource in self.shop.windowed_resources()]
        self.snapshots = [resource.name for resource in self.shop.snapshot_resources()]

    def run(self, names: list[str], windows: tuple[Window, ...] = ()) -> RunReport:
        """Load, and see that nothing failed and nothing was rejected."""
        report = run_load(
            self.shop, names, windows, secrets=self.shape.secrets, warehouse=DuckDbWarehouse(self.file, 20)
        )
        assert report.errors == {}
        rejected = self.rows(f"select reasons, record from {self.shop.name}.rejected_rows")
        assert rejected == []
        return report

    def run_all(self) -> None:
        """Load all windows of the range at once, and all snapshots."""
        self.run(self.windowed, self.windows)
        if self.snapshots:
            self.run(self.snapshots)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        with duckdb.connect(str(self.file), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()

    def tables(self, expected: Tables) -> Tables:
        """Return the tables, of each the expected columns."""
        found: Tables = {}
        for name, rows in expected.items():
            columns = list(rows[0]) if rows else [column.name for column in self.shop.resource(name).columns]
            listed = ", ".join(f'"{column}"' for column in columns)
            found[name] = [
                dict(zip(columns, row, strict=True))
                for row in self.rows(f'select {listed} from {self.shop.name}."{name}"')
            ]
        return found


QUICK = ("date_ranges", "unix_seconds")
"""The shapes whose windows are loaded one by one in the fast tests: windows as dates and as numbers."""


def in_order(tables: Tables) -> Tables:
    """Return tables with their rows in a fixed order."""
    return {name: sorted(rows, key=lambda row: repr(list(row.values()))) for name, rows in tables.items()}


@pytest.fixture(params=["basic_pages", "parent_children", *slowly(SHAPES, "basic_pages", "parent_children")])
def loads(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Loads]:
    """Serve a shape and return it with an empty warehouse."""
    shape = SHAPES[request.param]
    with shape.serve() as base_url:
        yield Loads(shape, base_url, tmp_path)


def test_all_that_the_api_has_is_in_the_tables_and_a_reload_changes_nothing(loads: Loads) -> None:
    expected = loads.shape.tables(loads.base_url)
    assert set(expected) == {resource.name for resource in loads.shop.resources}
    for _ in range(2):
        loads.run_all()
        latest = (
            "qualify row_number() over (partition by resource, partition_key order by loaded_at desc) = 1"
        )
        assert dict(
            loads.rows(
                "select resource, sum(kept)::bigint from "
                f"(select * from {loads.shop.name}.load_ledger {latest}) group by 1"
            )
        ) == {name: len(rows) for name, rows in expected.items()}
        found = in_order(loads.tables(expected))
        for name, rows in in_order(expected).items():
            assert found[name] == rows


def test_the_table_of_shapes_names_each_and_no_other() -> None:
    table = [line.split("|")[2] for line in (shapes.__doc__ or "").splitlines() if line.startswith("| ")][2:]
    assert set(re.findall(r"[a-z_]+", " ".join(table))) == set(SHAPES)


@pytest.mark.parametrize(
    "loads",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SHAPES],
    indirect=True,
)
def test_windows_one_by_one_equal_the_range(loads: Loads) -> None:
    expected = {
        name: rows for name, rows in loads.shape.tables(loads.base_url).items() if name in loads.windowed
    }
    for window in loads.windows[::-1]:
        loads.run(loads.windowed, (window,))
    assert in_order(loads.tables(expected)) == in_order(expected)
