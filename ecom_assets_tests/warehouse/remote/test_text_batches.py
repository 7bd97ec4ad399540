"""Texts of rows are put into as few lists as their sizes allow, in their order."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.warehouse.remote.text_batches import text_batches

MOST = 20


@given(st.lists(st.text("aä€", max_size=MOST), max_size=20), st.none() | st.integers(1, 4))
def test_each_list_is_as_long_as_it_may_be(texts: list[str], most: int | None) -> None:
    batches = list(text_batches(texts, MOST, most))
    assert [text for batch in batches for text in batch] == texts

    def fits(batch: list[str]) -> bool:
        return len(",".join(batch).encode()) <= MOST and (most is None or len(batch) <= most)

    assert all(fits(batch) or len(batch) == 1 for batch in batches)
    assert not any(fits([*batch, later[0]]) for batch, later in pairwise(batches) if fits(batch))
