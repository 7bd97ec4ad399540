"""Whether an API filters by the time of a record's last change: found out by trying, with as few requests as can be.

A far-future instant must bring nothing; instants of the sample's own records tell which parameter it was, in which
format, and whether the ends are included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from ecom_assets.contract.conversion import cursor_instants
from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.reading import Incremental
from ecom_assets.discovery.exploration.cursors import INSTANT, Cursor
from ecom_assets.discovery.exploration.first_page import Listing
from ecom_assets.discovery.exploration.narrow_window import NarrowWindow, floor_to, grain_of
from ecom_assets.discovery.exploration.page_size import sorted_by_refusal
from ecom_assets.discovery.exploration.requests import Reply, Spent
from ecom_assets.discovery.guess import Filter, Habits
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_request import window_request

_EARLY = 1990
_FAR = datetime(2090, 1, 1, tzinfo=timezone.utc)

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
        formats = list(self.cursor.formats)
        names = [name for name, _ in self.pairs]
        if habits.start_param in names:
            usual = [form for form in (habits.format,) if form]
            formats = list(dict.fromkeys([*usual, *formats]))
            if self._nothing_after([habits.start_param], formats[0]):
                return self._confirmed(habits.start_param, formats)
        refused = False
        for form in formats[:2] if len(names) > 1 and not self.listing.strict else ():
            outcome = self._nothing_after(names, form)
            if outcome:
                which = self._which(names, form)
                return self._confirmed(which, [form, *(entry for entry in formats if entry != form)])
            refused = outcome is None
        if self.listing.strict or len(names) == 1 or refused:
            return self._one_by_one(names, formats)
        return None

    def _one_by_one(self, names: list[str], formats: list[str]) -> Filter | None:
        for name in names:
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
        if reply.status in (204, 404) or (not reply.refused and not rows):
            self.empty.append(reply)
            return True
        return None if reply.refused else False

    def _which(self, names: list[str], form: str) -> str:
        """Give each parameter an instant of its own; the oldest record that comes tells which one counted."""
        grain = grain_of(form)
        while len(names) > 1:
            # every other instant, so that an excluded one is not taken for the next
            steps = sorted({floor_to(moment, grain) for moment in self.cursor.moments})[1::2][-len(names) :]
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
            counted = [
                group for step, group in zip(steps, groups, strict=True) if moments and step <= min(moments)
            ]
            if reply.refused or not counted:
                return self._halved(names, form)
            names = counted[-1]
        return names[0]

    def _halved(self, names: list[str], form: str) -> str:
        """Find the parameter by asking half of them for the far future."""
        while len(names) > 1:
            half = names[: len(names) // 2]
            names = half if self._nothing_after(half, form) is True else names[len(names) // 2 :]
        return names[0]

    def _confirmed(self, start: str, formats: Sequence[str]) -> Filter | None:
        """Return the filter as far as the requests suffice to see how it works."""
        try:
            return self._seen_working(start, formats)
        except Spent:
            why = {
                "start_param": f"{start} in the year {_FAR.year} brought nothing; no request was left to see more",
                "bounds": "not told, and taken for excluded",
            }
            incremental = {
                "cursor_path": self.cursor.name,
                "start_param": start,
                "format": formats[0],
                "bounds": "()",
            }
            return Filter(incremental, why)

    def _seen_working(self, start: str, formats: Sequence[str]) -> Filter | None:
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
                trial = NarrowWindow(
                    self.listing, self.moments, low, high, grain_of(form), rows, whole=len(rows) < self.size
                )
                if trial.below or not trial.complete:
                    break
                if end and trial.beyond:
                    continue
                return self._filter(start, end, form, trial)
        return None

    def _narrow(self, form: str) -> tuple[datetime, datetime]:
        """Return two instants of the sample with few records between them."""
        grain = grain_of(form)
        steps = sorted({floor_to(moment, grain) for moment in self.cursor.moments})
        middle = len(steps) // 2
        return steps[max(middle - 1, 0)], steps[min(middle + 2, len(steps) - 1)]

    def _filter(self, start: str, end: str | None, form: str, trial: NarrowWindow) -> Filter:
        low, high = trial.includes_low, trial.includes_high
        bounds = ("[" if low else "(") + ("]" if high and end else ")")
        told = {True: "included", False: "excluded", None: "not told, and taken for excluded"}
        why = {
            "start_param": f"{start} in the year {_FAR.year} brought nothing, within the sample what changed since",
            "format": f"{trial.seen} records came of a narrow window, all of them inside it",
            "bounds": f"a record at the start is {told[low]}"
            + (f", one at the end {told[high]}" if end else ""),
        }
        if end:
            why["end_param"] = f"{end} left out what changed later"
        incremental = {
            "cursor_path": self.cursor.name,
            "start_param": start,
            "end_param": end,
            "format": form,
        }
        return Filter({key: value for key, value in incremental.items() if value} | {"bounds": bounds}, why)

    def moments(self, rows: Sequence[Any]) -> list[datetime | None]:
        """Return the cursor of each record."""
        found: list[datetime | None] = cursor_instants(
            [value_at(row, self.cursor.path) for row in rows], INSTANT
        ).to_pylist()
        return found

    def oldest(self, known: Filter, oldest: datetime) -> datetime:
        """Ask for what lies before the oldest record of the sample, once; return the oldest instant known then."""
        end = known.incremental.get("end_param")
        if not end:
            return oldest
        part = Slice("", (), oldest.replace(year=_EARLY), oldest - timedelta(seconds=1))
        asked = window_request(part, Incremental.model_validate(dict(known.incremental)))
        params = {str(known.incremental["start_param"]): asked.start, str(end): asked.end}
        earlier = self.moments(self.listing.filtered({**self.sized, **params})[1])
        return min([oldest, *(moment for moment in earlier if moment)])

    def _written(self, low: datetime, high: datetime, form: str) -> tuple[str, str]:
        """Write an interval as a run would."""
        incremental = Incremental(cursor_path=self.cursor.name, start_param="start", format=form)
        asked = window_request(Slice("", (), low, high), incremental)
        return asked.start, asked.end
