"""Faults of single records: what breaks a contract is rejected, and the rest is stored as it came."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ecom_assets.contract.contract import Contract
from ecom_assets.contract.nested_values import explode
from ecom_assets.contract.result import ContractResult
from ecom_assets.foundation.errors import ContractBroken
from ecom_assets_tests.contract.test_contract_properties import WAREHOUSE, assert_the_warehouse_takes, shop_of

AT = "2026-01-01T00:00:00Z"
NOT_FINITE = (float("nan"), float("inf"), float("-inf"), "NaN", "Infinity")


def things(
    *records: Any, key: str = "bigint", policy: str = "evolve", windowed: bool = True
) -> ContractResult:
    """Judge records of `things`."""
    shop = shop_of(key, policy, required=False, windowed=windowed)
    return Contract(shop.resource("things"), shop.children_of("things")).apply(records)


def reasons(contracted: ContractResult) -> dict[int, tuple[str, ...]]:
    return {entry.row: entry.reasons for entry in contracted.rejected}


def kept(contracted: ContractResult, name: str = "id") -> list[Any]:
    return list(contracted.kept.column(name).to_pylist())


@pytest.mark.parametrize("content", ["x", ["x"], 1, False])
def test_what_stands_in_the_way_of_a_nested_list_is_rejected(content: Any) -> None:
    shop = shop_of("bigint", "evolve", required=False, windowed=False)
    children, positions = explode([{"id": 1, "content": content}], *shop.resources[::-1])
    assert (children, positions) == ([content], [0])
    assert reasons(Contract(shop.resource("parts")).apply(children))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1}, {"x__b": 1}),
        ([{"b": 1}], {"x": '[{"b":1}]'}),
        ({}, {"x": "{}"}),
        ([], {"x": "[]"}),
        ({"b": {"c": []}}, {"x__b__c": "[]"}),
        ("", {"x": ""}),
        (2**70, {"x": Decimal(2**70)}),
        (10**40, {"x": "1" + "0" * 40}),
        (Decimal("1.10"), {"x": Decimal("1.100000000")}),
        ("2026-01-01T01:00:00+01:00", {"x": datetime(2026, 1, 1, tzinfo=timezone.utc)}),
        ("2026-01-01", {"x": "2026-01-01"}),
    ],
)
def test_undeclared_values_become_columns(value: Any, expected: dict[str, Any]) -> None:
    contracted = things({"id": 1, "at": AT, "x": value})
    row = contracted.kept.to_pylist()[0]
    assert {name: row[name] for name in contracted.hints} == expected


def test_a_field_may_turn_from_an_object_into_a_list_and_back() -> None:
    shop = shop_of("bigint", "evolve", required=False, windowed=False)
    contract = Contract(shop.resource("things"))
    found = [
        contract.apply([{"id": 1, "at": AT, "x": value}]).kept.to_pylist()[0]
        for value in ({"b": 1}, [1], {"b": 2}, {}, None)
    ]
    assert [row.get("x") for row in found] == [None, "[1]", None, "{}", None]
    assert [row.get("x__b") for row in found] == [1, None, 2, None, None]
    both = contract.apply([{"id": 1, "at": AT, "x": {"b": 1}}, {"id": 2, "at": AT, "x": [1]}])
    assert (kept(both, "x"), kept(both, "x__b"), both.rejected) == ([None, "[1]"], [1, None], ())


def test_two_fields_never_share_a_column() -> None:
    contracted = things(
        {"id": 1, "at": AT, "fooBar": 1, "foo-bar": 2},
        {"id": 2, "at": AT, "foo_bar": 3, "FooBar": 3, "AT": "x"},
        {"id": 3, "at": AT, "foo bar": 4, "foo": {"bar": 5}, "foo__bar": 6},
    )
    assert kept(contracted, "foo_bar") == [None, 3, None]
    assert kept(contracted, "foo__bar") == [None, None, 5]
    columns = {name: kept(contracted, name) for name in contracted.hints}
    assert sorted(
        value for values in columns.values() for value in values if value is not None and value != "x"
    ) == [1, 2, 3, 3, 4, 5, 6]
    assert next(name for name, values in columns.items() if "x" in values).startswith("at_")
    assert contracted.discarded == {}
    assert contracted.rejected == ()


SCRIPTS = {"größe": 1, "gr_e": 2, "价格": 3, "数量": 4, "цена": 5, "имя": 6, "user.name": 7, "userName": 8}


def test_fields_in_any_script_have_columns_of_their_own_the_same_in_every_run() -> None:
    together = things({"id": 1, "at": AT, **SCRIPTS, "o": SCRIPTS})
    row = together.kept.to_pylist()[0]
    names = {name: row[name] for name in together.hints}
    assert sorted(names.values()) == sorted([*SCRIPTS.values()] * 2)
    assert (names["gr_e"], names["o__gr_e"]) == (2, 2)
    for field in ("价格", "数量", "цена", "имя", "gr_e"):
        alone = things({"id": 1, "at": AT, field: 9})
        (name,) = alone.hints
        assert names[name] == SCRIPTS[field]


def test_a_declared_column_takes_one_other_spelling_and_only_without_its_own_field() -> None:
    assert kept(things({"id": 1, "AT": AT}), "at") == kept(things({"id": 1, "at": AT}), "at")
    both = things({"id": 1, "at": AT, "AT": "x", "At": "y"})
    assert kept(both, "at") == kept(things({"id": 1, "at": AT}), "at")
    assert sorted(kept(both, name)[0] for name in both.hints) == ["x", "y"]


def test_a_frozen_contract_names_the_undeclared_fields_whatever_is_in_them() -> None:
    with pytest.raises(ContractBroken, match="found the undeclared fields x"):
        things({"id": 1, "at": AT, "😀": {"\ud800": 1}}, policy="freeze")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((kind, number) for kind in ("bigint", "double", "decimal", "timestamp") for number in NOT_FINITE),
        ("text", float("nan")),
        ("text", "\ud83d"),
        ("json", {"a": ["\ud83d"]}),
        ("json", {"\udc00": 1}),
        ("bigint", 2**63),
        ("bigint", "1_000"),
        ("double", "1_000"),
        ("timestamp", "0000-01-01T00:00:00Z"),
        ("timestamp", "9999-12-31T23:59:59-01:00"),
        ("date", "0000-01-01"),
        ("decimal", "9" * 30),
    ],
)
def test_what_no_column_of_the_type_can_hold_is_rejected(kind: str, value: Any) -> None:
    contracted = things({"id": 1, "at": AT, "a": {kind: value}}, {"id": 2, "at": AT})
    assert kept(contracted) == [2]
    assert reasons(contracted)[0][0].startswith(f"a_{kind}: ")
    contracted.rejected[0].record.encode()


def test_a_key_with_a_lone_surrogate_is_rejected_and_shown() -> None:
    contracted = things({"id": "a\ud800", "at": AT}, key="text")
    assert contracted.rejected[0].primary_key == "a\\ud800"
    assert json.loads(contracted.rejected[0].record)["id"] == "a\ud800"


@pytest.mark.parametrize("depth", [100, 255, 500, 1000])
@pytest.mark.parametrize("policy", ["evolve", "discard_value"])
def test_deep_nesting_is_kept_whole(depth: int, policy: str) -> None:
    lists: Any = 1
    objects: Any = {"end": 2**70}
    for _ in range(depth):
        lists, objects = [lists], {"in": objects}
    shop = shop_of("bigint", policy, required=False, windowed=False)
    things, parts = shop.resources
    contract = Contract(things, shop.children_of("things"))
    good = {"id": 1, "at": "2026-01-01", "lists": lists, "objects": objects, "a": {"json": objects}}
    bad = {"id": 2, "at": "2026-01-01", "a": {"text": objects}, "content": {"parts": lists}}
    contracted = contract.apply([good, bad])
    assert contracted.kept_rows == [0]
    row = contracted.kept.to_pylist()[0]
    assert row["a_json"] == '{"in":' * depth + '{"end":1180591620717411303424}' + "}" * depth
    assert contracted.rejected[0].record.endswith("[" * depth + "1" + "]" * depth + "}}")
    if policy == "evolve":
        assert row["lists"] == "[" * depth + "1" + "]" * depth
        (name,) = [name for name in row if name.startswith("objects")]
        assert name == "objects" + "__in" * 15
        assert row[name] == row["a_json"][6 * 15 : -15]
    assert_the_warehouse_takes(contracted, things)
    children, _ = explode([good, bad], parts, things)
    assert [entry.reasons[0][:36] for entry in Contract(parts).apply(children).rejected] == [
        "the record is not an object: [[[[[[["
    ]


def test_a_table_of_the_contract_is_written_as_declared(tmp_path: Path) -> None:
    shop = shop_of("bigint", "evolve", required=False, windowed=False)
    contract = Contract(shop.resource("things"))
    texts = [
        "\x00",
        "a\x00b",
        "\x07\x1b[0m",
        "😀",
        "\ufeff",
        "e\u0301",
        "",
        "  ",
        "'; drop table x --",
        '"\\',
    ]
    records = [
        {"id": number, "at": "2026-01-01", "a": {"text": text, "json": {text: text}}, "More 😀": text}
        for number, text in enumerate(texts)
    ]
    contracted = contract.apply(records)
    assert contracted.rejected == ()
    pq.write_table(contracted.kept, tmp_path / "things.parquet")
    file = tmp_path / "things.parquet"
    rows = WAREHOUSE.execute(f"select a_text, a_json::JSON, morex from '{file}' order by id").fetchall()
    assert [(row[0], json.loads(row[1]), row[2]) for row in rows] == [
        (text, {text: text}, text) for text in texts
    ]
