"""One request to a style of API, the page that it asks for, and the answer while its parts write into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from ecom_assets_tests.support.servers.loopback import Seen


@dataclass(frozen=True)
class Asked:
    """A request: `values` are its parameters, or the fields of its body by dotted path.

    `is_restored` says that a token brought the parameters of the first page.
    """

    seen: Seen
    values: Mapping[str, str]
    is_restored: bool = False

    def address(self, **changed: Any) -> str:
        """Return the address of another page: the same parameters, some of them changed, None for removed."""
        values = {**self.values, **changed}
        return f"{self.seen.path}?{urlencode({name: value for name, value in values.items() if value is not None})}"


@dataclass(frozen=True)
class Page:
    """A page of a list: its records as they are sent, where it begins, and how long the whole list is."""

    asked: Asked
    records: list[Any]
    begin: int
    size: int
    count: int

    @property
    def end(self) -> int:
        """Return the position behind the last record."""
        return self.begin + len(self.records)

    @property
    def has_more(self) -> bool:
        """Tell whether there are records behind the page."""
        return self.end < self.count


@dataclass
class Answer:
    """An answer while it is written. `body` is an object; a bare list leaves it out."""

    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    status: int = 200

    def put(self, path: str, value: Any) -> None:
        """Put a value at a dotted path of the body."""
        put(self.body, path, value)


def put(body: dict[str, Any], path: str, value: Any) -> None:
    """Put a value at a dotted path of an object; two dots stand for one in a name."""
    *above, last = (part.replace("\0", ".") for part in path.replace("..", "\0").split("."))
    for name in above:
        body = body.setdefault(name, {})
    body[last] = value
