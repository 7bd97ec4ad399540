"""The refused lists of one child: the API answered with a status that says nothing, and a response action ignores it.

The rows of such a list stay as they are. If the API refuses every list of a run, the child fails: its secret may have
lost the right to read them.
"""

from __future__ import annotations

from collections.abc import Mapping

from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.declaration.reading import Resource
from ecom_assets.extract.answers.ignored_answers import refusal_text
from ecom_assets.foundation.errors import ApiError
from ecom_assets.foundation.progress import OnProgress


class RefusedChildLists:
    """Counts the lists of a child that a run asked for, and those that were refused."""

    def __init__(self, resource: Resource, slices: int, on_progress: OnProgress) -> None:
        """Take the child, the number of its slices, and who is told about refused lists."""
        self._resource = resource
        self._slices_left = slices
        self._on_progress = on_progress
        self._lists = 0
        self._unknown = 0
        self._statuses: list[int] = []

    def add_slice(self, lists: Mapping[int, SliceStatistics]) -> list[int]:
        """Return the positions of the parent records whose lists were refused.

        Args:
            lists: The statistics of the lists of one slice, by the position of the parent record.

        Raises:
            ApiError: This was the last slice, and every list of the run was refused. A refusal whose content is
                declared does not count, because the declaration knows it.
        """
        refused = {position: entry for position, entry in lists.items() if entry.refused}
        self._lists += len(lists)
        self._unknown += sum(not entry.refusal_is_declared for entry in refused.values())
        self._statuses += [entry.refused for entry in refused.values() if entry.refused]
        self._slices_left -= 1
        if self._slices_left == 0 and self._statuses:
            name, parent = self._resource.name, self._resource.parent
            if self._unknown == self._lists:
                raise ApiError(
                    f"{name}: of every record of {parent} that was asked for, {refusal_text(self._statuses[0])}"
                )
            statuses = ", ".join(map(str, sorted(set(self._statuses))))
            self._on_progress(
                f"{name}: the API refused {len(self._statuses)} of {self._lists} lists with status {statuses}, which "
                f"response_actions ignores. The rows of these records of {parent} stay as they are"
            )
        return list(refused)
