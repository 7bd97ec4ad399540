"""dlt with every setting that made it faster on this work.

Windows are a parent resource of the others, so that dlt reads them in parallel. Files are uncompressed parquet, and
small enough for two workers to normalize.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import dlt
from dlt.sources.rest_api import rest_api_source
from dlt_shop import MONEY, configuration
from work import Work, api_time, work_from_command_line


def tuned(work: Work) -> dict[str, Any]:
    """Return the configuration that reads by window."""

    def windows() -> Iterator[list[dict[str, str]]]:
        yield [{"start": api_time(start), "end": api_time(end)} for start, end in work.windows()]

    config = configuration(work, limit=250)
    endpoint = config["resource_defaults"]["endpoint"]
    del endpoint["incremental"]
    endpoint["params"] = {
        "updated_at_min": "{resources.windows.start}",
        "updated_at_max": "{resources.windows.end}",
    }
    for resource in config["resources"]:
        resource["parallelized"] = True
        if resource["name"] == "orders":
            resource["nested_hints"] = {
                "line_items": {"columns": {"unit_price": MONEY | {"name": "unit_price"}}}
            }
    config["resources"].insert(0, dlt.resource(windows, name="windows", selected=False))
    return config


def main() -> None:
    """Load; a failure ends with dlt's own traceback."""
    work = work_from_command_line()
    os.environ.update(
        {
            "EXTRACT__WORKERS": str(work.in_flight),
            "NORMALIZE__WORKERS": "2",
            "DATA_WRITER__DISABLE_COMPRESSION": "true",
            "SOURCES__DATA_WRITER__FILE_MAX_ITEMS": "10000",
        }
    )
    pipeline = dlt.pipeline(
        "bench", pipelines_dir="dlt", destination=dlt.destinations.duckdb(str(work.out)), dataset_name="bench"
    )
    pipeline.run(rest_api_source(tuned(work), name="bench"), loader_file_format="parquet")


if __name__ == "__main__":
    main()
