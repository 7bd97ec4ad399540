"""A `.dlt/secrets.toml` of a test's own, and dlt's providers that read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext


@pytest.fixture
def secrets_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the path of a new secrets.toml, which dlt reads after `reload_providers`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dlt").mkdir()
    reload_providers()
    yield tmp_path / ".dlt" / "secrets.toml"
    monkeypatch.undo()
    reload_providers()


def reload_providers() -> None:
    """Let dlt read its files from the working directory again, wherever another test left it."""
    Container()[PluggableRunContext].reload(".")
