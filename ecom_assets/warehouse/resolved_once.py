"""A dlt destination that looks its configuration up once.

dlt asks a destination for its capabilities and its configuration some eighty times in a run, and looks each field up in
the environment and in all files each time. Half of the processor time of a small load went there.
"""

from __future__ import annotations

from typing import Any

from dlt.common.destination import Destination, DestinationCapabilitiesContext
from dlt.common.normalizers.naming import NamingConvention


class ResolvedOnce(Destination[Any, Any]):
    """Put before dlt's class of a destination. An instance belongs to one run."""

    def __init__(self, **given: Any) -> None:
        """Take what dlt's class takes."""
        super().__init__(**given)
        self._configurations: dict[Any, Any] = {}
        self._capabilities: dict[Any, DestinationCapabilitiesContext] = {}

    def configuration(self, initial_config: Any, accept_partial: bool = False) -> Any:
        """Return a copy of the configuration that the same values led to before."""
        values = {} if initial_config is None else dict(initial_config)
        credentials = values.pop("credentials", None)
        key = (accept_partial, credentials is None, repr(sorted(values.items())))
        if key not in self._configurations:
            self._configurations[key] = super().configuration(initial_config, accept_partial)
        return self._configurations[key].copy()

    def capabilities(
        self, config: Any = None, naming: NamingConvention | None = None
    ) -> DestinationCapabilitiesContext:
        """Return a copy of the capabilities that the same naming convention led to before."""
        if config is not None:
            return super().capabilities(config, naming)
        key = naming and (naming.name(), naming.max_length)
        if key not in self._capabilities:
            self._capabilities[key] = super().capabilities(config, naming)
        return self._capabilities[key].copy()
