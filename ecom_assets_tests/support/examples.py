"""How much a test tries: few examples and parameters in `make test`, many in `make test-slow`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings

FEW, MANY = "few", "many"
"""Profiles of Hypothesis. `make test-slow` passes the second one as `--hypothesis-profile`."""


def examples(times: float) -> settings:
    """Return settings for a property that needs more or fewer examples than others: so many times the profile's."""
    return settings(max_examples=max(1, round(settings().max_examples * times)))


def slowly(values: Iterable[Any], *but: Any) -> list[Any]:
    """Return parameters that are left to `make test-slow`, but for some."""
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow)
        for value in values
        if value not in but
    ]
