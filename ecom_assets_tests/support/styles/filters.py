"""How a style of API filters by the time of the last change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from ecom_assets_tests.support.styles.answer import Asked
from ecom_assets_tests.support.styles.paging import Refused

UTC = timezone.utc


@dataclass(frozen=True)
class Between:
    """Two parameters for the ends of a window, in the format `form`: iso, unix, unix_ms, date or a pattern."""

    start: str
    end: str = ""
    form: str = "iso"
    bounds: str = "[)"

    def holds(self, changed: datetime, asked: Asked) -> bool:
        """Tell whether a change lies in the window that a request asks for."""
        low, high = (self._instant(name, asked) for name in (self.start, self.end))
        if self.form == "date":
            changed = changed.replace(hour=0, minute=0, second=0)
        if low and not (low <= changed if self.bounds[0] == "[" else low < changed):
            return False
        return not high or (changed <= high if self.bounds[1] == "]" else changed < high)

    def _instant(self, name: str, asked: Asked) -> datetime | None:
        text = asked.values.get(name) if name else None
        if text is None:
            return None
        try:
            if self.form.startswith("unix"):
                return datetime.fromtimestamp(int(text) / (1000 if self.form == "unix_ms" else 1), UTC)
            if self.form == "date" and len(text) != 10:
                raise ValueError
            if "%" in self.form:
                return datetime.strptime(text, self.form).replace(tzinfo=UTC)
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        except ValueError:
            raise Refused(f"{name}: no time of this API") from None


@dataclass(frozen=True)
class SinceHeader:
    """A request header for the start of a window, in the format of HTTP."""

    start: str
    end: str = ""

    def holds(self, changed: datetime, asked: Asked) -> bool:
        """Tell whether a change lies in the window that a request asks for."""
        text = asked.seen.headers.get(self.start.lower())
        if text is None:
            return True
        try:
            return changed >= parsedate_to_datetime(text)
        except ValueError:
            raise Refused(f"{self.start}: no time of this API") from None


@dataclass(frozen=True)
class Expression:
    """A parameter with an expression, of which `pattern` reads the two ends of a window in ISO 8601."""

    start: str
    pattern: str
    end: str = ""

    def holds(self, changed: datetime, asked: Asked) -> bool:
        """Tell whether a change lies in the window that a request asks for."""
        text = asked.values.get(self.start)
        if text is None:
            return True
        found = re.fullmatch(self.pattern, text)
        if found is None:
            raise Refused(f"{self.start}: no expression of this API")
        low, high = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in found.groups())
        return low <= changed < high
