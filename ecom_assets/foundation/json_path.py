"""JSONPaths that are parsed once: that takes milliseconds, and runs, pages and answers need the same few again."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from dlt.common import jsonpath


@lru_cache(maxsize=1000)
def compiled_path(text: str) -> Any:
    """Return a JSONPath as an object, which dlt takes wherever it takes the text.

    Raises:
        Exception: jsonpath_ng raises bare exceptions of its own for an invalid path.
    """
    return jsonpath.compile_path(text)


def find_values(text: str, body: Any) -> list[Any]:
    """Return the values that a JSONPath leads to, an empty list for none."""
    return jsonpath.find_values(compiled_path(text), body)
