"""dlt with its default settings: the REST API source into DuckDB."""

from __future__ import annotations

import dlt
from dlt.sources.rest_api import rest_api_source
from dlt_shop import configuration
from work import work_from_command_line


def main() -> None:
    """Load; a failure ends with dlt's own traceback."""
    work = work_from_command_line()
    pipeline = dlt.pipeline(
        "bench", pipelines_dir="dlt", destination=dlt.destinations.duckdb(str(work.out)), dataset_name="bench"
    )
    pipeline.run(rest_api_source(configuration(work, limit=100), name="bench"))


if __name__ == "__main__":
    main()
