"""What exploring an endpoint comes to: each guess with its evidence, which becomes the comment beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ecom_assets.discovery.exploration.rows import Path

T = TypeVar("T")


@dataclass(frozen=True)
class Guess(Generic[T]):
    """A value and what speaks for it."""

    value: T
    why: str


@dataclass(frozen=True)
class Paging:
    """How pages are asked for: dlt's paginator, and the parameters that go with every request.

    `size` is the number of records asked for, None where it cannot be said; `place` is what stands in a request
    for the page that begins with the record of a position, where that can be said.
    """

    paginator: Mapping[str, Any]
    why: str
    params: Mapping[str, Any] = field(default_factory=dict)
    size: int | None = None
    size_param: str | None = None
    size_why: str = ""

    def place(self, size: int, position: int) -> dict[str, Any] | None:
        """Return the parameters of the page of that size that begins at a position; None for another kind."""
        sized = {self.size_param: size} if self.size_param else {}
        kind = self.paginator["type"]
        if kind == "offset":
            return {**sized, self.paginator.get("offset_param", "offset"): position}
        if kind == "page_number" and position % size == 0:
            page = position // size + self.paginator["base_page"]
            return {**sized, self.paginator.get("page_param", "page"): page}
        return None


@dataclass(frozen=True)
class Filter:
    """A time filter that the API honours: `incremental` in the words of the declaration, evidence by key."""

    incremental: Mapping[str, Any]
    why: Mapping[str, str]


@dataclass
class Found:
    """What is known of one endpoint; `records` is the sample, `whole` tells that there are no others."""

    path: str
    records: list[Any]
    rows_at: Path
    selector: Guess[str]
    paging: Paging
    total: Guess[dict[str, str]] | None = None
    filter: Filter | None = None
    whole: bool = False
    requests: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    actions_why: str = "an empty page is a 404"
    actions: list[dict[str, Any]] = field(default_factory=list)
    oldest: Any = None
    notes: list[str] = field(default_factory=list)


@dataclass
class Habits:
    """What the endpoints before told of an API's ways, to be tried first at the next one."""

    size_param: str | None = None
    paginator: Mapping[str, Any] = field(default_factory=dict)
    start_param: str | None = None
    end_param: str | None = None
    format: str | None = None

    def learn(self, found: Found) -> None:
        """Remember what an endpoint does."""
        self.size_param = found.paging.size_param or self.size_param
        if found.paging.paginator["type"] != "single_page":
            self.paginator = found.paging.paginator
        if found.filter:
            incremental = found.filter.incremental
            self.start_param = incremental.get("start_param")
            self.end_param = incremental.get("end_param")
            self.format = incremental.get("format", "iso8601")
