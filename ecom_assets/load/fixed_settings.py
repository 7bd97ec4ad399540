"""dlt's settings around a load: those that would change what it does have their defaults, whatever a project sets.

A project that loads shops may load other things with dlt too. Its `.dlt/config.toml` and its environment variables are
made for those. Here, `refresh = "drop_data"` or another naming convention would lose rows or make other tables. So dlt
does not see such settings in the thread of a load. It sees all others, such as those of the log, and secrets.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dlt.common.configuration.container import Container
from dlt.common.configuration.providers.provider import ConfigProvider
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.data_writers.buffered import BufferedDataWriter
from dlt.common.destination.client import DestinationClientDwhWithStagingConfiguration
from dlt.common.destination.configuration import ParquetFormatConfiguration
from dlt.common.schema.configuration import SchemaConfiguration
from dlt.common.storages.configuration import LoadStorageConfiguration, SchemaStorageConfiguration
from dlt.load.configuration import LoaderConfiguration
from dlt.normalize.configuration import ItemsNormalizerConfiguration, NormalizeConfiguration
from dlt.pipeline.configuration import PipelineConfiguration

_SPECS = (
    PipelineConfiguration,
    SchemaConfiguration,
    SchemaStorageConfiguration,
    NormalizeConfiguration,
    ItemsNormalizerConfiguration,
    BufferedDataWriter.BufferedDataWriterConfiguration,
    ParquetFormatConfiguration,
    LoaderConfiguration,
    LoadStorageConfiguration,
    DestinationClientDwhWithStagingConfiguration,
)
"""dlt's specifications of what a pipeline, its stages and its destination take from the configuration."""
_OTHERS = frozenset(
    {"create_indexes", "loader_file_format", "schema_contract", "max_table_nesting", "add_limit"}
)
"""Settings that no specification has: of engines, and arguments of sources and pipelines."""
_SEEN = frozenset({"credentials", "runtime"})
"""Fields of the specifications that are no settings of a load."""
FIXED = _OTHERS | {name for spec in _SPECS for name in spec.get_resolvable_fields()} - _SEEN
"""The names of the settings that have their defaults."""

_thread = threading.local()
_lock = threading.Lock()
_wrapped: list[ConfigProvider] = []
_loads = 0


@contextmanager
def fixed_settings() -> Iterator[None]:
    """Hide the settings of FIXED from dlt in this thread during the block."""
    global _loads
    with _lock:
        _loads += 1
        for provider in Container()[PluggableRunContext].providers.providers:
            if provider not in _wrapped:
                _hide_settings(provider)
    before = getattr(_thread, "loading", False)
    _thread.loading = True
    try:
        yield
    finally:
        _thread.loading = before
        with _lock:
            _loads -= 1
            while _wrapped and not _loads:
                del _wrapped.pop().__dict__["get_value"]


def _hide_settings(provider: ConfigProvider) -> None:
    """Let a provider know nothing of the settings in a thread that loads."""
    original = provider.get_value

    def get_value(key: str, hint: type[Any], pipeline_name: str | None, *sections: str) -> tuple[Any, str]:
        if getattr(_thread, "loading", False):
            if key == "run_sleep":
                return 0.0, key  # dlt waits so long between two packages, though the next one is there
            if key == "intercept_signals":
                return False, key  # dlt would go on, and forget a signal that comes with its last job
            if key in FIXED:
                return None, key
        return original(key, hint, pipeline_name, *sections)

    # dlt has no way to put a provider before its own, so the own ones answer through this
    provider.__dict__["get_value"] = get_value
    _wrapped.append(provider)
