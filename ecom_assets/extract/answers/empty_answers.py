"""Empty answers: the declared forms in which an API says that there are no records, apart from an empty list.

Where the list is left out, an answer without records looks like one whose list is somewhere else. So a `data_selector`
that has never found a list is a mistake, and so is an answer that has a field which no answer with a list has: it may
tell of an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dlt.common import jsonpath
from requests import Response

from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.declaration.api.answers import EMPTY_FORMS
from ecom_assets.declaration.reading import Endpoint
from ecom_assets.foundation.errors import IncompleteSlice
from ecom_assets.foundation.json_path import compiled_path

_WITHOUT_LIST = ("missing", "{}")
"""The forms that a wrong `data_selector` would find as well."""


class EmptyAnswers:
    """Recognizes the empty answers of one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Take the declared selector and forms."""
        self.selector = endpoint.data_selector or "$"
        self._list_path = compiled_path(self.selector.removesuffix("[*]") or "$")
        self._declared = endpoint.empty_answers
        self.may_lack_list = any(form in _WITHOUT_LIST for form in self._declared)

    def declared_form(self, response: Response) -> str | None:
        """Return the declared form that an answer has, None if it has none of them."""
        form = self.form(response) if self._declared else None
        return form if form in self._declared else None

    def form(self, response: Response) -> str | None:
        """Return the form of an answer without records, declared or not; None for any other answer."""
        if is_without_body(response):
            return "204"
        body = response.json()
        if body is None:
            return "null"
        if body == [] and self.selector.strip("$.") not in ("", "[*]"):
            return "[]"
        if not isinstance(body, dict):
            return None
        if not body:
            return "{}"
        found = jsonpath.find_values(self._list_path, body)
        if not found:
            return "missing"
        value = found[0] if len(found) == 1 else found
        return {"None": "null", "False": "false", "{}": "{}"}.get(str(value))

    def advice(self, response: Response) -> str:
        """Return what to declare if an answer without a list means that there are no records, "" if it is none."""
        form = self.form(response)
        if form is None or form in self._declared:
            return ""
        return f"; if {EMPTY_FORMS[form]} means that there are no records, declare empty_answers: ['{form}']"

    def add(
        self, response: Response, statistics: SliceStatistics, *, is_list: bool, total: int | None
    ) -> None:
        """Keep what tells an answer that leaves its list out from one whose list is elsewhere.

        Args:
            response: An answer that is not ignored.
            statistics: Those of its slice.
            is_list: Whether the selector found a list.
            total: The total that the API reports. A total of 0 confirms that the list is empty.
        """
        body = response.json() if self.may_lack_list and not is_without_body(response) else None
        keys = frozenset(map(str, body)) if isinstance(body, dict) else frozenset[str]()
        if is_list:
            if self.may_lack_list:
                statistics.listed_keys = keys | (statistics.listed_keys or frozenset())
        elif total != 0 and self.form(response) in _WITHOUT_LIST:
            statistics.unlisted_keys |= {keys}


def require_list(
    resource: str,
    selector: str,
    read: Iterable[SliceStatistics],
    other_answer: Iterable[SliceStatistics] = (),
) -> None:
    """Fail unless the answers that left their list out are empty lists beyond doubt.

    Args:
        resource: The resource with the endpoint.
        selector: Its `data_selector`.
        read: The statistics of what was read.
        other_answer: Those of a further answer, of all records.

    Raises:
        IncompleteSlice: No answer had a list, or one without a list has a field that the others do not have.
    """
    read, everything = list(read), [*read, *other_answer]
    unlisted = {keys for entry in read for keys in entry.unlisted_keys}
    listed = [entry.listed_keys for entry in everything if entry.listed_keys is not None]
    if not unlisted:
        return
    if not listed:
        keys = ", ".join(sorted(set().union(*unlisted))[:8]) or "no keys"
        raise _unconfirmed(
            resource,
            f"data_selector {selector!r} found no list in any answer, and their keys are: {keys}. One answer with "
            "records has to show that the selector is right: check data_selector, or declare total_path in the "
            "paginator, as a total of 0 confirms an empty list",
        )
    others = sorted(set().union(*unlisted) - set().union(*listed))
    if others:
        raise _unconfirmed(
            resource,
            f"an answer has no list at data_selector {selector!r}, but {', '.join(others[:8])}, which no answer with a "
            "list has. If it tells of an error, declare errors_path; if it means that there are no records, ignore it "
            "with response_actions and its content",
        )


def _unconfirmed(resource: str, text: str) -> IncompleteSlice:
    error = IncompleteSlice(f"{resource}: {text}")
    error.endpoint = resource
    return error


def is_without_body(response: Response) -> bool:
    """Tell whether a response without a body was taken for an empty page."""
    return getattr(response, "without_body", False)


def accept_without_body(response: Response, *args: Any, **kwargs: Any) -> None:
    """Turn a successful response without a body into an empty page; a hook of dlt."""
    if response.status_code < 300 and not response.content.strip():
        response._content = b"{}"
        response.without_body = True  # type: ignore[attr-defined]
