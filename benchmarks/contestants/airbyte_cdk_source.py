"""Airbyte's CDK with a declarative manifest, into DuckDB through PyAirbyte."""

from __future__ import annotations

import os

os.environ |= {"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1", "AIRBYTE_LOGGING_ROOT": "logs"}

import airbyte as ab
from airbyte.caches import DuckDBCache
from airbyte.strategies import WriteStrategy
from airbyte_manifest import PROPERTIES, manifest
from work import work_from_command_line


def main() -> None:
    """Load; a failure ends with PyAirbyte's own traceback."""
    work = work_from_command_line()
    source = ab.get_source(
        "source-bench", source_manifest=manifest(work), config={"api_key": work.api_key}, streams="*"
    )
    cache = DuckDBCache(db_path=work.out, schema_name="bench", cache_dir="cache")
    result = source.read(cache, write_strategy=WriteStrategy.MERGE)
    print({name: len(result[name]) for name in PROPERTIES})


if __name__ == "__main__":
    main()
