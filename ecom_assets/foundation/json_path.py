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


def picks_elements(text: str) -> bool:
    """Tell whether a JSONPath leads to some elements of a list only, such as `data[?(@.active)]` or `data[0:2]`."""
    return _picks(compiled_path(text))


def _picks(path: Any) -> bool:
    """Tell whether a step of a path leads to some elements. Versions of jsonpath_ng differ in the classes of others."""
    kind = type(path).__name__
    if kind == "Slice":
        return (path.start, path.end, path.step) != (None, None, None)
    # one index may lead to the list of records itself, as in `[{"page": 1}, [{"id": 1}]]`
    if kind in ("Filter", "Where", "WhereNot") or (kind == "Index" and len(getattr(path, "indices", ())) > 1):
        return True
    return any(_picks(getattr(path, side)) for side in ("left", "right") if hasattr(path, side))
