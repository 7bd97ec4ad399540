"""Tables put together: no row is lost, different schemas are not mixed, and no table waits forever."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.contract.result import ContractResult
from ecom_assets.extract.slicing import batching as batching
from ecom_assets.extract.slicing.batching import TableBatcher

NARROW = pa.schema([("id", pa.int64())])
WIDE = pa.schema([("id", pa.int64()), ("colour", pa.string())])
HINTS: dict[str, Any] = {"colour": {"data_type": "text", "nullable": True}}


def result_of(first: int, rows: int, wide: bool) -> ContractResult:
    ids = list(range(first, first + rows))
    if wide:
        return ContractResult(pa.table([ids, ["red"] * rows], schema=WIDE), range(rows), hints=HINTS)
    return ContractResult(pa.table([ids], schema=NARROW), range(rows))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30), st.integers(1, 12))
def test_every_row_is_handed_on_once_in_order_with_its_columns(
    slices: list[tuple[int, bool]], most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batching, "ROWS", most)
        batcher = TableBatcher(len(slices))
        ids: list[int] = []
        tables: list[tuple[pa.Table, Any]] = []
        for rows, wide in slices:
            before = len(ids)
            ids += range(before, before + rows)
            tables += batcher.add(result_of(before, rows, wide))
            handed_on = sum(table.num_rows for table, _ in tables)
            assert len(ids) - handed_on < most
    assert [row for table, _ in tables for row in table["id"].to_pylist()] == ids
    for table, hints in tables:
        assert hints == (HINTS if table.schema == WIDE else {})


def test_small_slices_become_one_table() -> None:
    batcher = TableBatcher(365)
    tables = [table for day in range(365) for table in batcher.add(result_of(day, 1, False))]
    assert [table.num_rows for table, _ in tables] == [365]


def test_a_slice_is_in_before_the_tables_ahead_of_it_are_handed_on() -> None:
    batcher = TableBatcher(4)
    assert [*batcher.add(result_of(0, 1, False))] == []
    # dlt takes the first table of one slice, turns to another slice, and then goes on
    turn = iter(batcher.add(result_of(1, 1, True)))
    tables = [next(turn), *batcher.add(result_of(2, 1, False)), *turn, *batcher.add(result_of(3, 1, False))]
    assert sorted(row for table, _ in tables for row in table["id"].to_pylist()) == [0, 1, 2, 3]


def test_slices_without_rows_still_make_a_table() -> None:
    batcher = TableBatcher(2)
    assert [*batcher.add(result_of(0, 0, False))] == []
    ((table, _),) = batcher.add(result_of(0, 0, False))
    assert (table.num_rows, table.schema) == (0, NARROW)
