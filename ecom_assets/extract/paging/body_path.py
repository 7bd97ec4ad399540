"""Values in the body of a response, by a declared path: a JSONPath, or names with dots in them as they are."""

from __future__ import annotations

from typing import Any

from ecom_assets.foundation.json_path import compiled_path


class BodyPath:
    """A declared JSONPath. Where it leads to nothing, its text may also be names that contain dots."""

    def __init__(self, text: str) -> None:
        """Take the path as it is declared."""
        self.text = text
        self._path = compiled_path(text)
        self._names = text.removeprefix("$.")

    def find(self, body: Any) -> list[Any]:
        """Return the values at the path, an empty list if the body has no such place."""
        found = [match.value for match in self._path.find(body)]
        return found or _values_by_names(body, self._names)


def _values_by_names(body: Any, names: str) -> list[Any]:
    """Return the value at names that are separated by dots and may contain dots, such as `page.@odata.nextLink`."""
    if not isinstance(body, dict):
        return []
    if names in body:
        return [body[names]]
    for name, value in body.items():
        if names.startswith(f"{name}.") and (found := _values_by_names(value, names[len(name) + 1 :])):
            return found
    return []
