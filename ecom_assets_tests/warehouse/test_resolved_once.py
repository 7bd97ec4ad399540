"""dlt's destinations look their configuration up once a run, and give dlt what they would give it each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dlt.common.configuration import resolve_configuration
from dlt.common.destination import reference
from dlt.common.schema import Schema
from dlt.destinations.impl.duckdb.factory import duckdb

from ecom_assets.warehouse.duckdb.destination import SharedConnection, duckdb_destination
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records

COMPARED = (
    "max_identifier_length",
    "casefold_identifier",
    "supported_merge_strategies",
    "max_timestamp_precision",
)


def test_the_same_answers_as_those_of_dlt(tmp_path: Path) -> None:
    ours = duckdb_destination(tmp_path / "w.duckdb", SharedConnection())
    dlts = duckdb(credentials=str(tmp_path / "w.duckdb"))
    schema = Schema("acme")
    for _ in range(2):
        for naming in (None, schema.naming):
            mine, its = ours.capabilities(naming=naming), dlts.capabilities(naming=naming)
            assert [getattr(mine, name) for name in COMPARED] == [getattr(its, name) for name in COMPARED]
        for dataset in ("acme", "other"):
            config = ours.spec()._bind_dataset_name(dataset)
            its_config = dlts.spec()._bind_dataset_name(dataset)
            assert (
                ours.configuration(config).dataset_name
                == dlts.configuration(its_config).dataset_name
                == dataset
            )


def test_an_answer_that_dlt_changes_is_dlts_own(tmp_path: Path) -> None:
    destination = duckdb_destination(tmp_path / "w.duckdb", SharedConnection())
    destination.capabilities().max_identifier_length = 3
    assert destination.capabilities().max_identifier_length == 65536
    first = destination.configuration(destination.spec()._bind_dataset_name("acme"))
    first.dataset_name = "changed"
    assert destination.configuration(destination.spec()._bind_dataset_name("acme")).dataset_name == "acme"


def test_a_load_looks_little_up(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []

    def counted(*given: Any, **more: Any) -> Any:
        looked_up.append(more["sections"])
        return resolve_configuration(*given, **more)

    monkeypatch.setattr(reference, "resolve_configuration", counted)
    records.load({"id": 1})
    assert 0 < len(looked_up) <= 6  # dlt alone: 39
