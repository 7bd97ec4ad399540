"""Whatever an API sends, each record is kept as it is or rejected with a reason, and the warehouse takes the table."""

from __future__ import annotations

import json
from io import BytesIO
from itertools import count
from typing import Any

import duckdb
import pyarrow.parquet as pq
from dlt.common.normalizers.naming.snake_case import NamingConvention
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.contract.contract import Contract
from ecom_assets.contract.conversion import convert
from ecom_assets.contract.nested_values import explode
from ecom_assets.contract.result import ContractResult
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.foundation.errors import ContractBroken
from ecom_assets.foundation.json_text import json_text
from ecom_assets_tests.contract.test_conversion_properties import CHARACTERS, CLOSE, VALUES
from ecom_assets_tests.support.examples import examples

WAREHOUSE = duckdb.connect()
TYPES = ("text", "bigint", "double", "bool", "decimal", "timestamp", "date", "time", "json", "binary")
KEYS = (
    st.none() | st.integers(0, 3) | st.sampled_from(["0", "1", " 2", "3.0", "", "x", 1.0, True, 2**70, [1]])
)
MOMENTS = st.sampled_from(
    [
        "2026-01-01T00:00:00Z",
        "2026-01-01T01:00:00+01:00",
        "2026-01-02",
        "2026-01-03T00:00:00Z",
        None,
        1_767_225_600,
        "x",
    ]
)


def shop_of(key_type: str, policy: str, *, required: bool, windowed: bool) -> Shop:
    """Return a shop with `things`, which have a column of each type, and `parts`, a list inside of them."""
    key = {"data_type": key_type, "nullable": False}
    every = {
        f"a_{kind}": {"data_type": kind, "nullable": not required, "path": f"a.{kind}"} for kind in TYPES
    }
    incremental = {"cursor_path": "at", "start_param": "from"} if windowed else None
    return Shop.model_validate(
        {
            "name": "testshop",
            "client": {"base_url": "https://api.example.com"},
            "partitions": {"every": "day", "start": "2026-01-01"},
            "resources": [
                {
                    "name": "things",
                    "primary_key": ["id"],
                    "schema_contract": {"columns": policy},
                    "endpoint": {"path": "things", "incremental": incremental},
                    "columns": {"id": key, "at": {"data_type": "timestamp", "nullable": False}, **every},
                },
                {
                    "name": "parts",
                    "primary_key": ["thing_id", "id"],
                    "schema_contract": {"columns": policy},
                    "rows_from": {"resource": "things", "path": "content.parts"},
                    "include_from_parent": ["id"],
                    "columns": {"thing_id": {**key, "path": "_things_id"}, "id": key, **every},
                },
            ],
        }
    )


OBJECTS = st.dictionaries(
    st.sampled_from(["id", "at", "a", "content", "Id", "_things_id", "a_text"])
    | st.text(CHARACTERS, max_size=3),
    VALUES,
    max_size=4,
)
INNER = st.fixed_dictionaries({}, optional=dict.fromkeys(TYPES, CLOSE | VALUES))
PARTS = st.fixed_dictionaries({"id": KEYS}, optional={"a": INNER | VALUES, "more": VALUES})
THINGS = st.fixed_dictionaries(
    {"id": KEYS, "at": MOMENTS},
    optional={
        "a": INNER | VALUES,
        "content": VALUES | st.fixed_dictionaries({"parts": st.lists(PARTS | VALUES, max_size=3) | VALUES}),
        "more": VALUES | OBJECTS,
    },
)


def assert_nothing_is_lost(records: list[Any], contracted: ContractResult, resource: Resource) -> None:
    """Check what holds for every list of records."""
    rejected = [entry.row for entry in contracted.rejected]
    assert sorted([*contracted.kept_rows, *rejected]) == list(range(len(records)))
    assert contracted.kept.num_rows == len(contracted.kept_rows)
    for entry in contracted.rejected:
        assert entry.reasons
        assert all(entry.reasons)
        json.loads(entry.record)
        assert entry.record == json_text(records[entry.row])
        assert "\n".join([entry.primary_key, entry.record, *entry.reasons]).encode()
    contracted.kept.validate(full=True)
    for field in contracted.kept.schema:
        assert field.nullable or not contracted.kept.column(field.name).null_count
    rows = contracted.kept.to_pylist()
    keys = [tuple(row[name] for name in resource.primary_key) for row in rows]
    assert len(set(keys)) == len(keys)
    for row, position in zip(rows, contracted.kept_rows, strict=True):
        for column in resource.columns:
            value = records[position]
            for name in column.path:
                value = None if value is None else value.get(name)
            assert row[column.name] == convert([value], column).array[0].as_py()
    assert_the_warehouse_takes(contracted, resource)


