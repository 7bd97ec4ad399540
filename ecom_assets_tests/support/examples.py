"""How many examples a property test tries: few in `make test`, many in `make test-slow`."""

from __future__ import annotations

from hypothesis import settings

FEW, MANY = "few", "many"
"""Profiles of Hypothesis. `make test-slow` passes the second one as `--hypothesis-profile`."""


def examples(times: float) -> settings:
    """Return settings for a property that needs more or fewer examples than others: so many times the profile's."""
    return settings(max_examples=max(1, round(settings().max_examples * times)))
