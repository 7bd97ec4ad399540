"""Which tests run on which engines.

A test that has a place runs on DuckDB, and slowly on PostgreSQL if it is about what SQL does. `EVERYWHERE` runs on all
engines. With the environment variable TEST_ENGINE, such as `ducklake`, that engine takes the place of PostgreSQL.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ecom_assets_tests.support.warehouses.engines import OTHER, SLOWLY, TRAITS, engines_where

_PACKAGES = ("deploy", "warehouse", "load", "cli")
"""The packages whose tests run on each engine. What the others test comes before the first statement of SQL."""
_OFF_ENGINES = ("test_delete_detection_ends.py", "test_delete_detection_keys.py", "test_fixed_settings.py")
"""Files of these packages for which the same holds: they are about how an API is read, and about dlt's settings."""
_ONE_VARIATION = ("dispositions", "ledger", "audit", "checks", "sweeps")
"""The folders of `load` whose tests run on PostgreSQL in their first variation: the others send it the same SQL."""
EVERYWHERE: Mapping[str, Collection[str]] = {
    "cli/tables/test_diff_and_reset.py": ("test_from_a_refused_change_to_a_table_loaded_anew",),
    "load/audit/test_audit.py": (
        "test_a_change_that_does_not_move_the_cursor_is_stale_and_names_the_column",
    ),
    "load/dispositions/test_append.py": ("test_a_key_that_is_there_already_is_not_added_again",),
    "load/dispositions/test_dispositions_together.py": (
        "test_one_run_writes_each_table_by_its_disposition",
        "test_a_sweep_of_a_table_that_was_replaced_before",
    ),
    "load/dispositions/test_history.py": ("test_a_sweep_ends_states_and_a_new_state_begins_another",),
    "load/dispositions/test_merge_by_load.py": ("test_nested_rows_go_with_the_state_of_their_record",),
    "load/ledger/test_open_ended.py": ("test_two_loads_at_once_do_not_move_the_cursor_back",),
    "load/schema_changes/test_foreign_tables.py": (
        "test_a_table_of_the_same_name_is_refused_and_the_siblings_load",
    ),
    "load/sweeps/test_unfiltered_load.py": ("test_a_sweep_loads_them_with_their_nested_rows_and_children",),
    "load/test_run.py": ("test_rejected_rows_are_kept_with_their_reasons_and_once",),
    "load/test_stale_writes.py": ("test_a_late_snapshot_does_not_replace_a_newer_one",),
    "load/test_undeclared_columns.py": ("test_nested_objects_become_columns_and_lists_json",),
    "warehouse/test_engines_runs.py": (
        "test_a_run_reports_what_is_in_the_warehouse_and_its_checks_are_green_until_it_is_tampered_with",
        "test_a_query_that_the_engine_refuses_is_a_finding_and_the_next_check_runs",
    ),
}
"""The tests that run on all engines, in their first variation, by file."""


def engines_of(path: Path, test: str) -> Sequence[Any]:
    """Return the engines of a test as the parameters of `new_place`, by its file below the folder of tests."""
    if test in EVERYWHERE.get(path.as_posix(), ()):
        return [
            *SLOWLY,
            *(
                engine
                for engine in engines_where(lambda traits: traits.is_slow)
                if engine.values != SLOWLY[1].values
            ),
        ]
    return SLOWLY if path.parts[0] in _PACKAGES and path.name not in _OFF_ENGINES else SLOWLY[:1]


def server_of(test: str) -> str | None:
    """Return the engine of a test, by its id, if its server takes seconds to start; else None."""
    named = {*test.split("/"), *re.split(r"\W+", test.partition("[")[2])}
    return next((name for name in TRAITS if name in named and TRAITS[name].server_takes_seconds), None)


def repeated_variations(items: Sequence[pytest.Item]) -> Sequence[pytest.Item]:
    """Return those tests on other engines than DuckDB of which a variation that comes before says as much."""
    seen, repeated = set(), []
    for item in items:
        callspec = getattr(item, "callspec", None)
        engine = callspec.params.get("new_place") if callspec else None
        if engine is None or engine == "duckdb":
            continue
        test = (item.nodeid.partition("[")[0], engine)
        if test in seen and (engine != OTHER or item.path.parent.name in _ONE_VARIATION):
            repeated.append(item)
        seen.add(test)
    return repeated
