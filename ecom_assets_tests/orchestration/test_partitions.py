"""Windows and Dagster's partitions are the same thing, in both directions."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ecom_assets.declaration.reading import Partitions
from ecom_assets.extract.windows import windows_between
from ecom_assets.orchestration.partitions import partitions_def, range_tags, windows_of

UTC = timezone.utc


@pytest.mark.parametrize("every", ["hour", "day", "week", "month"])
@pytest.mark.parametrize("start", ["2026-01-01", "2026-02-11T05:30:00+02:00"])
def test_partitions_are_the_closed_windows(every: str, start: str) -> None:
    """The same keys with the same bounds, up to the last closed one."""
    partitions = Partitions.model_validate({"every": every, "start": start})
    definition = partitions_def(partitions)
    now = datetime(2026, 5, 20, 13, 45, tzinfo=UTC)
    keys = definition.get_partition_keys(current_time=now)
    assert windows_of(definition, keys) == windows_between(partitions, partitions.start, now)
    assert len(keys) > 1


def test_windows_are_in_plain_utc() -> None:
    """So that they compare and print like any other instant of the project."""
    definition = partitions_def(Partitions.model_validate({"every": "day", "start": "2026-01-01"}))
    (window,) = windows_of(definition, ["2026-03-29"])
    assert window.start == datetime(2026, 3, 29, tzinfo=UTC)
    assert window.end.tzinfo is UTC


def test_a_range_goes_from_the_earliest_to_the_latest() -> None:
    """Whatever the order they come in."""
    definition = partitions_def(Partitions.model_validate({"every": "day", "start": "2026-01-01"}))
    windows = windows_of(definition, ["2026-01-03", "2026-01-01", "2026-01-02"])
    assert range_tags(windows) == {
        "dagster/asset_partition_range_start": "2026-01-01",
        "dagster/asset_partition_range_end": "2026-01-03",
    }
