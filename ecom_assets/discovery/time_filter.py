"""Whether an API filters by the time of a record's last change: found out by trying, with as few requests as can be.

A far-future instant must bring nothing; instants of the sample's own records tell which parameter it was, in which
format, and whether the ends are included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from ecom_assets.discovery.asking import Reply
from ecom_assets.discovery.cursors import Cursor
from ecom_assets.discovery.guess import Filter, Habits
from ecom_assets.discovery.listing import Listing
from ecom_assets.discovery.page_size import sorted_by_refusal
from ecom_assets.ingest.contract import instants
from ecom_assets.ingest.declaration import Incremental
from ecom_assets.ingest.keys import value_at
from ecom_assets.ingest.windows import Slice, ask

_FAR = datetime(2090, 1, 1, tzinfo=timezone.utc)
_SECOND = timedelta(seconds=1)

Pairs = list[tuple[str, tuple[str, ...]]]


@dataclass
class TimeFilter:
    """The trials of one endpoint's filter; `sized` stands in every request, `size` is what it asks for."""

    listing: Listing
    cursor: Cursor
    pairs: Pairs
    sized: Mapping[str, Any]
    size: int
    tried: list[str] = field(default_factory=list)
    empty: list[Reply] = field(default_factory=list)
    """The answers that a far-future instant left without a record."""
    refusal: str = ""
    """Why the last question was refused, if it was."""

    def find(self, habits: Habits) -> Filter | None:
        """Return the filter, None where none of the parameters is honoured. Raises Spent."""
        formats = list(dict.fromkeys([habits.format, *self.cursor.formats] if habits.format else self.cursor.formats))
        ends = dict(self.pairs)
        if habits.start_param in ends or (habits.start_param and not ends):
            start = str(habits.start_param)
            if self._nothing_after([start], formats[0]) is True:
                return self._confirmed(start, formats)
        names = [name for name, _ in self.pairs]
        if self.listing.strict or len(names) == 1:
            return self._one_by_one(names, formats)
        for form in formats[:2]:
            outcome = self._nothing_after(names, form)
            if outcome is True:
                start = self._which(names, form)
                return self._confirmed(start, [form, *(entry for entry in formats if entry != form)]) if start else None
            if outcome is None and not self.listing.strict:
                continue
        return self._one_by_one(names, formats) if self.listing.strict else None

    def _one_by_one(self, names: list[str], formats: list[str]) -> Filter | None:
        pending = list(names)
        while pending:
            name = pending.pop(0)
            for form in formats[:2]:
                outcome = self._nothing_after([name], form)
                if outcome is True:
                    return self._confirmed(name, formats)
                if outcome is False or self._unknown(name):
                    break
        return None

    def _unknown(self, name: str) -> bool:
        """Tell whether the API called a parameter unknown, rather than its value wrong."""
        return self.refusal != "" and sorted_by_refusal([name, "x"], self.refusal)[0] == "x"

    def _nothing_after(self, names: Sequence[str], form: str) -> bool | None:
        """Tell whether a far-future instant brings nothing, None where the API refuses the question."""
        text = self._written(_FAR, _FAR, form)[0]
        reply, rows = self.listing.filtered({**self.sized, **dict.fromkeys(names, text)})
        self.tried += [name for name in names if name not in self.tried]
        self.refusal = reply.refusal
        if reply.status == 404 or (not reply.refused and not rows):
            self.empty.append(reply)
            return True
        return None if reply.refused else False

    def _which(self, names: list[str], form: str) -> str | None:
        """Give each parameter an instant of its own; the oldest record that comes tells which one counted."""
        grain = timedelta(days=1) if form == "date" else _SECOND
        while len(names) > 1:
            # every other instant, so that an excluded one is not taken for the next
            steps = sorted({_floor(moment, grain) for moment in self.cursor.moments})[1::2][-len(names) :]
            if len(steps) < 2:
                return self._halved(names, form)
            groups = [names[number :: len(steps)] for number in range(len(steps))]
            params = {
                name: self._written(step, step, form)[0]
                for step, group in zip(steps, groups, strict=True)
                for name in group
            }
            reply, rows = self.listing.filtered({**self.sized, **params})
            moments = [moment for moment in self.moments(rows) if moment]
            counted = [group for step, group in zip(steps, groups, strict=True) if moments and step <= min(moments)]
            if reply.refused or not counted:
                return self._halved(names, form)
            names = counted[-1]
        return names[0]

    def _halved(self, names: list[str], form: str) -> str | None:
        """Find the parameter by asking half of them for the far future."""
        while len(names) > 1:
            half = names[: len(names) // 2]
            names = half if self._nothing_after(half, form) is True else names[len(names) // 2 :]
        return names[0]

    def _confirmed(self, start: str, formats: Sequence[str]) -> Filter | None:
        """Ask for a narrow window between two records, and see what comes of it."""
        ends: tuple[str | None, ...] = (*dict(self.pairs).get(start, ()), None)
        for form in formats:
            low, high = self._narrow(form)
            for end in ends:
                asked = self._written(low, high, form)
                params = {start: asked[0]} | ({end: asked[1]} if end else {})
                reply, rows = self.listing.filtered({**self.sized, **params})
                if reply.refused:
                    self.refusal = reply.refusal
                    if end and self._unknown(end):
                        continue
                    break
                trial = _Window(self, form, low, high, rows)
                if trial.below or not trial.complete:
                    break
                if end and trial.beyond:
                    continue
                return self._filter(start, end, form, trial)
        return None

    def _narrow(self, form: str) -> tuple[datetime, datetime]:
        """Return two instants of the sample with few records between them."""
        grain = timedelta(days=1) if form == "date" else _SECOND
        steps = sorted({_floor(moment, grain) for moment in self.cursor.moments})
        middle = len(steps) // 2
        return steps[max(middle - 1, 0)], steps[min(middle + 2, len(steps) - 1)]

    def _filter(self, start: str, end: str | None, form: str, trial: _Window) -> Filter:
        low, high = trial.includes_low, trial.includes_high
        bounds = ("[" if low else "(") + ("]" if high else ")")
        told = {True: "included", False: "excluded", None: "not told, so one grain more is asked for"}
        why = {
            "start_param": f"{start} in the year {_FAR.year} brought nothing, within the sample what changed since",
            "format": f"{trial.seen} records came of a narrow window, all of them inside it",
            "bounds": f"a record at the start is {told[low]}, one at the end {told[high] if high is not None else 'not told'}",
        }
        if end:
            why["end_param"] = f"{end} left out what changed later"
        incremental = {"cursor_path": self.cursor.name, "start_param": start, "end_param": end, "format": form}
        return Filter({key: value for key, value in incremental.items() if value} | {"bounds": bounds}, why)

    def moments(self, rows: Sequence[Any]) -> list[datetime | None]:
        """Return the cursor of each record."""
        found: list[datetime | None] = instants([value_at(row, self.cursor.path) for row in rows]).to_pylist()
        return found

    def _written(self, low: datetime, high: datetime, form: str) -> tuple[str, str]:
        """Write an interval as a run would."""
        incremental = Incremental(cursor_path=self.cursor.name, start_param="start", format=form)
        asked = ask(Slice("", (), low, high), incremental)
        return asked.start, asked.end


class _Window:
    """What came of a window between two instants, both of them a record's own."""

    def __init__(self, trial: TimeFilter, form: str, low: datetime, high: datetime, rows: Sequence[Any]) -> None:
        grain = timedelta(days=1) if form == "date" else _SECOND
        identity = trial.listing.identity
        moments = trial.moments(rows)
        steps = [_floor(moment, grain) for moment in moments if moment]
        self.seen = len(rows)
        self.below = any(step < low for step in steps)
        self.beyond = any(step > high for step in steps)
        came = {identity(row) for row in rows}
        whole = len(rows) < trial.size
        sample = [
            (_floor(moment, grain), moment, identity(row) in came)
            for row, moment in zip(trial.listing.sample(), trial.moments(trial.listing.sample()), strict=True)
            if moment
        ]
        # a record between the ends that does not come tells of a wrong format or time zone
        self.complete = not whole or all(present for step, _, present in sample if low < step < high)
        at_low = [present for step, moment, present in sample if step == low and (moment == low or grain > _SECOND)]
        at_high = [present for step, moment, present in sample if step == high and (moment == high or grain > _SECOND)]
        self.includes_low = _told(any(step == low for step in steps), at_low, whole)
        self.includes_high = _told(any(step == high for step in steps), at_high, whole)


def _told(came: bool, known: Sequence[bool], whole: bool) -> bool | None:
    """Tell whether an end is included: a record at it came, or one that is known did not."""
    if came and known:
        return True
    return False if known and whole else None


def _floor(moment: datetime, grain: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    return moment - (moment - epoch) % grain
