"""Records become tables that keep their contract; a record that breaks it is rejected with every reason."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecom_assets.contract.contract import Contract
from ecom_assets.contract.conversion import arrow_type, convert, cursor_instants
from ecom_assets.contract.nested_values import explode
from ecom_assets.contract.result import RejectedRow
from ecom_assets.declaration.reading import Column, Shop
from ecom_assets.foundation.errors import ContractBroken

UTC = timezone.utc


def shop_of(columns: dict[str, Any], policy: str = "evolve", **extra: Any) -> Shop:
    """Return a shop with `things`, of these columns beside their id, and `parts`, a list inside of them."""
    key = {"data_type": "bigint", "nullable": False}
    return Shop.model_validate(
        {
            "name": "testshop",
            "client": {"base_url": "https://api.example.com"},
            "resources": [
                {
                    "name": "things",
                    "primary_key": "id",
                    "schema_contract": {"columns": policy},
                    "endpoint": {"path": "things"},
                    "columns": {"id": key, **columns},
                    **extra,
                },
                {
                    "name": "parts",
                    "primary_key": ["thing_id", "id"],
                    "rows_from": {"resource": "things", "path": "content.parts"},
                    "include_from_parent": ["id"],
                    "columns": {"thing_id": {**key, "path": "_things_id"}, "id": key},
                },
            ],
        }
    )


def contract_of(columns: dict[str, Any], policy: str = "evolve") -> Contract:
    """Return the contract of `things`."""
    shop = shop_of(columns, policy)
    return Contract(shop.resource("things"), shop.children_of("things"))


def column(data_type: str, **sizes: Any) -> Column:
    """Return a column of a type."""
    return Column.model_validate({"name": "value", "data_type": data_type, **sizes})


CURSOR = column("timestamp")
MONEY = column("decimal", precision=18, scale=4)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (column("text"), "", ""),
        (column("text"), "Łódź", "Łódź"),
        (column("text"), 5, "5"),
        (column("text"), True, "true"),
        (column("text"), Decimal("1.10"), "1.10"),
        (column("bigint"), 2.0, 2),
        (column("bigint"), " 7 ", 7),
        (column("bigint"), "", None),
        (column("bigint"), 2**63 - 1, 2**63 - 1),
        (column("bigint"), Decimal("12345678901234567"), 12345678901234567),
        (column("double"), 3, 3.0),
        (column("double"), "2.5", 2.5),
        (column("bool"), 1, True),
        (column("bool"), "False", False),
        (column("bool"), "  ", None),
        (MONEY, "123.4500", Decimal("123.4500")),
        (MONEY, 0.1, Decimal("0.1000")),
        (MONEY, 12, Decimal("12.0000")),
        (MONEY, "1e3", Decimal("1000.0000")),
        (MONEY, "1.50000000", Decimal("1.5000")),
        (MONEY, "-0", Decimal("0.0000")),
        (MONEY, "", None),
        (MONEY, Decimal("99999999999999.9999"), Decimal("99999999999999.9999")),
        (column("date"), "2026-02-28", date(2026, 2, 28)),
        (column("date"), "2026-02-28T00:00:00Z", date(2026, 2, 28)),
        (column("time"), "23:59:58", time(23, 59, 58)),
        (column("json"), {"b": [1, None], "a": Decimal("1.10")}, '{"b":[1,null],"a":1.10}'),
        (column("json"), "", '""'),
        (column("binary"), "aGk=", b"hi"),
        (column("timestamp"), "2026-01-01T23:30:00-05:00", datetime(2026, 1, 2, 4, 30, tzinfo=UTC)),
        (column("timestamp"), "2026-01-01T00:00:00+0530", datetime(2025, 12, 31, 18, 30, tzinfo=UTC)),
        (column("timestamp"), "2026-01-01 00:00:00.123456789Z", datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)),
        (column("timestamp"), "2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)),
        (column("timestamp"), 1767225600, datetime(2026, 1, 1, tzinfo=UTC)),
        (column("timestamp"), 1767225600123, datetime(2026, 1, 1, 0, 0, 0, 123000, UTC)),
        (column("timestamp"), 99_999_999_999, datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)),
        (column("timestamp"), 100_000_000_000, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
    ],
)
def test_values_are_converted(kind: Column, value: Any, expected: Any) -> None:
    for values in ([value], [value, None, value]):
        converted = convert(values, kind)
        assert converted.wrong == {}
        assert converted.array.type == arrow_type(kind)
        assert converted.array.to_pylist() == [expected if entry is not None else None for entry in values]


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (column("bigint"), 2.5, "2.5 is not a whole number of 64 bits"),
        (column("bigint"), 2**63, f"{2**63} is not a whole number of 64 bits"),
        (column("bigint"), True, "true is not a whole number of 64 bits"),
        (column("double"), "much", "'much' is not a number"),
        (column("double"), "NaN", "'NaN' is not a number"),
        (column("bool"), 2, "2 is not true or false"),
        (column("bool"), "yes", "'yes' is not true or false"),
        (MONEY, "abc", "'abc' is not a decimal(18,4)"),
        (MONEY, "1.23456", "'1.23456' is not a decimal(18,4)"),
        (MONEY, "100000000000000", "'100000000000000' is not a decimal(18,4)"),
        (MONEY, "Infinity", "'Infinity' is not a decimal(18,4)"),
        (MONEY, False, "false is not a decimal(18,4)"),
        (column("timestamp"), "yesterday", "'yesterday' is not an instant"),
        (column("timestamp"), "2026-02-30T00:00:00Z", "'2026-02-30T00:00:00Z' is not an instant"),
        (column("timestamp"), True, "true is not an instant"),
        (column("timestamp"), 1e300, "1e+300 is not an instant"),
        (column("date"), "2026-01-01T10:00:00Z", "'2026-01-01T10:00:00Z' is not a date"),
        (column("time"), "25:00", "'25:00' is not a time"),
        (column("text"), {"a": 1}, '{"a":1} is not a text'),
        (column("text"), "\ud800", "'\\ud800' is not a text"),
        (column("binary"), "a", "'a' is not a base64 text"),
        (column("bigint"), "9" * 80, "'" + "9" * 58 + "…" + " is not a whole number of 64 bits"),
    ],
)
def test_values_that_do_not_convert_say_why(kind: Column, value: Any, reason: str) -> None:
    converted = convert([None, value], kind)
    assert converted.wrong == {1: reason}
    assert converted.array.to_pylist() == [None, None]


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.decimals(-(10**13), 10**13, places=4),
            st.integers(-(10**13), 10**13),
            st.decimals(-(10**9), 10**9, places=3).map(float),
        ),
        max_size=8,
    ),
    st.booleans(),
)
def test_no_digit_of_a_decimal_is_lost(numbers: list[Any], as_text: bool) -> None:
    values = [str(number) if as_text and number is not None else number for number in numbers]
    converted = convert(values, MONEY)
    assert converted.array.to_pylist() == [None if value is None else Decimal(str(value)) for value in values]


@settings(deadline=None)
@given(
    st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), min_size=1, max_size=5),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
)
def test_instants_are_compared_as_instants(
    moments: list[datetime],
    offset: int,
    precision: Literal["seconds", "milliseconds", "microseconds"],
) -> None:
    zone = timezone(timedelta(minutes=offset))
    texts = [moment.replace(tzinfo=zone).isoformat(timespec=precision) for moment in moments]
    expected = [datetime.fromisoformat(text).astimezone(UTC) for text in texts]
    assert cursor_instants(texts, CURSOR).to_pylist() == expected
    assert cursor_instants([*texts, "never"], CURSOR).to_pylist() == [*expected, None]


def test_instants_without_a_zone_are_in_the_declared_one() -> None:
    texts = ["2026-01-15T12:00:00", "2026-07-15T12:00:00"]
    summer = [datetime(2026, 1, 15, 11, tzinfo=UTC), datetime(2026, 7, 15, 10, tzinfo=UTC)]
    assert cursor_instants(texts, CURSOR, "Europe/Berlin").to_pylist() == summer
    assert cursor_instants([*texts, ""], CURSOR, "Europe/Berlin").to_pylist() == [*summer, None]


def test_paths_lead_into_records() -> None:
    contract = contract_of(
        {
            "customer_id": {"data_type": "bigint", "path": "buyer.id"},
            "address__city": {"data_type": "text"},
        }
    )
    contracted = contract.apply(
        [{"id": 1, "buyer": {"id": 2}, "address": {"city": "Łódź"}}, {"id": 2, "buyer": None}, {"id": 3}]
    )
    assert contracted.kept.to_pylist() == [
        {"id": 1, "customer_id": 2, "address__city": "Łódź"},
        {"id": 2, "customer_id": None, "address__city": None},
        {"id": 3, "customer_id": None, "address__city": None},
    ]
    assert contracted.kept.schema == contract.schema


def test_rejected_rows_have_every_reason_and_the_rest_is_kept() -> None:
    contract = contract_of(
        {
            "email": {"data_type": "text", "nullable": False},
            "total": {"data_type": "decimal", "precision": 18, "scale": 4},
            "city": {"data_type": "text", "path": "address.city"},
        }
    )
    records: list[Any] = [
        {"id": 1, "email": "a@example.com"},
        {"id": 2, "email": None, "total": "abc", "address": "x"},
        {"email": "c@example.com"},
        "nonsense",
        {"id": 5, "email": "e@example.com", "total": 1},
    ]
    contracted = contract.apply(records)
    assert list(contracted.kept_rows) == [0, 4]
    assert contracted.kept.column("id").to_pylist() == [1, 5]
    assert contracted.rejected == (
        RejectedRow(
            1,
            "2",
            (
                "email: null, but not nullable",
                "total: 'abc' is not a decimal(18,4)",
                "city: address is not an object: 'x'",
            ),
            '{"id":2,"email":null,"total":"abc","address":"x"}',
        ),
        RejectedRow(2, "", ("id: null, but part of the primary key",), '{"email":"c@example.com"}'),
        RejectedRow(3, "", ("the record is not an object: 'nonsense'",), '"nonsense"'),
    )


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.lists(JUNK | st.fixed_dictionaries({"id": JUNK, "email": JUNK, "total": JUNK}), max_size=6))
def test_every_record_is_kept_or_rejected_whatever_it_is(records: list[Any]) -> None:
    contract = contract_of(
        {"email": {"data_type": "text", "nullable": False}, "total": {"data_type": "decimal"}}
    )
    contracted = contract.apply(records)
    rejected = [entry.row for entry in contracted.rejected]
    assert sorted([*contracted.kept_rows, *rejected]) == list(range(len(records)))
    assert contracted.kept.num_rows == len(contracted.kept_rows)
    contracted.kept.validate(full=True)
    assert all(entry.reasons for entry in contracted.rejected)
    for entry in contracted.rejected:
        json.loads(entry.record)


def test_undeclared_fields_become_columns_of_their_type() -> None:
    contract = contract_of({"name": {"data_type": "text"}})
    contracted = contract.apply(
        [
            {
                "id": 1,
                "Weight-KG": 2,
                "box": {"wide": 1, "deep": {"er": "x"}},
                "tags": ["a"],
                "seen": "2026-01-01T00:00:00Z",
                "share": 1,
                "always_null": None,
                "content": {"parts": [], "pages": 3},
                "mixed": 1,
            },
            {"id": 2, "share": 0.5, "mixed": "x"},
        ]
    )
    first = contracted.kept.to_pylist()[0]
    assert {name: hint.get("data_type") for name, hint in contracted.hints.items()} == {
        "weight_kg": "bigint",
        "box__wide": "bigint",
        "box__deep__er": "text",
        "tags": "json",
        "seen": "timestamp",
        "share": "double",
        "content__pages": "bigint",
        "mixed": "text",
    }
    assert first["tags"] == '["a"]'
    assert first["mixed"] == "1"
    assert contracted.rejected == ()


def test_a_column_keeps_the_type_that_it_once_got() -> None:
    contract = contract_of({})
    contract.apply([{"id": 1, "size": 1}])
    contracted = contract.apply([{"id": 2, "size": 2.75}, {"id": 3, "size": 4.0}])
    assert contracted.kept.to_pylist() == [{"id": 3, "size": 4}]
    assert contracted.rejected[0].reasons == ("size: 2.75 is not a whole number of 64 bits",)


def test_undeclared_fields_are_discarded_and_counted() -> None:
    contracted = contract_of({}, "discard_value").apply([{"id": 1, "a": 1}, {"id": 2, "a": None, "b": "x"}])
    assert contracted.discarded == {"a": 1, "b": 1}
    assert contracted.kept.column_names == ["id"]


def test_undeclared_fields_are_refused() -> None:
    with pytest.raises(ContractBroken, match=r"^things: found the undeclared fields a, b; .* is freeze"):
        contract_of({}, "freeze").apply([{"id": 1, "a": 1, "b": 2}])


def test_lists_explode_into_rows() -> None:
    shop = shop_of({})
    parents: list[Any] = [
        {"id": 7, "content": {"parts": [{"id": 1}, {"id": 2}]}},
        {"id": 8, "content": {"parts": []}},
        {"id": 9},
        {"id": 10, "content": {"parts": ["x"]}},
    ]
    children, positions = explode(parents, shop.resource("parts"), shop.resource("things"))
    assert positions == [0, 0, 3]
    contracted = Contract(shop.resource("parts")).apply(children)
    assert contracted.kept.to_pylist() == [{"thing_id": 7, "id": 1}, {"thing_id": 7, "id": 2}]
    assert [entry.reasons for entry in contracted.rejected] == [("the record is not an object: 'x'",)]


def test_hints_and_schema_agree() -> None:
    contract = contract_of(
        {"total": {"data_type": "decimal", "precision": 9, "scale": 2, "description": "Sum."}}
    )
    assert contract.columns_hints() == {
        "id": {"data_type": "bigint", "nullable": False},
        "total": {
            "data_type": "decimal",
            "nullable": True,
            "precision": 9,
            "scale": 2,
            "description": "Sum.",
        },
    }
    assert contract.schema.field("total") == pa.field("total", pa.decimal128(9, 2))
    assert not contract.schema.field("id").nullable


def test_no_record_still_has_all_columns() -> None:
    contract = contract_of({"name": {"data_type": "text"}})
    assert contract.apply([]).kept.schema == contract.schema
