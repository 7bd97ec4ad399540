"""The declared place in a response that says how many pages a list has."""

from __future__ import annotations

from requests import Response

from ecom_assets.extract.paging.body_path import BodyPath
from ecom_assets.foundation.errors import ApiError


class PageCount:
    """Reads `page_count_path`. The number ends the reading, and the page behind it has to be without new records."""

    def __init__(self, resource: str, path: str | None) -> None:
        """Take the resource's name for messages, and the declared path or None."""
        self._resource = resource
        self._path = BodyPath(path) if path is not None else None

    def read(self, response: Response, *, known: int | None, has_records: bool) -> int | None:
        """Return the number of pages; what the pages before said if the page does not say it; None if nobody does.

        Args:
            response: The response with a page.
            known: What the pages before said.
            has_records: Whether the page has records. One without any may leave the number out.

        Raises:
            ApiError: The first page has records and no number of pages.
        """
        if self._path is None or not response.content.strip():
            return known
        found = self._path.find(response.json() or {})
        value = found[0] if found else None
        if value in (None, "") and (known is not None or not has_records):
            return known
        text = str(value) if type(value) in (int, str) else ""
        if not (text.isascii() and text.isdigit()):
            what = "nothing" if value is None else repr(value)[:40]
            raise ApiError(
                f"{self._resource}: page_count_path {self._path.text} found {what}; the number of pages was expected"
            )
        return int(text)

    def error_of_page_behind(self, count: int) -> str:
        """Return what is wrong if the page behind the last one has records."""
        path = "" if self._path is None else self._path.text
        return (
            f"page_count_path {path} says that the list has {count} pages, and the page behind them has more records, "
            "so it is something else. Declare the path of the number of pages, or none: reading then ends at the first "
            "page without records"
        )
