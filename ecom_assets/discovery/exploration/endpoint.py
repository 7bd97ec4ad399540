"""One endpoint explored, from its plain answer to paging, total and time filter, within its requests.

What is found out about each stands in the module of its name; what becomes of the records is `tables`'.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from ecom_assets.discovery.exploration.cursors import cursors, filter_params
from ecom_assets.discovery.exploration.first_page import Listing, selector
from ecom_assets.discovery.exploration.next_page import read_on
from ecom_assets.discovery.exploration.page_size import find_size_param, largest_size
from ecom_assets.discovery.exploration.paging import find_paging, signs_of_more
from ecom_assets.discovery.exploration.placeholder_window import PlacedWindow
from ecom_assets.discovery.exploration.requests import Reply, Spent
from ecom_assets.discovery.exploration.time_filter import TimeFilter
from ecom_assets.discovery.exploration.totals import find_total, more_than, total_in, verify_at_the_end
from ecom_assets.discovery.guess import Found, Guess, Habits, Paging
from ecom_assets.foundation.errors import ApiError

_ENOUGH = 50
_KEPT = 1
_NOTHING = (204, 404)
"""Statuses that may stand for an empty page."""


def explore(listing: Listing, habits: Habits, known: Collection[str] = (), form: str = "") -> Found:
    """Return what an endpoint's answers tell; `known` are the parameters that a description of the API has.

    `form` is the format of a window that placeholders stand for. Raises ApiError for an empty list, or a window
    that is not kept.
    """
    if not listing.rows:
        raise ApiError(f"{listing.asker.path}: the list is empty, so nothing can be said of its records")
    return _Exploration(listing, habits, known, form).run()


def explore_paging(listing: Listing, habits: Habits, known: Collection[str] = ()) -> Found:
    """Return what an endpoint's answers tell of paging and total alone, with the records of one page or two."""
    exploration = _Exploration(listing, habits, known, "")
    exploration.steps = (exploration.pages, exploration.total)
    return exploration.run()


