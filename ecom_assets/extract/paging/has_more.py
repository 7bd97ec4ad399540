"""The declared place in a response that says whether there are more pages."""

from __future__ import annotations

from typing import Any

from requests import Response

from ecom_assets.extract.paging.body_path import BodyPath
from ecom_assets.foundation.errors import ApiError

_WORDS = {
    **dict.fromkeys(("true", "yes", "y", "t", "1", "on"), True),
    **dict.fromkeys(("false", "no", "n", "f", "0", "off"), False),
}


class HasMore:
    """Reads `has_more_path`: true or false, 1 or 0, or a text such as `yes`."""

    def __init__(self, resource: str, path: Any) -> None:
        """Take the resource's name for messages, and the declared path or None."""
        self._resource = resource
        self._path = BodyPath(str(path)) if path is not None else None

    @property
    def is_declared(self) -> bool:
        """Tell whether the declaration says where to look."""
        return self._path is not None

    def is_true(self, response: Response) -> bool:
        """Tell whether the field is there and says that there are more pages."""
        if self._path is None or not response.content.strip():
            return False
        found = self._path.find(response.json())
        return bool(found) and _WORDS.get(str(found[0]).strip().lower()) is True

    def read(self, response: Response, *, before: bool | None, is_short: bool) -> bool | None:
        """Return whether there are more pages; None if no place is declared, or if no page of the list had the field.

        Many APIs leave out what is false. A page that may be full must have the field, or its path is wrong.

        Args:
            response: The response.
            before: What the page before said.
            is_short: Whether all pages of the list have fewer records than they could have.

        Raises:
            ApiError: There is nothing at the place, or neither true nor false.
        """
        if self._path is None:
            return None
        found = self._path.find(response.json())
        value = found[0] if found else None
        if value in (None, "") and (is_short or before is not None):
            return None if before is None else False
        more = _WORDS.get(str(value).strip().lower()) if isinstance(value, (bool, int, str)) else None
        if more is None:
            text = "nothing" if value is None else repr(value)[:40]
            raise ApiError(
                f"{self._resource}: has_more_path {self._path.text} found {text}; allowed: true or false, 1 or 0, or a "
                "text such as yes or no. Declare the path of such a field, or no has_more_path"
            )
        return more