def assert_the_warehouse_takes(contracted: ContractResult, resource: Resource) -> None:
    """Write the table as a load does, and read it back."""
    file = BytesIO()
    pq.write_table(contracted.kept, file)
    read = pq.read_table(BytesIO(file.getvalue()))
    texts = {column.name for column in resource.columns if column.data_type == "json"}
    texts |= {name for name, hint in contracted.hints.items() if hint.get("data_type") == "json"}
    chosen = ", ".join(
        f'"{name}"::JSON as "{name}"' if name in texts else f'"{name}"' for name in read.column_names
    )
    WAREHOUSE.register("arrived", read)
    WAREHOUSE.execute(f"create or replace table stored as select {chosen} from arrived")
    assert WAREHOUSE.execute("select count(*) from stored").fetchone() == (len(contracted.kept_rows),)


@examples(1.5)
@given(
    st.lists(THINGS | OBJECTS | VALUES, max_size=6),
    st.sampled_from(
        ["bigint", "text", "timestamp", "decimal", "double", "json", "bool", "binary", "date", "time"]
    ),
    st.sampled_from(["evolve", "discard_value", "freeze"]),
    st.booleans(),
    st.booleans(),
)
def test_nothing_is_lost(
    records: list[Any], key_type: str, policy: str, required: bool, windowed: bool
) -> None:
    shop = shop_of(key_type, policy, required=required, windowed=windowed)
    things, parts = shop.resources
    children, positions = explode(records, parts, things)
    assert len(children) == len(positions)
    for resource, rows in ((things, records), (parts, children)):
        contract = Contract(resource, shop.children_of(resource.name))
        try:
            contracted = contract.apply(rows)
        except ContractBroken:
            if policy == "freeze":
                continue
            raise
        assert_nothing_is_lost(rows, contracted, resource)
        if policy == "evolve":
            # later records meet the columns that these brought
            assert_nothing_is_lost(rows[::-1], contract.apply(rows[::-1]), resource)
        else:
            assert contracted.kept.schema == contract.schema


@given(st.lists(THINGS, max_size=6))
def test_a_record_is_kept_or_rejected_by_itself(records: list[Any]) -> None:
    shop = shop_of("bigint", "discard_value", required=False, windowed=True)
    contract = Contract(shop.resource("things"), shop.children_of("things"))
    together = {entry.row: entry.reasons for entry in contract.apply(records).rejected}
    for row, record in enumerate(records):
        alone = contract.apply([record]).rejected
        duplicate = row in together and together[row][0].startswith("duplicate of the primary key")
        assert duplicate or together.get(row) == (alone[0].reasons if alone else None)


DECLARED = ("id", "at", "a", "content")
NAMES = st.text(CHARACTERS, max_size=6) | st.text("aB1_ -.", max_size=8)
NESTED = st.recursive(
    st.integers(0, 9), lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3), max_leaves=8
)


@examples(0.5)
@given(st.dictionaries(NAMES, NESTED, max_size=4))
def test_each_undeclared_field_is_a_column_that_dlt_leaves_as_it_is(fields: dict[str, Any]) -> None:
    shop = shop_of("bigint", "evolve", required=False, windowed=False)
    contract = Contract(shop.resource("things"), shop.children_of("things"))
    leaves = count()

    def numbered(value: Any) -> Any:
        """Give each leaf a number of its own, so that no value hides behind another."""
        return (
            {name: numbered(below) for name, below in value.items()}
            if isinstance(value, dict)
            else next(leaves)
        )

    undeclared = numbered({name: value for name, value in fields.items() if name not in DECLARED})
    contracted = contract.apply([{**undeclared, "id": 1, "at": "2026-01-01"}])
    new = contracted.kept.column_names[len(contract.schema) :]
    naming = NamingConvention(max_length=65_536)
    assert [naming.normalize_path(name) for name in new] == new
    row = contracted.kept.to_pylist()[0]
    # what is in no column is counted
    assert sum(row[name] is not None for name in new) + sum(contracted.discarded.values()) == next(leaves)
    assert contracted.rejected == ()
