"""What discovery knows of one endpoint. Each guess has its evidence, which becomes the comment beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlsplit

from ecom_assets.discovery.field_path import FieldPath
from ecom_assets.discovery.filter_expressions import Expression

T = TypeVar("T")


@dataclass(frozen=True)
class Guess(Generic[T]):
    """A value and the evidence for it."""

    value: T
    evidence: str


@dataclass(frozen=True)
class Paging:
    """How pages are requested: dlt's paginator, and the parameters of every request.

    `size` is the number of records per page, None where it is not known. `pointer` is the address of the
    second page, as it stands on a first page of `pointer_count` records.
    """

    paginator: Mapping[str, Any]
    evidence: str
    params: Mapping[str, Any] = field(default_factory=dict)
    size: int | None = None
    size_param: str | None = None
    size_evidence: str = ""
    pointer: str = ""
    pointer_count: int = 0

    def params_at(self, size: int, position: int) -> dict[str, Any] | None:
        """Return the parameters of the page that begins at a record's position.

        Args:
            size: How many records the page has.
            position: The position of its first record in the list, counted from 0.

        Returns:
            None where this kind of paging cannot jump to a position.
        """
        sized = {self.size_param: size} if self.size_param else {}
        kind = self.paginator["type"]
        if kind == "offset":
            return {**sized, self.paginator.get("offset_param", "offset"): position}
        if kind == "page_number" and position % size == 0:
            page = position // size + self.paginator["base_page"]
            return {**sized, self.paginator.get("page_param", "page"): page}
        return None

    @property
    def pointer_params(self) -> list[str]:
        """Return the parameters in the address of the second page."""
        return [name for name, _ in parse_qsl(urlsplit(self.pointer).query, keep_blank_values=True)]

    @property
    def size_params(self) -> dict[str, Any]:
        """Return the parameter that asks for a page of `size` records, empty where none is known."""
        return {self.size_param: self.size} if self.size_param else {}


@dataclass(frozen=True)
class TimeFilter:
    """A time filter that the API honours.

    `incremental` has the keys of the declaration; `evidence` has a text for some of these keys. `params` are the
    parameters that hold placeholders for the window, with the evidence under `params`; `headers` are such headers.
    """

    incremental: Mapping[str, Any]
    evidence: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class EndpointDraft:
    """One endpoint to be declared.

    `records` is the sample, at `records_path` of an answer; `complete` says that the list has no other records.
    `requests` counts the requests that were sent. `actions` are dlt's response actions. `oldest` is the instant, in
    UTC, of the oldest record. `shape` is what `records` declares, None for a list of objects.
    `empty_answers` are the forms of an answer without records, apart from an empty list.
    `unconfirmed` is the reason why nothing confirms the paging, empty where something does.
    """

    path: str
    records: list[Any]
    records_path: FieldPath
    data_selector: Guess[str]
    paging: Paging
    total: Guess[dict[str, str]] | None = None
    time_filter: TimeFilter | None = None
    complete: bool = False
    requests: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    actions_evidence: str = "so the API answers a request without records"
    actions: list[dict[str, Any]] = field(default_factory=list)
    empty_answers: list[str] = field(default_factory=list)
    oldest: Any = None
    shape: Guess[Any] | None = None
    unconfirmed: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def wrapper(self) -> str:
        """Return the field of each element that holds its record, empty where elements are the records."""
        declared = self.shape.value if self.shape else None
        return str(declared.get("wrapper", "")) if isinstance(declared, Mapping) else ""


@dataclass
class ApiConventions:
    """What the endpoints explored so far have in common; the next endpoint is tried with these names first."""

    size_param: str | None = None
    paginator: Mapping[str, Any] = field(default_factory=dict)
    start_param: str | None = None
    end_param: str | None = None
    format: str | None = None
    expression: Expression | None = None

    def learn(self, endpoint: EndpointDraft) -> None:
        """Remember how an endpoint pages and filters."""
        self.size_param = endpoint.paging.size_param or self.size_param
        if endpoint.paging.paginator["type"] != "single_page":
            self.paginator = endpoint.paging.paginator
        if endpoint.time_filter and "start_param" in endpoint.time_filter.incremental:
            incremental = endpoint.time_filter.incremental
            self.start_param = incremental.get("start_param")
            self.end_param = incremental.get("end_param")
            self.format = incremental.get("format", "iso8601")
