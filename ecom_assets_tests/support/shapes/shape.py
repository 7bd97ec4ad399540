"""A shape of API: a server, the declaration that loads it, and the rows that a load must bring."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply, serving
from ecom_assets_tests.support.shapes.records import END, START

Tables = dict[str, list[dict[str, Any]]]
"""Rows by resource, with the values that DuckDB returns for the declared columns. Instants are aware and in UTC."""


@dataclass(frozen=True)
class Shape:
    """One API. `answer` serves it; `tables` returns, for a base address, the rows that a load must bring.

    Its shop and the YAML file beside its module have the same name. `start` and `end` bound the windows to load. A
    windowed resource must bring the rows of that time only.
    """

    name: str
    answer: Callable[[Seen], Reply]
    tables: Callable[[str], Tables]
    secrets: Mapping[str, str] = field(default_factory=dict)
    start: datetime = START
    end: datetime = END

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve from a free port of the loopback interface until the end of the block; yields the base address."""
        with serving() as loopback:
            loopback.answering = self.answer
            yield loopback.base_url

    def declaration(self, base_url: str) -> str:
        """Return the YAML text that declares the API at a base address."""
        text = Path(__file__).with_name(f"{self.name}.yaml").read_text("utf-8")
        return text.replace("BASE_URL", base_url)


def refusal(status: int, reason: str) -> Reply:
    """Return an answer that says what is wrong with a request."""
    return json_reply({"error": reason}, status)


def unknown(query: Mapping[str, str], *known: str) -> Reply | None:
    """Return a refusal of the first unknown parameter, None if all parameters are known."""
    for name in query:
        if name not in known:
            return refusal(400, f"no such parameter: {name}")
    return None
