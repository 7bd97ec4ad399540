"""The Dagster definitions that `dagster_dlt_plain.py` materializes."""

# no postponed annotations here: Dagster reads that of `context` as a type
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
from dagster import AssetExecutionContext, Definitions
from dagster_dlt import DagsterDltResource, dlt_assets
from dlt.sources.rest_api import rest_api_source

sys.path.insert(0, str(Path(__file__).parent))
sys.argv[1:] = os.environ["BENCH_ARGUMENTS"].split("\n")

from dlt_shop import configuration  # noqa: E402  needs the path from above
from work import work_from_command_line  # noqa: E402

work = work_from_command_line()


@dlt_assets(
    dlt_source=rest_api_source(configuration(work, limit=100), name="bench"),
    dlt_pipeline=dlt.pipeline(
        "bench", pipelines_dir="dlt", destination=dlt.destinations.duckdb(str(work.out)), dataset_name="bench"
    ),
)
def bench(context: AssetExecutionContext, dlt_resource: DagsterDltResource) -> Iterator[Any]:
    """Run the pipeline."""
    yield from dlt_resource.run(context=context)


defs = Definitions(assets=[bench], resources={"dlt_resource": DagsterDltResource()})
