"""What an audit reports: of each window that it read again, of each table, and of the shop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ecom_assets.foundation.errors import IngestError
from ecom_assets.load.ledger.audits import DRIFT, EQUAL, FAILED, MOVED, AuditEntry

WINDOWS, WHOLE_LIST, NOT_AUDITED = "windows", "whole list", "not audited"
"""What is audited of a table."""


@dataclass(frozen=True)
class WindowAudit:
    """The audit of one window of a table, or of a table as a whole.

    `outcome` is `equal`, `drift`, `moved` (the list changed while it was read, or another load wrote the window: not
    compared), or `failed` (`reason` says why it was not compared). `compared` are the rows that were read. `missing`
    are those that the table lacks, `stale` those that it has in another state, `surplus` those that only the table
    has. `columns` tells how many stale rows differ in each column, `examples` some keys of each kind. The drift is
    there since the load `load_id`, which had read everything at `loaded_at`. `repaired` tells whether the window was
    loaded again because of drift before.
    """

    resource: str
    partition_key: str | None
    window_start: datetime | None
    window_end: datetime | None
    outcome: str
    load_id: str
    loaded_at: datetime
    compared: int = 0
    missing: int = 0
    stale: int = 0
    surplus: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reason: str = ""
    repaired: bool = False

    @property
    def name(self) -> str:
        """Return what a message calls it."""
        return self.partition_key or WHOLE_LIST

    @property
    def text(self) -> str:
        """Return the outcome for a person."""
        if self.outcome == MOVED:
            return f"moved, not compared: {self.reason}"
        if self.outcome == FAILED:
            return f"not compared: {self.reason}"
        rows = "1 row" if self.compared == 1 else f"{self.compared:,} rows"
        note = f" ({self.reason})" if self.reason else ""
        if self.outcome == EQUAL:
            return f"{rows}, no drift{' any more, as it was loaded again' if self.repaired else ''}{note}"
        kinds = (("missing", self.missing), ("stale", self.stale), ("surplus", self.surplus))
        found = []
        for kind, count in kinds:
            if count:
                keys = "; ".join(self.examples.get(kind, ()))
                found.append(
                    f"{count:,} {'too much' if kind == 'surplus' else kind}{f' ({keys})' if keys else ''}"
                )
        columns = f"; they differ in {', '.join(self.columns)}" if self.columns else ""
        again = ", which loaded it again without removing that" if self.repaired else ""
        return (
            f"{rows} read, {', '.join(found)}{columns}; since the load {self.load_id} of "
            f"{self.loaded_at:%Y-%m-%d %H:%M} UTC{again}{note}"
        )

    def entry(self, audited_at: datetime) -> AuditEntry:
        """Return the row that records the audit."""
        return AuditEntry(
            audited_at,
            self.resource,
            self.partition_key,
            self.window_start,
            self.window_end,
            self.load_id,
            self.outcome,
            self.compared,
            self.missing,
            self.stale,
            self.surplus,
            self.text,
        )


@dataclass(frozen=True)
class TableAudit:
    """The audit of one table.

    `scope` is `windows`, `whole list` or `not audited`, then with the `reason`. `loaded` counts the closed windows that
    are loaded, of which some were chosen.
    """

    resource: str
    scope: str
    loaded: int = 0
    windows: tuple[WindowAudit, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class AuditReport:
    """The audit of a shop. `errors` are the failures of loads that should have repaired drift."""

    shop: str
    tables: tuple[TableAudit, ...]
    errors: tuple[IngestError, ...] = ()

    @property
    def windows(self) -> list[WindowAudit]:
        """Return the audits of all windows of all tables."""
        return [window for table in self.tables for window in table.windows]

    @property
    def remaining(self) -> list[WindowAudit]:
        """Return the windows in which drift remains, and those that could not be read."""
        return [window for window in self.windows if window.outcome in (DRIFT, FAILED)]

    @property
    def ok(self) -> bool:
        """Tell whether no drift remains, and everything could be read. A list that moved is no failure."""
        return not self.errors and not self.remaining

    def lines(self) -> Iterator[str]:
        """Yield the report for a person."""
        for table in self.tables:
            if table.scope == NOT_AUDITED:
                yield f"{table.resource}: not audited: {table.reason}"
                continue
            if table.scope == WINDOWS:
                yield f"{table.resource}: {len(table.windows)} of {table.loaded} loaded windows read again"
            for window in table.windows:
                yield (
                    f"{table.resource}: whole list: {window.text}"
                    if table.scope == WHOLE_LIST
                    else f"  {window.name}: {window.text}"
                )
