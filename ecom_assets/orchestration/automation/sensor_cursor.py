"""What the change sensor of a shop remembers from tick to tick."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

from dagster import Failure

from ecom_assets.foundation.intervals import Intervals

CURSOR_VERSION = 1


@dataclass(frozen=True)
class SensorCursor:
    """What a sensor remembers.

    Attributes:
        looked_until: The end (UTC) of the last window that it looked at; None after a reset.
        unchanged: The time in which the API had no records, of windows that the ledger lacks.
        again: When (UTC) windows were last requested again, by their start.
        span: How many windows the API is asked about at once at most, because it gave no answer about more of them.
    """

    looked_until: datetime | None = None
    unchanged: Intervals = field(default_factory=Intervals)
    again: Mapping[datetime, datetime] = field(default_factory=dict)
    span: int | None = None

    @classmethod
    def read(cls, text: str | None) -> SensorCursor:
        """Return the content of a cursor."""
        if not text:
            return cls()
        try:
            content = json.loads(text)
            if content["version"] != CURSOR_VERSION:
                raise ValueError(content["version"])
            spans = [(_instant(start), _instant(end)) for start, end in content.get("unchanged", ())]
            again = {_instant(start): _instant(at) for start, at in content.get("again", {}).items()}
            return cls(_instant(content["looked_until"]), Intervals(spans), again, content.get("span"))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Failure(
                description=f"this sensor cannot read the cursor {text!r}: reset the cursor in the UI"
            ) from None

    def text(self) -> str:
        """Return the cursor as a text."""
        content: dict[str, object] = {"version": CURSOR_VERSION}
        if self.looked_until:
            content["looked_until"] = self.looked_until.isoformat()
        if spans := self.unchanged.parts():
            content["unchanged"] = [[start.isoformat(), end.isoformat()] for start, end in spans]
        if self.again:
            content["again"] = {start.isoformat(): at.isoformat() for start, at in self.again.items()}
        if self.span:
            content["span"] = self.span
        return json.dumps(content)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(timezone.utc)
