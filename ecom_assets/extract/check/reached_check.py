"""Check of the first answer of an endpoint: was anything asked for, and did the list come?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ecom_assets.declaration.reading import Resource
from ecom_assets.extract.answers.empty_answers import require_list
from ecom_assets.extract.answers.ignored_answers import is_refusal, refusal_text
from ecom_assets.extract.check.outcome import Outcome
from ecom_assets.extract.probe import Page
from ecom_assets.foundation.errors import ApiError


def check_reached(resource: Resource, page: Page) -> Outcome:
    """Judge the first page of a resource with an endpoint. If it leaves its list out, nothing confirms the selector."""
    if not page.lists:
        return "skipped", (
            f"no record of {resource.parent} was seen that leads to a list, so nothing was asked for"
        )
    if page.ignored and not page.records:
        return _judge_ignored(resource, page.ignored)
    try:
        selector = (resource.endpoint and resource.endpoint.data_selector) or "$"
        require_list(resource.name, selector, [page.statistics])
    except ApiError as error:
        return "failed", str(error)
    if resource.parent and not page.records:
        return "ok", f"0 records: the lists of all {page.lists} parent records tried are empty"
    return "ok", f"{len(page.records)} records on the first page"


def _judge_ignored(resource: Resource, statuses: Sequence[int]) -> Outcome:
    """Judge a resource of which no record came, because response actions ignored the answers."""
    counts = Counter(statuses)
    text = " and ".join(f"status {status}" for status in sorted(counts))
    if set(counts) == {204}:
        return "ok", f"0 records: response_actions ignores {text}"
    if any(map(is_refusal, counts)):
        return "failed", refusal_text(next(status for status in statuses if is_refusal(status)))
    lists = f"the lists of all {len(statuses)} parent records tried" if resource.parent else "the first page"
    return "failed", (
        f"response_actions ignores {lists} ({text}), so no record was seen: check the endpoint's path, and "
        "what the secrets may read"
    )
