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

_MANY = 5
"""So many lists are not all empty by chance."""


class RefusedChildLists:
    """Counts the lists of a child that a run asked for, and those that were refused."""

    def __init__(self, resource: Resource, slices: int, on_progress: OnProgress) -> None:
        """Take the child, the number of its slices, and who is told about refused lists."""
        self._resource = resource
        self._slices_left = slices
        self._on_progress = on_progress
        self._lists = 0
        self._unknown = 0
        self._ignored = 0
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
        self._ignored += sum(entry.ignored > 0 for entry in lists.values())
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
        elif self._slices_left == 0 and self._ignored == self._lists >= _MANY:
            self._on_progress(
                f"{self._resource.name}: response_actions ignores the lists of all {self._lists} records of "
                f"{self._resource.parent} that were asked for, so no record came. If some have any, check the "
                "endpoint's path, and what the secrets may read"
            )
        return list(refused)
