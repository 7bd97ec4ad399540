"""The files of `deploy/`, as the tests of it read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from ecom_assets_tests.support.paths import ROOT

DEPLOY = ROOT / "deploy"


def document(path: str) -> dict[str, Any]:
    """Return a YAML file of `deploy/` that holds one mapping."""
    found = yaml.safe_load((DEPLOY / path).read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def snake(value: Any) -> Any:
    """Return a value with its keys as Dagster writes them, where the chart has them in camelCase."""
    if isinstance(value, list):
        return [snake(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {"".join(f"_{c.lower()}" if c.isupper() else c for c in key): snake(v) for key, v in value.items()}


def leaves(value: Any, *at: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each single value of a document with the keys that lead to it."""
    entries: Iterator[tuple[str, Any]] | None = None
    if isinstance(value, Mapping):
        entries = ((str(key), entry) for key, entry in value.items())
    elif isinstance(value, list):
        entries = ((str(number), entry) for number, entry in enumerate(value))
    if entries is None:
        yield at, value
        return
    for key, entry in entries:
        yield from leaves(entry, *at, key)


def charted() -> dict[str, Any]:
    """Return the instance that Dagster's chart makes of `kubernetes/values.yaml`, but for storage and run launcher.

    The chart writes the same settings in snake_case, each under the name that `dagster.yaml` has for it.
    """
    values = document("kubernetes/values.yaml")
    daemon = values["dagsterDaemon"]
    concurrency = {key: entry for key, entry in values["concurrency"].items() if key != "enabled"}
    retention = {key: entry for key, entry in values["retention"].items() if key != "enabled"}
    return {
        "run_coordinator": {"module": "dagster", "class": daemon["runCoordinator"]["type"]},
        "concurrency": snake(concurrency),
        "run_monitoring": snake(daemon["runMonitoring"]),
        "run_retries": snake(daemon["runRetries"]),
        "schedules": snake(daemon["schedules"]),
        "sensors": snake(daemon["sensors"]),
        "retention": snake(retention),
        "telemetry": values["telemetry"],
        **values["additionalInstanceConfig"],
    }
