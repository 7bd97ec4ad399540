"""Undeclared fields keep their columns from run to run, whichever of them a run brings."""

from __future__ import annotations

from typing import Any

import pytest

from ecom_assets_tests.support.loads.dispositions import Things, thing
from ecom_assets_tests.support.loads.dispositions import things as things

FIELDS = [{"größe": 1}, {"gr_e": 2}, {"价格": 3}, {"数量": 4}, {"userId": 5}, {"user_id": 6}, {"UserID": 7}]


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, -1], ids=["forwards", "backwards"])
def test_fields_that_come_in_different_runs_share_no_column(things: Things, order: int) -> None:
    things.declare("merge", windowed=False)
    ordered = FIELDS[::order]
    for number, fields in enumerate(ordered):
        things.load(thing(number, "a", **fields))
    together: dict[str, Any] = {name: value for fields in FIELDS for name, value in fields.items()}
    things.load(thing(99, "a", **together))
    columns = things.place.columns("things")
    new = [name for name in columns if name not in ("id", "name", "changed") and not name.startswith("_dlt")]
    new = [name for name in new if name != "load_id" and not name.startswith("ecom")]
    names = [name for name in new if things.rows(f'"{name}"')[-1:] and name != "_load_id"]
    found = {row[0]: row[1:] for row in things.rows("id, " + ", ".join(f'"{name}"' for name in names))}
    for number, fields in enumerate(ordered):
        (value,) = fields.values()
        values = dict(zip(names, found[number], strict=True))
        (column,) = [name for name, entry in values.items() if entry == value and isinstance(entry, int)]
        assert dict(zip(names, found[99], strict=True))[column] == value
