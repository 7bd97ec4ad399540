"""Cron expressions as Dagster reads them: five fields, or a word such as `@daily`.

Dagster validates an expression only when definitions load, and a declaration is read without Dagster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

WORDS = {
    "@hourly": "0 * * * *",
    "@midnight": "0 0 * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
"""The words that stand for an expression."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _WEEKDAYS),
)
_ENTRY = re.compile(r"(?:[*?]|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>\d+))?")
# `5#3` is the third Friday of a month, `L5` the last one; both count as every Friday here
_OF_MONTH = re.compile(r"l(?P<before>[0-7])|(?P<after>[0-7])#[1-5]")
_LAST_DAY = 0
"""Stands for the last day of a month among its days."""
_HORIZON = 9 * 366
"""Days in which each possible day occurs, the 29th of February too."""


class Cron:
    """When an expression is due: sets of minutes, hours, days, months and weekdays (0 is Sunday)."""

    def __init__(self, text: str) -> None:
        """Read an expression.

        Raises:
            ValueError: The text is no expression, or names a day that no year has. The message says what is wrong.
        """
        fields = WORDS.get(text.strip().lower(), text).split()
        if len(fields) != len(_FIELDS):
            raise ValueError(f"{len(fields)} fields instead of 5")
        values = [_values(field.lower(), *known) for field, known in zip(fields, _FIELDS, strict=True)]
        self.minutes, self.hours, self._days, self._months, weekdays = values
        self._weekdays = {day % 7 for day in weekdays}
        self._any_day, self._any_weekday = fields[2][0] in "*?", fields[4][0] in "*?"
        never = (
            self._months == {2} and min(self._days) > 29
        )  # not even where a weekday is given too, in Dagster
        if never or next(self._due_days(), None) is None:
            raise ValueError("a day that no year has")

    def shortest_gap(self) -> timedelta:
        """Return the shortest time between two times at which it is due, in a time zone without summer time."""
        times = sorted(hour * 60 + minute for hour in self.hours for minute in self.minutes)
        gaps = [later - earlier for earlier, later in pairwise(times)]
        days = list(self._due_days())
        between = min(((later - earlier).days for earlier, later in pairwise(days)), default=366)
        return timedelta(minutes=min([*gaps, between * 24 * 60 - (times[-1] - times[0])]))

    def _due_days(self) -> Iterator[date]:
        """Yield the days on which it is due. Where both kinds of days are given, one of them is enough."""
        for number in range(_HORIZON):
            day = date(2023, 1, 1) + timedelta(days=number)
            if day.month not in self._months:
                continue
            is_last = (day + timedelta(days=1)).day == 1
            in_month = day.day in self._days or (is_last and _LAST_DAY in self._days)
            in_week = (day.weekday() + 1) % 7 in self._weekdays
            either = not self._any_day and not self._any_weekday
            if (in_month or in_week) if either else (in_month and in_week):
                yield day


def _values(field: str, name: str, low: int, high: int, names: tuple[str, ...]) -> set[int]:
    """Return the numbers that a field of an expression stands for."""
    found: set[int] = set()
    for entry in field.split(","):
        of_month = _OF_MONTH.fullmatch(entry) if names is _WEEKDAYS else None
        if of_month:
            found.add(int(of_month["before"] or of_month["after"]))
            continue
        if entry == "l" and name == "day of the month":
            found.add(_LAST_DAY)
            continue
        parts = _ENTRY.fullmatch(entry)
        if parts is None:
            raise ValueError(f"{entry!r} as {name}")
        step = int(parts["step"] or 1)
        first, last = low, high
        if parts["low"]:
            first = _number(parts["low"], name, low, high, names)
            last = _number(parts["high"], name, low, high, names) if parts["high"] else first
            last = high if parts["step"] and not parts["high"] else last
        if not 1 <= step <= high or ("?" in entry and not name.startswith("day")):
            raise ValueError(f"{entry!r} as {name}")
        length = high - low + (names is not _WEEKDAYS)  # both 0 and 7 are Sunday
        span = last - first if first <= last else last - first + length
        found.update(low + (first - low + offset) % length for offset in range(0, span + 1, step))
    return found


def _number(text: str, name: str, low: int, high: int, names: tuple[str, ...]) -> int:
    """Return the number that a text stands for, or a name of a month or a weekday."""
    number = names.index(text) + min(low, 1) if text in names else int(text) if text.isdecimal() else -1
    if not low <= number <= high:
        raise ValueError(f"{text!r} as {name}")
    return number
