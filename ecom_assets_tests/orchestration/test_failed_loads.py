"""The windows whose last load failed are counted without asking Dagster about each window that there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance, asset, materialize

from ecom_assets.declaration.reading import BUNDLED_SHOPS, load_shop
from ecom_assets.orchestration.failed_loads import failed_loads
from ecom_assets.orchestration.partitions import partitions_def

SHOP = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
assert SHOP.partitions is not None
DEFINITION = partitions_def(SHOP.partitions)
KEY = AssetKey(["sandbox", "customers"])


def load(instance: DagsterInstance, window: str, *, fails: bool) -> None:
    """Run an asset for a window."""

    @asset(key=KEY, partitions_def=DEFINITION)
    def customers() -> None:
        if fails:
            raise ValueError("no answer")

    materialize([customers], partition_key=window, instance=instance, raise_on_error=False)


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    """Return an instance for which two of four windows failed, and one more until it was loaded again."""
    with DagsterInstance.ephemeral() as made:
        load(made, "2026-01-01", fails=False)
        for window in ("2026-01-02", "2026-01-03", "2026-01-04"):
            load(made, window, fails=True)
        load(made, "2026-01-03", fails=False)
        yield made


def count(instance: DagsterInstance) -> int:
    return failed_loads(SHOP, instance, {})["customers"]


def test_windows_that_failed_and_were_not_loaded_since_are_counted(instance: DagsterInstance) -> None:
    assert count(instance) == 2
    states = instance.get_status_by_partition(KEY, DEFINITION.get_partition_keys(), DEFINITION) or {}
    failed = [window for window, state in states.items() if state and state.value == "FAILED"]
    assert failed == ["2026-01-02", "2026-01-04"]


def test_what_dagster_remembers_is_brought_up_to_date(instance: DagsterInstance) -> None:
    assert count(instance) == 2
    load(instance, "2026-01-05", fails=True)
    assert count(instance) == 3
    for window in ("2026-01-02", "2026-01-04", "2026-01-05"):
        load(instance, window, fails=False)
    assert count(instance) == 0


def test_dagster_is_asked_about_the_windows_that_it_remembers(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = instance.get_status_by_partition

    def status(key: AssetKey, windows: Sequence[str], definition: Any) -> Any:
        asked.extend(windows)
        return real(key, windows, definition)

    monkeypatch.setattr(instance, "get_status_by_partition", status)
    assert count(instance) == 2
    assert asked == ["2026-01-02", "2026-01-04"]


def test_an_instance_that_remembers_nothing_is_asked_about_all(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = instance.event_log_storage
    monkeypatch.setattr(storage, "can_write_asset_status_cache", lambda: False)
    storage.wipe_asset_cached_status(KEY)
    assert count(instance) == 2
