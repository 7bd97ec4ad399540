"""Deletions that the list tells: a record with `deleted: true`, or with the instant of its deletion."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from ecom_assets.contract.told_deletions import told_deletions
from ecom_assets.extract.check.api_check import check
from ecom_assets.load.run import run_load
from ecom_assets_tests.support.loads.dispositions import UTC, Things, at, thing
from ecom_assets_tests.support.loads.dispositions import things as things


def marks(things: Things) -> dict[int, datetime | None]:
    return {number: when and when.astimezone(timezone.utc) for number, when in things.rows("id, deleted_at")}


def test_a_record_that_says_that_it_is_deleted_is_marked(things: Things) -> None:
    things.declare("merge", windowed=True, deletes={"field": "deleted"})
    things.load(thing(1, "a", deleted=False), thing(2, "b"), thing(3, "c", deleted=True))
    assert marks(things) == {1: None, 2: None, 3: at(1)}
    gone = [thing(1, "a", day=2, deleted=True), thing(3, "c", day=2, deleted=False)]
    for _ in range(2):
        things.load(*gone, days=(2,))
        assert marks(things) == {1: at(2), 2: None, 3: None}, "a window loaded again changes nothing"


def test_the_instant_of_the_deletion(things: Things) -> None:
    things.declare("merge", windowed=True, deletes={"field": "meta.removed_at"})
    removed = {"removed_at": "2025-12-31T10:00:00Z"}
    things.load(
        thing(1, "a", meta=removed), thing(2, "b", meta={"removed_at": None}), thing(3, "c", meta=None)
    )
    assert marks(things) == {1: datetime(2025, 12, 31, 10, tzinfo=UTC), 2: None, 3: None}


def test_a_snapshot_that_is_merged(things: Things) -> None:
    things.declare("merge", windowed=False, deletes={"field": "deleted"})
    things.load(thing(1, "a", deleted=1), thing(2, "b", deleted=0))
    found = marks(things)
    assert found[1] is not None
    assert found[2] is None


@pytest.mark.parametrize("value", [True, 1, "true", "yes", "Y", "deleted", {"by": "x"}])
def test_what_means_deleted(value: Any) -> None:
    assert told_deletions([{"gone": value}], ["gone"], None).null_count == 0


@pytest.mark.parametrize(
    "value", [None, False, 0, "", " ", "false", "False", "no", "0", "0000-00-00", {}, []]
)
def test_what_does_not_mean_deleted(value: Any) -> None:
    assert told_deletions([{"gone": value}], ["gone"], None).null_count == 1


def test_a_status_of_living_records_fails(things: Things) -> None:
    """Any text would mean deleted, so every row would be marked."""
    things.declare("merge", windowed=False, deletes={"field": "status"})
    things.load(thing(1, "a", status=None), thing(2, "b", status="deleted"))
    assert marks(things)[1] is None
    things.records = [thing(1, "a", status="active"), thing(2, "b", status="deleted")]
    report = run_load(things.shop, ["things"], warehouse=things.place.warehouse())
    assert str(report.errors["things"]).startswith(
        "things: deletes.field status found 'active', and it is unknown whether this means deleted. "
    )
    assert marks(things)[1] is None


@pytest.mark.parametrize(("name", "value"), [("delete_reason", "fraud"), ("note", "Returned by Ann")])
def test_any_text_in_other_fields_means_deleted(things: Things, name: str, value: str) -> None:
    things.declare("merge", windowed=False, deletes={"field": name})
    things.load(thing(1, "a") | {name: value}, thing(2, "b") | {name: None})
    assert [number for number, when in marks(things).items() if when] == [1]


@pytest.mark.parametrize(
    ("field", "detail"),
    [
        (
            "is_deleted",
            "none of 1 records has deletes.field is_deleted; it may be the field deleted: declare",
        ),
        ("removed", "none of 1 records has deletes.field removed"),
        ("deleted", None),
    ],
)
def test_check_tells_of_a_field_that_no_record_has(things: Things, field: str, detail: str | None) -> None:
    things.declare("merge", windowed=False, deletes={"field": field})
    things.records = [thing(1, "a", deleted=False)]
    found = [entry for entry in check(things.shop) if entry.what == "deletes"]
    assert [entry.result for entry in found] == (["skipped"] if detail else [])
    assert all(entry.detail.startswith(detail or "") for entry in found)


def test_a_field_needs_no_sweep(things: Things) -> None:
    things.declare("merge", windowed=True, deletes={"field": "deleted"})
    assert things.shop.resources_with_deletes() == ()
