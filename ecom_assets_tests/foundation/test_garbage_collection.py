"""The garbage collector while pages are read or packages imported, and afterwards."""

from __future__ import annotations

import gc

from ecom_assets.foundation.garbage_collection import THRESHOLDS, relaxed_garbage_collection


def test_garbage_is_searched_seldom_within_one_of_these_blocks_and_then_as_before() -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(700, 10, 10)
        with relaxed_garbage_collection():
            with relaxed_garbage_collection():
                assert gc.get_threshold() == THRESHOLDS
            assert gc.get_threshold() == THRESHOLDS
        assert gc.get_threshold() == (700, 10, 10)
        gc.set_threshold(0, 10, 10)
        with relaxed_garbage_collection():
            assert gc.get_threshold() == (0, 10, 10)
    finally:
        gc.set_threshold(*before)
