"""The scripts of Dagster's migrations, which a process of tests reads once.

Dagster stamps the tables of each new instance with its newest migration. To find it, Alembic imports all scripts, for
each of the three tables of each instance: a tenth of what a test of a run costs.
"""

from __future__ import annotations

from alembic.config import Config
from alembic.script import ScriptDirectory

_read_from_files = ScriptDirectory.from_config
_read: dict[str, ScriptDirectory] = {}


def read_migrations_once() -> None:
    """Let all instances of this process share what Alembic has read."""
    ScriptDirectory.from_config = _scripts  # type: ignore[method-assign]


def _scripts(config: Config) -> ScriptDirectory:
    location = str(config.get_main_option("script_location"))
    if location not in _read:
        _read[location] = _read_from_files(config)
    return _read[location]
