"""The windows in which something changed, found with few single requests and within a budget of seconds."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.probe import Probe, open_probe
from ecom_assets.extract.window_assignment import cursor_instants_of
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.foundation.errors import IngestError

_MANY_WINDOWS = 2
"""For more adjacent windows than this, one request about all of them comes first."""
_PARTS = 8
"""Into how many parts windows are divided when one of them has changed."""


@dataclass
class Answers:
    """What the API says of windows.

    Attributes:
        changed: Whether each window has records, for those that the API was asked about in time.
        error: The failure that ended the questions, if there was one.
        span: About how many windows the API should be asked at once at most, because no answer came about more of them;
            None if all windows have an answer.
    """

    changed: dict[Window, bool] = field(default_factory=dict)
    error: IngestError | None = None
    span: int | None = None


def changed_windows(
    shop: Shop, since: datetime, now: datetime, *, secrets: Mapping[str, str] | None = None
) -> tuple[Window, ...]:
    """Return the closed windows that hold records which changed at `since` or later, in order.

    Args:
        shop: The declared shop.
        since: The aware instant from which on changes count.
        now: The aware instant by which a window has to be closed.
        secrets: Secrets by name. What is missing comes from dlt's providers.

    Raises:
        ApiError: A request failed.
        MissingSecret: A secret was not found.
    """
    if shop.partitions is None:
        return ()
    closed = windows_between(shop.partitions, shop.partitions.start, now)
    windows = {replace(entry, start=max(entry.start, since)): entry for entry in closed if entry.end > since}
    answers = ask_about(shop, list(windows), secrets=secrets)
    if answers.error:
        raise answers.error
    return tuple(windows[part] for part in windows if answers.changed[part])


def ask_about(
    shop: Shop,
    windows: Sequence[Window],
    *,
    seconds: float = math.inf,
    span: int | None = None,
    secrets: Mapping[str, str] | None = None,
) -> Answers:
    """Ask the API in which windows it has records.

    Adjacent windows are asked about at once, and divided only where there are records. This takes one request for one
    record for each question and endpoint, and a second one for a page if that record lies beyond the windows. Earlier
    windows of the sequence come first, several side by side, within the rate limit. If the time ends before any window
    has an answer, the first part of windows of which some have records counts as changed as a whole. An API without a
    filter cannot be asked; then all windows count as changed.

    Args:
        shop: The declared shop.
        windows: The windows, in the order in which to ask.
        seconds: How long to ask. Windows that the API was not asked about in time have no answer.
        span: The most windows to ask about at once, from the answers to the same question before.
        secrets: Secrets by name. What is missing comes from dlt's providers.

    Raises:
        MissingSecret: A secret was not found.
    """
    answers = Answers()
    endpoints = [
        resource for resource in shop.resources if resource.endpoint and resource.endpoint.incremental
    ]
    if not windows or not endpoints:
        answers.changed = dict.fromkeys(windows, False)
        return answers
    if any(shop.incremental_of(resource.name).server_filter is False for resource in endpoints):
        answers.changed = dict.fromkeys(windows, True)
        return answers
    deadline = time.monotonic() + seconds
    first = [part for group in _adjacent(windows) for part in _first_questions(group, span)]
    questions = deque((part, False) for part in first)
    # a thread of its own also for a single worker: a request that hangs is left behind at the deadline
    workers = 1 if len(windows) <= _MANY_WINDOWS else shop.policy.concurrency
    with open_probe(shop, secrets) as probe:

        def has_changed(part: Sequence[Window]) -> bool:
            return any(_has_records(probe, shop, entry, part[0].start, part[-1].end) for entry in endpoints)

        pool = ThreadPoolExecutor(workers)
        try:
            while questions and answers.error is None and time.monotonic() < deadline:
                asked = [questions.popleft() for _ in range(min(workers, len(questions)))]
                futures = [pool.submit(has_changed, part) for part, _ in asked]
                left = deadline - time.monotonic()
                _, late = wait(futures, None if left == math.inf else max(left, 0))
                following: list[tuple[Sequence[Window], bool]] = []
                for (part, is_likely), future in zip(asked, futures, strict=True):
                    if future in late:
                        following.append((part, is_likely))
                    elif isinstance(error := future.exception(), IngestError):
                        answers.error = answers.error or error
                    elif not future.result() or len(part) == 1:
                        answers.changed |= dict.fromkeys(part, future.result())
                    else:
                        following += [(smaller, True) for smaller in _divided(part)]
                questions.extendleft(reversed(following))
                if late:
                    break
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    if not answers.changed and answers.error is None:
        # or a slow API would get the same questions in each tick, and no window would ever be requested
        part, is_likely = questions[0]
        answers.changed = dict.fromkeys(part, True) if is_likely else {}
        longest = max(map(len, first))
        if not is_likely and longest > _PARTS:
            span = math.ceil(longest / _PARTS)  # an API may be slow because it was asked about so much
    answers.span = span if questions else None
    return answers


def _adjacent(windows: Sequence[Window]) -> list[list[Window]]:
    """Return windows in groups without a gap."""
    groups: list[list[Window]] = []
    for window in windows:
        if groups and groups[-1][-1].end == window.start:
            groups[-1].append(window)
        else:
            groups.append([window])
    return groups


def _first_questions(group: Sequence[Window], span: int | None) -> list[Sequence[Window]]:
    size = min(len(group), span or len(group))
    return _divided(group, size if size > _MANY_WINDOWS else 1)


def _divided(part: Sequence[Window], size: int | None = None) -> list[Sequence[Window]]:
    size = size or math.ceil(len(part) / _PARTS)
    return [part[position : position + size] for position in range(0, len(part), size)]


def _has_records(probe: Probe, shop: Shop, resource: Resource, start: datetime, end: datetime) -> bool:
    """Tell whether an endpoint has records in `[start, end)`. The API may also return records beyond it."""
    for limit in (1, None):
        page = probe.page(resource, (start, end), limit=limit)
        instants = cursor_instants_of(shop, resource, page.records).to_pylist()
        if not instants or any(instant is None or start <= instant < end for instant in instants):
            return bool(instants)
    return page.total is None or page.total > len(instants)
