"""The files of `deploy/`, parsed for tests."""

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


def snake_case_keys(value: Any) -> Any:
    """Return a value with its keys in snake_case, as Dagster writes them; the chart has camelCase."""
    if isinstance(value, list):
        return [snake_case_keys(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {
        "".join(f"_{c.lower()}" if c.isupper() else c for c in key): snake_case_keys(v)
        for key, v in value.items()
    }


def leaves(value: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each scalar of a document with the keys on its path."""
    entries: Iterator[tuple[str, Any]] | None = None
    if isinstance(value, Mapping):
        entries = ((str(key), entry) for key, entry in value.items())
    elif isinstance(value, list):
        entries = ((str(number), entry) for number, entry in enumerate(value))
    if entries is None:
        yield path, value
        return
    for key, entry in entries:
        yield from leaves(entry, *path, key)


def chart_instance() -> dict[str, Any]:
    """Return the instance that Dagster's chart creates from `kubernetes/values.yaml`, without storage and run launcher.

    The chart writes the same settings in snake_case, each under the name that `dagster.yaml` has for it.
    """
    values = document("kubernetes/values.yaml")
    daemon = values["dagsterDaemon"]
    concurrency = {key: entry for key, entry in values["concurrency"].items() if key != "enabled"}
    retention = {key: entry for key, entry in values["retention"].items() if key != "enabled"}
    return {
        "run_coordinator": {"module": "dagster", "class": daemon["runCoordinator"]["type"]},
        "concurrency": snake_case_keys(concurrency),
        "run_monitoring": snake_case_keys(daemon["runMonitoring"]),
        "run_retries": snake_case_keys(daemon["runRetries"]),
        "schedules": snake_case_keys(daemon["schedules"]),
        "sensors": snake_case_keys(daemon["sensors"]),
        "retention": snake_case_keys(retention),
        "telemetry": values["telemetry"],
        **values["additionalInstanceConfig"],
    }
