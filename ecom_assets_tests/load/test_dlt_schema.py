"""dlt's schema in the warehouse: the newest row counts, whatever clocks say, and a schema that comes back has one."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records

VERSIONS = "select version_hash from myshop._dlt_version order by inserted_at"


def test_a_schema_is_stored_when_it_changes(records: Records) -> None:
    records.load({"id": 1})
    first = records.rows(VERSIONS)
    assert len(first) == 1
    records.load({"id": 2})
    assert records.rows(VERSIONS) == first
    records.load({"id": 3, "note": "new"})
    assert len(records.rows(VERSIONS)) == 2
    assert records.rows(VERSIONS)[0] == first[0]
    assert records.rows("select count(*) from myshop._dlt_loads") == [(3,)]


def test_the_schema_of_a_machine_whose_clock_is_ahead_is_followed_by_the_next_one(records: Records) -> None:
    records.load({"id": 1})
    records.place.write("update myshop._dlt_version set inserted_at = inserted_at + interval '1 day'")
    ahead = records.rows(VERSIONS)
    records.load({"id": 2, "Camel Case": "new"})
    assert records.rows(VERSIONS)[0] == ahead[0]
    assert len(records.rows(VERSIONS)) == 2
    # the field of the new column is remembered by the newest schema only
    records.load({"id": 3, "camel_case": 5})
    assert records.rows("select id, camel_case from myshop.orders order by id")[1:2] == [(2, "new")]


def test_a_schema_that_the_engine_cannot_store_as_it_is_is_compressed_as_by_dlt(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.load({"id": 1})
    with records.place.warehouse().read("myshop") as transaction:
        monkeypatch.setattr(type(transaction), "longest_text", 100)
    records.load({"id": 2, "Camel Case": "new"})
    *_, (newest,) = records.rows("select schema from myshop._dlt_version order by inserted_at")
    assert json.loads(zlib.decompress(base64.b64decode(newest, validate=True)))["name"] == "myshop"
    versions = records.rows(VERSIONS)
    # what it remembers is read again
    records.load({"id": 3, "camel_case": 5})
    assert records.rows("select id, camel_case from myshop.orders order by id")[1:2] == [(2, "new")]
    monkeypatch.undo()
    records.load({"id": 4})
    assert records.rows(VERSIONS)[: len(versions)] == versions
