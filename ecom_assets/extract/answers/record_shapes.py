"""Record shapes: the records of an answer that has them in another way than as a list of objects.

An element from which no record can be taken is not left out: it becomes a record that the contract rejects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dlt.common import jsonpath
from requests import Response

from ecom_assets.contract.result import UnusableElement
from ecom_assets.declaration.api.record_shape import RecordShape
from ecom_assets.declaration.reading import Resource
from ecom_assets.foundation.errors import ApiError
from ecom_assets.foundation.json_path import compiled_path, find_values

_TROUBLE = re.compile(
    r"(errors?|faults?|exceptions?|message|detail|reason)(_?(code|message|text))?", re.IGNORECASE
)
"""Names of fields that tell of an error, where no record stands beside them."""
_NAMED = 5
"""How many names of an object a message shows."""


class RecordShapes:
    """Takes the records of one endpoint out of what its `data_selector` finds."""

    def __init__(
        self, resource: Resource, shape: RecordShape, selector: str, pointers: Iterable[str]
    ) -> None:
        """Take the declared shape.

        Args:
            resource: The resource with the endpoint.
            shape: Its `records`.
            selector: Its `data_selector`.
            pointers: The paths that the paginator follows in a body. A field of them beside records is no record.
        """
        self._resource = resource
        self._shape = shape
        self._selector = selector
        at_top = selector.strip("$.") == ""
        self._beside = {path.removeprefix("$.").split(".")[0] for path in pointers} if at_top else set[str]()
        before, brackets, below = selector.rpartition("[*].")
        # the elements of which the selector takes a field
        self._elements = compiled_path(f"{before}[*]") if brackets and "*" not in below else None
        self._field = below

    @property
    def is_object(self) -> bool:
        """Tell whether the records are the values of an object."""
        return self._shape.is_object

    def is_default(self) -> bool:
        """Tell whether the records are a list of objects."""
        return self._shape == RecordShape()

    def of_object(self, found: Any) -> list[Any]:
        """Return the records of an object that holds them, or of an empty list in its place.

        Raises:
            ApiError: It is neither, or its names are no numbers.
        """
        shape = self._shape
        if isinstance(found, list) and (shape.form == "numbered" or not found):
            return self._unwrapped(found)
        if not isinstance(found, Mapping):
            raise self._error(
                f"found {type(found).__name__} where records: {shape.form if not shape.is_map else 'map'} expects an "
                "object; correct data_selector or records"
            )
        entries = {name: entry for name, entry in found.items() if name not in self._beside}
        if shape.form == "numbered":
            others = [name for name in entries if not name.isdecimal()]
            if wrong := [name for name in others if isinstance(entries[name], (Mapping, list))]:
                raise self._error(
                    f"found an object with {', '.join(wrong[:_NAMED])} among its names, where records: numbered "
                    "expects numbers; if all names are ids of records, declare records: {map_key: the field that takes "
                    "them}"
                )
            numbered = [entries[name] for name in entries if name.isdecimal()]
            if not numbered and (
                wrong := [name for name in others if entries[name] and _TROUBLE.fullmatch(name)]
            ):
                raise self._error(
                    f"found {', '.join(wrong[:_NAMED])} and no record in an object: an error is no empty list; "
                    "declare errors_path, or correct data_selector"
                )
            return self._unwrapped(numbered)
        records = self._unwrapped(list(entries.values()))
        if shape.map_key is None:
            return records
        return [self._with_key(record, name) for name, record in zip(entries, records, strict=True)]

    def of_list(self, elements: list[Any], response: Response) -> list[Any]:
        """Return the records of a list, with a rejected one for each element of which the selector found nothing."""
        records = self._unwrapped(elements)
        if self._elements is None:
            return records
        every = jsonpath.find_values(self._elements, response.json())
        if len(every) <= len(elements):
            return records
        lacking = [entry for entry in every if not find_values(self._field, entry)]
        return [*records, *(self._unusable(entry, self._field) for entry in lacking)]

    def selects_from_empty_list(self, body: Any) -> bool:
        """Tell whether the selector found nothing because the list whose elements it looks into is empty."""
        if self._elements is None:
            return False
        lists = find_values(self._selector.rpartition("[*].")[0] or "$", body)
        return bool(lists) and all(entry == [] for entry in lists)

    def refuse_undeclared(self, found: Any) -> None:
        """Raise ApiError if what the selector found is no list of objects, and no shape is declared.

        Without the declaration, no record of it could have the primary key.
        """
        keys = [path for path in self._resource.key_paths if path]
        if not keys or self._resource.processing_steps or not self.is_default():
            return
        if isinstance(found, Mapping):
            advice = self._advice_for_object(found, {path[0] for path in keys})
        elif isinstance(found, list) and found:
            advice = _advice_for_list(found, {path[0] for path in keys})
        else:
            return
        if advice:
            raise self._error(advice)

    def _advice_for_object(self, found: Mapping[str, Any], key_names: set[str]) -> str:
        entries = [entry for entry in found.values() if isinstance(entry, Mapping)]
        if not entries or len(entries) < len(found) or key_names & set(found):
            return ""
        names = ", ".join(list(found)[:_NAMED])
        if all(name.isdecimal() for name in found) and not any(key_names - set(entry) for entry in entries):
            return f"found an object whose names are numbers ({names}): declare records: numbered"
        return (
            f"found an object of objects, with the names {names}: if these are ids of records, declare records: "
            "{map_key: the field that takes the id}"
        )

    def _unwrapped(self, elements: Sequence[Any]) -> list[Any]:
        """Return the record in each element."""
        wrapper, value = self._shape.wrapper, self._shape.value
        if value is not None:
            return [entry if isinstance(entry, dict) else {value: entry} for entry in elements]
        if wrapper is None:
            return list(elements)
        return [
            entry[wrapper]
            if isinstance(entry, dict) and isinstance(entry.get(wrapper), dict)
            else self._unusable(entry, wrapper)
            for entry in elements
        ]

    def _with_key(self, record: Any, name: str) -> Any:
        """Return a record with its name in the map as a field."""
        key = self._shape.map_key
        if not isinstance(record, dict) or key is None:
            return record
        own = record.get(key)
        if own is not None and str(own) != name:
            raise self._error(
                f"found the record {name[:40]!r} with another value in its own field {key}: declare another field as "
                "records.map_key"
            )
        return record if own is not None else {key: name, **{k: v for k, v in record.items() if k != key}}

    def _unusable(self, element: Any, path: str) -> UnusableElement:
        """Return what stands for an element in which nothing is at the path of the record."""
        # without the declared paths, personal data cannot be found in it
        is_personal = any(column.pii for column in self._resource.declared_columns)
        unusable = UnusableElement(
            [sorted(element) if is_personal and isinstance(element, dict) else element]
        )
        unusable.reason = f"the element has no object {path}, which would be the record"
        return unusable

    def _error(self, text: str) -> ApiError:
        return ApiError(f"{self._resource.name}: data_selector {self._selector!r} {text}")


def _advice_for_list(found: Sequence[Any], key_names: set[str]) -> str:
    if not any(isinstance(entry, Mapping) for entry in found):
        if any(
            isinstance(entry, list) and any(isinstance(part, Mapping) for part in entry) for entry in found
        ):
            return "found several lists of records: write [*] at its end, for the records of all of them"
        kind = "lists" if isinstance(found[0], list) else "values"
        return f"found a list of {kind} that are no objects: declare records: {{value: the field that takes them}}"
    if not isinstance(found[0], Mapping) or len(found[0]) != 1:
        return ""  # at once, as for most lists
    (name,) = found[0]
    if name in key_names or not all(
        isinstance(entry, Mapping) and len(entry) == 1 and isinstance(entry.get(name), Mapping)
        for entry in found
    ):
        return ""
    return f"found a list of objects with {name} alone: declare records: {{wrapper: {name}}}"
