"""A server's filter for windows, in the memory of a test: it works as the declaration says.

A declaration leaves open how a server compares instants. Tests vary that too, as far as real servers differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from ecom_assets.declaration.instant_format import resolution_of
from ecom_assets.declaration.reading import Incremental
from ecom_assets.extract.window_request import WindowRequest

UTC = timezone.utc
IN_UTC = ("iso8601", "unix", "unix_ms")


@dataclass(frozen=True)
class Stored:
    """A record on the server: the instant of its change, and the cursor value that the server writes."""

    moment: datetime
    cursor: Any

    def as_record(self, number: int) -> dict[str, Any]:
        return {"id": number, "at": self.cursor}


@dataclass(frozen=True)
class Answering:
    """Compares instants, or with `by_wall` local times; `fold` selects one of two equal local times.

    With `truncating` it compares only the digits that the format has.
    """

    incremental: Incremental
    by_wall: bool
    fold: int
    truncating: bool

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.incremental.timezone)

    def answer(self, stored: Sequence[Stored], asked: WindowRequest) -> list[dict[str, Any]]:
        """Return the records of an interval; a bound without a parameter does not apply."""
        start = self._read(asked.start) if self.incremental.start_param else None
        end = self._read(asked.end) if self.incremental.end_param else None
        found = []
        for number, record in enumerate(stored):
            value = self._value(record.moment)
            if start is not None and not (
                value > start if self.incremental.bounds[0] == "(" else value >= start
            ):
                continue
            if end is not None and not (value < end if self.incremental.bounds[1] == ")" else value <= end):
                continue
            found.append(record.as_record(number))
        return found

    def _read(self, text: str) -> datetime:
        """Parse a parameter."""
        form = self.incremental.format
        if form == "iso8601":
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        elif form in ("unix", "unix_ms"):
            moment = datetime.fromtimestamp(int(text) / (1 if form == "unix" else 1000), UTC)
        elif form in ("iso8601_naive", "date"):
            moment = datetime.fromisoformat(text).replace(tzinfo=self.zone, fold=self.fold)
        elif form == "%s":
            moment = datetime.fromtimestamp(int(text), UTC)
        else:
            moment = datetime.strptime(text, form)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=self.zone, fold=self.fold)
        return self._comparable(moment)

    def _value(self, moment: datetime) -> datetime:
        if self.truncating:
            local = moment.astimezone(self.zone)
            floor = local.replace(tzinfo=None)
            floor -= (floor - datetime.min) % resolution_of(self.incremental.format)
            moment = floor.replace(tzinfo=self.zone, fold=local.fold)
        return self._comparable(moment)

    def _comparable(self, moment: datetime) -> datetime:
        if self.by_wall:
            return (
                moment.astimezone(self.zone).replace(tzinfo=None)
                if moment.tzinfo is UTC
                else moment.replace(tzinfo=None)
            )
        return moment.astimezone(UTC)


def written(moment: datetime, style: str, zone: ZoneInfo, offset: int) -> Stored:
    """Return a record whose cursor is written in a style; digits that the style lacks are not stored either."""
    if style == "offset":
        return Stored(moment, moment.astimezone(timezone(timedelta(minutes=offset))).isoformat())
    if style == "naive":
        return Stored(moment, moment.astimezone(zone).replace(tzinfo=None).isoformat())
    if style == "date":
        day = moment.astimezone(zone).date()
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        return Stored(midnight.astimezone(UTC), day.isoformat())
    if style == "unix":
        moment = moment.replace(microsecond=0)
        return Stored(moment, int(moment.timestamp()))
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return Stored(moment, int(moment.timestamp()) * 1000 + moment.microsecond // 1000)
