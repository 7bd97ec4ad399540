"""Names of ops, jobs, schedules and sensors: those of any two shops in one location differ."""

from __future__ import annotations

from pathlib import Path

from dagster import Definitions

from ecom_assets.orchestration.build_definitions import build_defs

DECLARATION = """\
name: {name}
client:
  base_url: https://api.example.com/v1
  auth: {{type: api_key, name: api_key, location: query}}
partitions: {{every: day, start: 2026-01-01}}
resource_defaults: {{primary_key: id}}
resources:
{resources}"""
WINDOWED = """\
  - name: {name}
    deletes: sweep
    endpoint:
      path: /{name}
      data_selector: data
      paginator: {{type: offset, limit: 100, total_path: total}}
      incremental: {{cursor_path: updated_at, start_param: from, end_param: to}}
"""
SNAPSHOT = """\
  - name: {name}
    endpoint: {{path: /{name}, data_selector: data, paginator: {{type: offset, limit: 100, total_path: total}}}}
"""
SHOPS = {
    "x": ("windows", "snapshots", "deletions", "x"),
    "load_x": ("windows", "x"),
    "sweep_x": ("windows", "x"),
    "load_load_x": ("windows",),
    "x_windows": ("schedule", "windows"),
    "north": ("east_orders", "orders"),
    "north_east": ("orders", "windows"),
    "sweep_north_east": ("windows", "orders"),
}


def built(folder: Path) -> Definitions:
    for name, resources in SHOPS.items():
        listed = [WINDOWED.format(name=entry) for entry in resources] + [SNAPSHOT.format(name="plain")]
        (folder / f"{name}.yaml").write_text(DECLARATION.format(name=name, resources="".join(listed)))
    return build_defs(folder)


def test_no_two_shops_have_a_name_in_common(tmp_path: Path) -> None:
    repository = built(tmp_path).get_repository_def()
    jobs = [job.name for job in repository.get_all_jobs()]
    schedules = [entry.name for entry in repository.schedule_defs]
    sensors = [entry.name for entry in repository.sensor_defs]
    ops = {node.name for job in repository.get_all_jobs() for node in job.nodes}
    names = [*jobs, *schedules, *sensors]
    assert len(names) == len(set(names))
    assert not set(names) & ops
    assert {f"{name}_windows" for name in ("x", "x_windows", "north", "north_east")} <= set(jobs)
    assert {"load_x___windows", "sweep_north_east___windows"} <= set(jobs)
    wanted = {(shop, table) for shop, tables in SHOPS.items() for table in (*tables, "plain")}
    assert wanted <= {tuple(key.path) for key in repository.asset_graph.get_all_asset_keys()}
