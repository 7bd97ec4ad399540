"""Paths to a number of pages. dlt calls such a path `total_path`, the key that is the number of records here."""

from __future__ import annotations

import re
from typing import Any

_PAGE_COUNT = re.compile(
    r"(total|num|last|max|number_?of)?_?-?pages?(_?count|_?total)?[\]'\"]*", re.IGNORECASE
)
"""The last name of a path to a number of pages."""


def is_page_count(path: Any) -> bool:
    """Tell whether a path leads to a number of pages, by its last name, such as `meta.total_pages`."""
    return isinstance(path, str) and bool(_PAGE_COUNT.fullmatch(re.split(r"[.\[]", path)[-1].strip("'\"")))
