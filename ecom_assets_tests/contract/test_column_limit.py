"""The limit of new columns: an object whose names are data fails clearly and at once, or stays one JSON column."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ecom_assets.contract.contract import Contract
from ecom_assets.contract.result import ContractResult
from ecom_assets.declaration.reading import Column, Resource
from ecom_assets.foundation.errors import ContractBroken
from ecom_assets_tests.support.examples import slowly


def resource(**keys: Any) -> Resource:
    """Return a resource with an id, and with all other fields undeclared."""
    columns = keys.pop("columns", {"id": {"data_type": "bigint", "nullable": False}})
    return Resource.model_validate(
        {"name": "things", "primary_key": "id", "endpoint": {"path": "/things"}, "columns": columns, **keys}
    )


def apply(
    declared: Resource, *batches: list[dict[str, Any]], evolved: dict[str, Column] | None = None
) -> ContractResult:
    """Return the result of the last batch of records of one run."""
    contract = Contract(declared, evolved=evolved)
    return [contract.apply(batch) for batch in batches][-1]


def stock(names: int, first: int = 0) -> dict[str, Any]:
    return {f"SKU-{number}": {"price": number, "left": 1} for number in range(first, first + names)}


def names_of(result: ContractResult) -> set[str]:
    return set(result.kept.column_names)


def test_an_object_keyed_by_sku_fails_with_its_name_and_what_to_declare() -> None:
    with pytest.raises(ContractBroken) as caught:
        apply(resource(), [{"id": 1, "name": "x", "stock": stock(150)}])
    assert str(caught.value) == (
        "things: the object stock has 150 different names, and 301 new columns would come; the table has none, and "
        "allowed are 200 (max_new_columns). If its names are data, such as ids, declare the column stock: {data_type: "
        "json, path: stock}, or beyond_max_new_columns: json for all such objects. If they are fields, raise "
        "max_new_columns"
    )
    told = resource(
        columns={"id": {"data_type": "bigint", "nullable": False}, "stock": {"data_type": "json"}}
    )
    assert names_of(apply(told, [{"id": 1, "name": "x", "stock": stock(150)}])) == {"id", "name", "stock"}
    raised = apply(resource(max_new_columns=301), [{"id": 1, "name": "x", "stock": stock(150)}])
    assert len(names_of(raised)) == 302


@pytest.mark.parametrize(
    "records",
    [
        [{"id": 1, "stock": stock(20_000)}],
        [{"id": n, "warehouse": {"stock": {f"S{n}-{m}": 1 for m in range(20)}}} for n in range(1000)],
        *slowly(
            [
                [{"id": 1, "stock": {f"S{number}": number for number in range(20_000)}}],
                [{"id": 1, "stock": None}, *({"id": 2 + n, "stock": stock(40, 40 * n)} for n in range(500))],
            ]
        ),
    ],
    ids=["objects", "deeper, a few in each record", "values", "a few in each record"],
)
def test_20_000_names_take_no_time(records: list[dict[str, Any]]) -> None:
    begun = time.process_time()
    with pytest.raises(ContractBroken, match=r"the object (warehouse\.)?stock has 20000 different names"):
        apply(resource(columns={}), records)
    kept = apply(resource(columns={}, beyond_max_new_columns="json"), records)
    assert time.process_time() - begun < 20  # it took minutes when each name was compared with all others
    assert names_of(kept) - {"id", "name"} in ({"stock"}, {"warehouse__stock"})
    (column,) = names_of(kept) - {"id"}
    texts = [text for text in kept.kept.column(column).to_pylist() if text]
    assert sum(text.count(":") for text in texts) >= 20_000


def test_the_limit_counts_the_columns_of_all_loads_and_batches() -> None:
    evolved = {f"c{n}": Column(name=f"c{n}", data_type="bigint") for n in range(3)}
    limited = resource(max_new_columns=4)
    apply(limited, [{"id": 1, "c0": 1, "c1": 1, "c2": 1, "d": 1}], evolved=evolved)
    with pytest.raises(
        ContractBroken, match=r"2 undeclared fields.* 2 new columns; the table has 3 undeclared"
    ):
        apply(limited, [{"id": 1, "d": 1, "e": 1}], evolved=evolved)
    with pytest.raises(ContractBroken, match="1 new columns; the table has 4"):
        apply(limited, [{"id": 1, "d": 1}], [{"id": 2, "e": 1}], evolved=evolved)


def test_a_table_that_already_has_more_columns_still_loads() -> None:
    evolved = {f"c{n}": Column(name=f"c{n}", data_type="bigint") for n in range(500)}
    record = {"id": 1, **dict.fromkeys(evolved, 1)}
    assert len(names_of(apply(resource(), [record], evolved=evolved))) == 501
    with pytest.raises(ContractBroken, match="the table has 500 undeclared columns"):
        apply(resource(), [{**record, "more": 1}], evolved=evolved)


def test_fields_that_become_no_columns_do_not_count() -> None:
    nulls = {f"n{number}": None for number in range(300)}
    assert names_of(apply(resource(), [{"id": 1, "name": "x", **nulls}])) == {"id", "name"}
    many = {f"field{number}": {"data_type": "bigint", "path": f"at.F{number}"} for number in range(300)}
    declared = resource(columns={"id": {"data_type": "bigint", "nullable": False}, **many})
    record = {"id": 1, "at": {f"F{number}": 1 for number in range(300)}, "name": "x"}
    assert "name" in names_of(apply(declared, [record]))
    # fields whose names become those of declared columns
    camel = {f"some_name{number}": {"data_type": "bigint"} for number in range(300)}
    declared = resource(columns={"id": {"data_type": "bigint", "nullable": False}, **camel})
    record = {"id": 1, **{f"someName{number}": 1 for number in range(300)}}
    assert names_of(apply(declared, [record])) == {"id", *camel}
    dropped = apply(resource(schema_contract={"columns": "discard_value"}), [{"id": 1, "stock": stock(300)}])
    assert names_of(dropped) == {"id"}
    whole = apply(resource(max_table_nesting=0), [{"id": 1, "stock": stock(300)}])
    assert names_of(whole) == {"id", "stock"}


def test_an_object_that_stays_json_does_so_in_later_batches_and_loads() -> None:
    keeping = resource(beyond_max_new_columns="json", max_new_columns=5)
    result = apply(
        keeping,
        [{"id": 1, "name": "x", "stock": stock(9), "size": {"height": 1, "width": 2}}],
        [{"id": 2, "stock": stock(1), "size": {"height": 3}}],
    )
    assert names_of(result) == {"id", "stock", "size__height"}
    assert result.kept.column("stock").to_pylist() == ['{"SKU-0":{"price":0,"left":1}}']
    later = apply(
        keeping, [{"id": 3, "stock": stock(1)}], evolved={"stock": Column(name="stock", data_type="json")}
    )
    assert names_of(later) == {"id", "stock"}


def test_records_with_too_many_fields_of_their_own_fail_also_with_json() -> None:
    wide = {"id": 1, **{f"f{number}": 1 for number in range(300)}}
    for keys in ({}, {"beyond_max_new_columns": "json"}):
        with pytest.raises(
            ContractBroken, match=r"the records have 300 undeclared fields, .*raise max_new_columns"
        ):
            apply(resource(**keys), [wide])


def test_many_objects_of_some_fields_stay_json_one_after_the_other() -> None:
    record = {"id": 1, **{f"o{n}": {f"f{m}": 1 for m in range(n + 2)} for n in range(30)}}
    result = apply(resource(beyond_max_new_columns="json"), [record])
    assert len(names_of(result)) <= 201
    assert {"o29", "o0__f0"} <= names_of(result)
