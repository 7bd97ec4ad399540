"""Infers the type of a column from its values: exact types for money, instants as instants, text in doubt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ecom_assets.contract.conversion import convert
from ecom_assets.declaration.column_types import DataType
from ecom_assets.declaration.reading import Column
from ecom_assets.discovery.evidence import assumed

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_OTHER_INSTANTS = {
    "as in RFC 2822": re.compile(r"([A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d.*"),
    "written as /Date(…)/": re.compile(r"/Date\(-?\d+([+-]\d{4})?\)/"),
}
_ZONE = re.compile(r"(Z|z|[+-]\d\d(:?\d\d)?| UTC| GMT)$")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d\d:\d\d:\d\d(\.\d+)?")
_MONEY = re.compile(
    r"(^|_)(price|prices|total|subtotal|amount|cost|costs|tax|taxes|discount|fee|fees|sum|balance|refund|refunded|value)(_|$)"
)
_NO_MONEY = re.compile(
    r"(^|_)(count|quantity|number|items|pieces|cents?|minor|micros|id|version|code|sku|phone|zip|ip|class)(_|$)"
)
_SHARE = re.compile(r"(^|_)(rate|share|ratio|percent|percentage|factor|weight)(_|$)")
_TIMES = re.compile(
    r"(_at|_on|_ts|_time|_date|date|time|timestamp|created|updated|modified|changed|joined|registered|published)(_utc|_gmt)?$"
)
_GEO = re.compile(r"(^|_)(lat|lng|lon|long|latitude|longitude)(_|$)")
_MAX_DECIMAL_DIGITS = 6
"""JSON numbers with more digits after the point become double."""

WHOLE_AMOUNT = assumed("an amount, though only whole numbers were seen")
"""The evidence where all values are whole numbers, and the name alone says that they are money."""


@dataclass(frozen=True)
class InferredType:
    """A type and the evidence for it, empty where it is obvious."""

    data_type: DataType
    evidence: str = ""
    precision: int | None = None
    scale: int | None = None


def infer_type(name: str, values: Sequence[Any]) -> InferredType | None:
    """Return the type of a column.

    Args:
        name: Its name in snake_case; it tells money and times from other numbers.
        values: The values in the sample.

    Returns:
        None where all values are null.
    """
    present = [value for value in values if value is not None]
    if not present:
        return None
    kinds = {type(value) for value in present}
    if kinds & {dict, list}:
        return InferredType("json")
    if kinds == {bool}:
        return InferredType("bool")
    if bool in kinds:
        return InferredType("text", "true or false, and other values")
    if kinds == {str}:
        return _type_of_texts(name, [value for value in present if value.strip()])
    if kinds <= {int, float, Decimal}:
        return _type_of_numbers(name, present, kinds)
    texts = [value.strip() for value in present if isinstance(value, str) and value.strip()]
    numbers = all(map(_NUMBER.fullmatch, texts))
    if numbers and not _NO_MONEY.search(name):
        return _decimal_type(
            [*texts, *(value for value in present if not isinstance(value, str))], "some of them text"
        )
    return InferredType("text", "texts and numbers")


def is_time_name(name: str) -> bool:
    """Tell whether a name in snake_case is usual for instants."""
    return _TIMES.search(name) is not None


def _type_of_texts(name: str, present: Sequence[str]) -> InferredType:
    if not present:
        return InferredType("text", "every text is empty")
    numbers = all(map(_NUMBER.fullmatch, present)) and not _NO_MONEY.search(name)
    if numbers and (any("." in text for text in present) or _MONEY.search(name)):
        return (
            InferredType("decimal", "numbers as text")
            if _SHARE.search(name)
            else _decimal_type(present, "numbers as text")
        )
    patterns: dict[DataType, re.Pattern[str]] = {"timestamp": _INSTANT, "date": _DATE, "time": _TIME}
    for data_type, pattern in patterns.items():
        matches = pattern.match if data_type == "timestamp" else pattern.fullmatch
        if all(matches(text) for text in present) and _converts(present, data_type):
            naive = data_type == "timestamp" and not all(_ZONE.search(text) for text in present)
            return InferredType(data_type, assumed("without a time zone, taken as UTC") if naive else "")
    for evidence, pattern in _OTHER_INSTANTS.items():
        if all(map(pattern.fullmatch, present)) and _converts(present, "timestamp"):
            return InferredType("timestamp", evidence)
    numbers_of_seconds = all(re.fullmatch(r"\d{9,13}", text) for text in present)
    if is_time_name(name) and numbers_of_seconds and _are_unix_times([int(text) for text in present]):
        return InferredType("timestamp", "seconds or milliseconds since 1970, as text")
    return InferredType("text")


def _type_of_numbers(name: str, present: Sequence[Any], kinds: set[type]) -> InferredType:
    money = bool(_MONEY.search(name)) and not _NO_MONEY.search(name) and not _SHARE.search(name)
    if kinds == {int}:
        if _TIMES.search(name) and _are_unix_times(present):
            return InferredType("timestamp", "seconds or milliseconds since 1970")
        if not _converts(present, "bigint"):
            return InferredType("decimal", "whole numbers beyond 64 bits", 38, 0)
        return _decimal_type(present, WHOLE_AMOUNT) if money else InferredType("bigint")
    if _GEO.search(name) or any(
        _digits_after_point(value) > _MAX_DECIMAL_DIGITS for value in present if isinstance(value, float)
    ):
        return InferredType("double", "numbers with many digits after the point")
    # money has a fixed scale; later values of other numbers, such as shares, may have more digits
    return (
        _decimal_type(present, "an amount")
        if money
        else InferredType("decimal", "numbers with a point, read exactly")
    )


def _are_unix_times(present: Sequence[int]) -> bool:
    """Tell whether whole numbers lie between 1989 and 2096, in seconds or in milliseconds."""
    return all(6e8 < value < 4e9 for value in present) or all(6e11 < value < 4e12 for value in present)


def _decimal_type(present: Sequence[Any], evidence: str) -> InferredType:
    """Return a decimal type with four digits after the point, or more where more were seen."""
    scale = max((_digits_after_point(value) for value in present), default=0)
    whole = max((len(str(value).lstrip("-").partition(".")[0]) for value in present), default=1)
    if scale <= 4 and whole <= 12:
        return InferredType("decimal", evidence, 18, 4)
    return InferredType("decimal", evidence, 38, max(9, scale))


def _digits_after_point(value: Any) -> int:
    """Return how many digits a number has after the point, 99 for one that is written with an exponent."""
    text = str(value)
    return 99 if "e" in text.lower() else len(text.partition(".")[2].rstrip("0"))


def _converts(present: Sequence[Any], data_type: str) -> bool:
    column = Column.model_construct(name="tested", data_type=data_type)
    return not convert(present, column).wrong
