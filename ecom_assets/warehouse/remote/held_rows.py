"""Which temporary tables hold the rows that a rehearsal brought into them, so that its transaction need not again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class _Held:
    made: str
    like: str | None
    rows: pa.Table


class HeldRows:
    """The rows of temporary tables by their place: the name that statements have for them, and its how manieth use."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._uses: Counter[str] = Counter()
        self._held: dict[tuple[str, int], _Held] = {}

    def start(self) -> None:
        """Count the uses of each name from the first on: a rehearsal or its transaction begins."""
        self._uses.clear()

    def next_place(self, name: str) -> tuple[str, int]:
        """Return the place of the next use of a name."""
        self._uses[name] += 1
        return name, self._uses[name]

    def place_of(self, name: str) -> tuple[str, int]:
        """Return the place of the last use of a name."""
        return name, self._uses[name]

    def hold(self, place: tuple[str, int], made: str, like: str | None, rows: pa.Table) -> None:
        """Note that the engine's temporary table `made` has these rows, with the types of `like`."""
        self._held[place] = _Held(made, like, rows)

    def holder(self, place: tuple[str, int], like: str | None, rows: pa.Table) -> str | None:
        """Return the engine's temporary table that has these rows already, None if none has."""
        held = self._held.get(place)
        return held.made if held and held.like == like and held.rows.equals(rows) else None

    def forget(self, made: str) -> None:
        """Note that a statement writes rows of a temporary table."""
        self._held = {place: held for place, held in self._held.items() if held.made != made}
