"""Real runs of the definitions on an ephemeral instance, and what they reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckSeverity,
    AssetKey,
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
    JobDefinition,
)

from ecom_assets.declaration.reading import BUNDLED_SHOPS
from ecom_assets.definitions import defs
from ecom_assets.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
from ecom_assets_tests.support.warehouses.engines import SLOWLY, Place

WINDOWED = ("customers", "orders", "order_items")
SNAPSHOTS = ("products", "stores")
DAY = "2026-01-02"


@dataclass
class Runs:
    """Definitions, the instance they run on and the warehouse that they load."""

    defs: Definitions
    instance: DagsterInstance
    place: Place

    @property
    def file(self) -> Path:
        """Return the warehouse's file."""
        return Path(self.place.where)

    def load(self, *names: str, start: str, end: str | None = None) -> Outcome:
        """Load windowed resources (all unless named) for a partition, or for a range in one run."""
        selected = [AssetKey(["sandbox", name]) for name in names or WINDOWED]
        job = self.defs.resolve_job_def("sandbox_windows")
        if end is None:
            return self.run(job, partition_key=start, asset_selection=selected)
        return self.run(job, tags={RANGE_START_TAG: start, RANGE_END_TAG: end}, asset_selection=selected)

    def snapshots(self, *names: str) -> Outcome:
        """Load snapshots (all unless named)."""
        selected = [AssetKey(["sandbox", name]) for name in names or SNAPSHOTS]
        return self.run(self.defs.resolve_job_def("sandbox_snapshots"), asset_selection=selected)

    def check(self, *checks: tuple[str, str]) -> dict[tuple[str, str], AssetCheckEvaluation]:
        """Run checks alone, given as resource and name, the way the UI does."""
        keys = {AssetCheckKey(AssetKey(["sandbox", resource]), name) for resource, name in checks}
        job = self.defs.resolve_implicit_global_asset_job_def()
        return self.run(job.get_subset(asset_selection=set(), asset_check_selection=keys)).checks

    def run(self, job: JobDefinition, **arguments: Any) -> Outcome:
        """Run a job into this warehouse, from a sandbox with few orders."""
        # set for each run: every test changes the environment, and fixtures of a module live longer
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ECOM_WAREHOUSE", self.place.where)
            patch.setenv("ECOM_SANDBOX_ORDERS_PER_DAY", "20")
            return Outcome(job.execute_in_process(instance=self.instance, raise_on_error=False, **arguments))

    def verdict(self, resource: str, name: str) -> tuple[bool, AssetCheckSeverity, str]:
        """Run one check alone; return whether it passed, its severity and its description."""
        entry = self.check((resource, name))[resource, name]
        return entry.passed, entry.severity, entry.description or ""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Query the warehouse."""
        return self.place.rows(sql)

    def write(self, *statements: str) -> None:
        """Change the warehouse with SQL."""
        self.place.write(*statements)


@dataclass(frozen=True)
class Outcome:
    """What one run reported."""

    result: ExecuteInProcessResult

    @property
    def success(self) -> bool:
        """Return whether the run succeeded."""
        return self.result.success

    @property
    def materialised(self) -> dict[tuple[str, str | None], Mapping[str, Any]]:
        """Return the metadata of each materialization by resource and partition."""
        found = [
            event.materialization
            for event in self.result.all_events
            if event.event_type_value == "ASSET_MATERIALIZATION"
        ]
        return {
            (entry.asset_key.path[-1], entry.partition): {k: v.value for k, v in entry.metadata.items()}
            for entry in found
        }

    @property
    def checks(self) -> dict[tuple[str, str], AssetCheckEvaluation]:
        """Return the evaluation of each check by resource and name."""
        found = [
            event.asset_check_evaluation_data
            for event in self.result.all_events
            if event.event_type_value == "ASSET_CHECK_EVALUATION"
        ]
        return {(entry.asset_key.path[-1], entry.check_name): entry for entry in found}

    @property
    def failure(self) -> str:
        """Return the description of the failed step's Failure."""
        for event in self.result.all_events:
            if event.event_type_value == "STEP_FAILURE":
                data = event.step_failure_data
                return (data.user_failure_data and data.user_failure_data.description) or str(data.error)
        raise AssertionError("no step failed")

    @property
    def failure_metadata(self) -> Mapping[str, Any]:
        """Return the metadata of the failed step's Failure."""
        for event in self.result.all_events:
            if event.event_type_value == "STEP_FAILURE":
                data = event.step_failure_data
                found = data.user_failure_data.metadata if data.user_failure_data else {}
                return {name: value.value for name, value in found.items()}
        raise AssertionError("no step failed")

    @property
    def causes(self) -> list[str]:
        """Return the messages of the errors behind the Failure; there must be none."""
        found = []
        for event in self.result.all_events:
            if event.event_type_value == "STEP_FAILURE":
                error = event.step_failure_data.error
                below = error and error.cause
                while below and (below := below.cause or below.context):
                    found.append(below.message)
        return found


@contextmanager
def runs(folder: Path, defs: Definitions, place: Place | None = None) -> Iterator[Runs]:
    """Yield runs into the warehouse of a place, or into a new DuckDB file."""
    with DagsterInstance.ephemeral() as instance:
        yield Runs(defs, instance, place or Place("duckdb", str(folder / "warehouse.duckdb")))


def declare(folder: Path, *changes: tuple[str, str]) -> Path:
    """Write the bundled declaration with pieces of its text replaced, and return its folder."""
    text = (BUNDLED_SHOPS / "sandbox.yaml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sandbox.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module", params=SLOWLY)
def pristine(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    empty_place: Callable[[str], Place],
) -> Place:
    """Return a warehouse with one window of all tables, made by a real run."""
    with runs(tmp_path_factory.mktemp("pristine"), defs, empty_place(request.param)) as running:
        assert running.snapshots().success
        assert running.load(start=DAY).success
        return running.place


@pytest.fixture
def sandbox(pristine: Place, copy_of: Callable[[Place], Place], tmp_path: Path) -> Iterator[Runs]:
    """Return runs on a copy of that warehouse, which a test may change."""
    with runs(tmp_path, defs, copy_of(pristine)) as running:
        yield running
