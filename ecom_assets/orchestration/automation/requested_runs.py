"""Loads that the command `ecom-assets load` asks for, as runs of the Dagster instance.

The command starts this module in a process of its own, with the request as JSON: the shop, the tables and windows of
each step, and the cursor to which open-ended tables are set back.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from dagster import DagsterEventType, DagsterExecutionInterruptedError, DagsterInstance, materialize

from ecom_assets.declaration.named_shop import find_shop
from ecom_assets.declaration.reading import Partitions, Shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.foundation.garbage_collection import skip_collection_at_exit
from ecom_assets.load.ledger.requested_loads import report_lines, windows_of_keys
from ecom_assets.load.run import RunReport
from ecom_assets.orchestration.assets import SINCE_TAG, LoadListener, listeners, shop_assets
from ecom_assets.orchestration.automation.jobs import SHOP_TAG
from ecom_assets.orchestration.partitions import range_tags
from ecom_assets.orchestration.resources import shop_resources
from ecom_assets.orchestration.translator import asset_key


class _Printer(LoadListener):
    """Prints the progress of runs, and what they loaded."""

    def progress(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def report(self, report: RunReport) -> None:
        for line in report_lines(report):
            print(line, flush=True)


def adjacent(partitions: Partitions, windows: Sequence[Window]) -> Iterator[list[Window]]:
    """Yield the ranges of windows without a gap: Dagster's runs take a range."""
    if not windows:
        return
    ordered = sorted(windows)
    positions = {
        window: position
        for position, window in enumerate(windows_between(partitions, ordered[0].start, ordered[-1].end))
    }
    numbered = enumerate(ordered)
    for _, group in groupby(numbered, key=lambda entry: positions[entry[1]] - entry[0]):
        yield [window for _, window in group]


def run(
    shop: Shop,
    tables: Sequence[str],
    windows: Sequence[Window],
    tags: dict[str, str],
    instance: DagsterInstance,
) -> bool:
    """Materialise the assets of tables in the instance, and tell whether that succeeded; the errors are printed.

    Args:
        shop: The declared shop.
        tables: The tables, all windowed or all unpartitioned.
        windows: Their windows, without a gap.
        tags: Further tags of the run.
        instance: The instance.

    Raises:
        DagsterExecutionInterruptedError: A signal has ended the run.
    """
    result = materialize(
        shop_assets(shop),
        selection=[asset_key(shop, name) for name in tables],
        instance=instance,
        resources=shop_resources((shop,), {}),
        tags={SHOP_TAG: shop.name, **tags, **(range_tags(windows) if windows else {})},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )
    for event in result.all_events:
        if event.event_type is DagsterEventType.STEP_FAILURE:
            data = event.step_failure_data
            if data.error and data.error.cls_name == DagsterExecutionInterruptedError.__name__:
                raise DagsterExecutionInterruptedError
            own_text = data.user_failure_data.description if data.user_failure_data else None
            lines = (own_text or str(data.error_display_string)).splitlines()
            for line in lines if own_text else lines[:1]:
                print(f"error: {line}", file=sys.stderr)
    return result.success


def main(request: dict[str, Any]) -> int:
    """Load what a request asks for; returns the exit code, 1 if a run failed, 2 if there is no instance to load in."""
    try:
        instance = DagsterInstance.get()
    except Exception as error:  # whatever the settings name is opened here: files, modules, databases
        reason = " ".join(str(error).split())
        found = f"the Dagster instance of DAGSTER_HOME={os.environ.get('DAGSTER_HOME')} cannot be opened"
        print(f"error: {found}: {reason}. Unset DAGSTER_HOME to load without Dagster", file=sys.stderr)
        return 2
    with instance:
        return _load_steps(request, instance)


def _load_steps(request: dict[str, Any], instance: DagsterInstance) -> int:
    """Load step by step; returns the exit code."""
    shop = find_shop(request["shop"])
    tags = {SINCE_TAG: request["since"]} if request["since"] is not None else {}
    listeners.append(_Printer())
    succeeded = True
    for step in request["steps"]:
        windows = windows_of_keys(shop, step["windows"])
        ranges = list(adjacent(shop.partitions, windows)) if shop.partitions and windows else [[]]
        for part in ranges:
            succeeded = run(shop, step["tables"], part, tags, instance) and succeeded
    return 0 if succeeded else 1


if __name__ == "__main__":
    skip_collection_at_exit()
    try:
        sys.exit(main(json.loads(sys.argv[1])))
    except (DagsterExecutionInterruptedError, KeyboardInterrupt):
        sys.exit(1)  # the command, which sent the signal, says what was loaded