class _Exploration:
    """The steps, each of which may be the one for which no request is left."""

    def __init__(self, listing: Listing, habits: Habits, known: Collection[str], form: str) -> None:
        self.listing = listing
        self.form = form
        self.steps: Sequence[Callable[[], None]] = (self.pages, self.total, self.filter, self.more_records)
        self.asker = listing.asker
        self.habits = habits
        self.known = known
        where = "the answer itself is the list" if not listing.path else "the list in the answer"
        self.found = Found(
            path=self.asker.path,
            records=[],
            rows_at=listing.path,
            selector=Guess(selector(listing), f"{where}: {len(listing.rows)} records"),
            paging=Paging({"type": "single_page"}, "no parameter that was tried leads to another page"),
            params=dict(self.asker.params),
            body=self.asker.body,
        )

    def run(self) -> Found:
        """Take the steps in their order."""
        for step in self.steps:
            self._within(step)
        self._past_the_end()
        self.found.records = self.listing.sample()
        self.found.requests = self.asker.asked
        return self.found

    def _within(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Spent:
            self.found.notes.append(
                f"{step.__name__}: not told to the end, {self.asker.most} requests were used up"
            )

    def pages(self) -> None:
        """Find the paging and the largest page, and read one of it."""
        listing, found = self.listing, self.found
        size_param = find_size_param(listing, self.habits.size_param, self.known)
        paging = find_paging(listing, size_param, self.habits.paginator, self.known)
        rows, size, why = listing.rows, len(listing.rows), "what comes without being asked for"
        # kept at once, in case that no request is left for more
        found.paging = self._sized(paging or found.paging, size_param, size, why)
        if size_param:
            size, rows, why = largest_size(listing, size_param, {})
        more = more_than(*listing.replies[-1], listing.path)
        if paging is None:
            signs = signs_of_more(listing.replies[-1][0], listing.path)
            more = more or bool(signs)
            found.whole = not more
            if more:
                spoken = ", ".join(signs) or "its number of records"
                found.notes.append(
                    f"{spoken} tells of more records, and no parameter that was tried leads to them"
                )
            else:
                paging = self._as_elsewhere()
        elif paging.paginator["type"] in ("offset", "page_number"):
            found.whole = len(rows) < size and not more
        else:
            found.whole = (
                size_param is not None and len(rows) < size and not more and len(rows) > len(listing.rows)
            )
        if more and len(rows) < size and rows:
            size, why = len(rows), f"{size} were asked for, {len(rows)} came of more"
        found.paging = self._sized(paging or found.paging, size_param, size, why)

    def _as_elsewhere(self) -> Paging | None:
        """Return the other endpoints' paging for a list that is too short to tell of its own, if it does no harm."""
        kind = self.habits.paginator.get("type")
        paging = Paging(self.habits.paginator, "as at the other endpoints; here are too few records to tell")
        if kind in ("offset", "page_number"):
            place = paging.place(1, len(self.listing.rows)) if len(self.listing.rows) < 2 else None
            return paging if place and not self.listing.ask(place)[1] else None
        return paging if kind else None

    def _sized(self, paging: Paging, size_param: str | None, size: int, why: str) -> Paging:
        """Put the page's size where the kind of paging wants it."""
        kind = paging.paginator["type"]
        if kind == "offset":
            paginator = {**paging.paginator, "limit": size}
            if size_param and size_param != "limit":
                paginator["limit_param"] = size_param
            return replace(paging, paginator=paginator, size=size, size_param=size_param, size_why=why)
        params = {size_param: size} if size_param else {}
        return replace(paging, params=params, size=size, size_param=size_param, size_why=why)

    def total(self) -> None:
        """Find the total, and with it read the end of the list, or else one more page."""
        listing, found = self.listing, self.found
        size = found.paging.size or len(listing.rows)
        total = find_total(listing, found.whole)
        number = total_in(total, *listing.replies[-1], listing.path) if total else None
        if total and number is not None and number <= len(listing.replies[-1][1]):
            found.whole = True
        if total and not found.whole:
            found.total = total
            found.total = verify_at_the_end(listing, found.paging, total, size)
            if found.total is None:
                found.notes.append(
                    f"{next(iter(total.value.values()))} is no total: the last page did not fit it"
                )
        else:
            found.total = total
            place = None if found.whole else found.paging.place(size, size)
            if place:
                reply, rows = listing.ask(place)
                found.whole = not reply.refused and not rows

    def filter(self) -> None:
        """Find the time filter, and the oldest record with it."""
        listing, found = self.listing, self.found
        candidates = cursors(listing.sample())
        if self.form:
            window = PlacedWindow(listing, self.form, candidates)
            found.filter, found.oldest = window.find(), window.oldest
            return
        if not candidates or self.asker.body is not None:
            found.notes.append(
                "its body holds no placeholder of a window"
                if candidates
                else "no field looks like the time of a record's last change"
            )
            return
        cursor = candidates[0]
        taken = {
            *found.paging.params,
            *found.paging.paginator.values(),
            found.paging.size_param,
            *self.asker.params,
        }
        pairs = filter_params(cursor, self.known, [str(name) for name in taken if name])
        sized = {found.paging.size_param: found.paging.size} if found.paging.size_param else {}
        trial = TimeFilter(listing, cursor, pairs, sized, found.paging.size or len(listing.rows))
        try:
            found.filter = trial.find(self.habits)
        finally:
            if found.filter is None:
                found.notes.append(
                    f"no time filter was found for {cursor.name}: {len(trial.tried)} parameters were tried, "
                    f"{', '.join(trial.tried[:4]) or 'none'}{', …' if len(trial.tried) > 4 else ''}"
                )
        if found.filter is None:
            return
        self._check_empty(trial)
        found.oldest = min(cursor.moments)
        if not found.whole and self.asker.left >= _KEPT + 1:
            found.oldest = trial.oldest(found.filter, found.oldest)

    def _check_empty(self, trial: TimeFilter) -> None:
        """Require that the total of nothing is 0, and note an API that answers nothing with a 404."""
        found = self.found
        for reply in trial.empty:
            self._note_nothing(reply)
            number = total_in(found.total, reply, [], self.listing.path) if found.total else None
            if found.total and number is not None and not reply.refused:
                if number:
                    found.notes.append(
                        f"{next(iter(found.total.value.values()))} does not follow the time filter"
                    )
                    found.total = None
                elif "0 of nothing" not in found.total.why:
                    found.total = Guess(found.total.value, f"{found.total.why}, and 0 of nothing")

    def more_records(self) -> None:
        """Read on where pages are small, since a few records tell little of nulls and types."""
        seen = -1
        while (
            self.asker.left > _KEPT and seen < len(self.listing.sample()) < _ENOUGH and not self.found.whole
        ):
            seen = len(self.listing.sample())
            self.found.whole = not read_on(self.listing, self.found.paging)

    def _past_the_end(self) -> None:
        """Without a total, pages are numbered on until one is empty, or is refused with a 404."""
        found = self.found
        if found.paging.paginator["type"] != "page_number" or found.total or not self.asker.left:
            return
        place = found.paging.place(found.paging.size or 1, 10_000 * (found.paging.size or 1))
        reply = self.asker.ask(place or {})
        self._note_nothing(reply)

    def _note_nothing(self, reply: Reply) -> None:
        """Let a status stand for an empty page from now on, where it does."""
        action = {"status_code": reply.status, "action": "ignore"}
        if reply.status in _NOTHING and action not in self.found.actions:
            self.found.actions.append(action)
