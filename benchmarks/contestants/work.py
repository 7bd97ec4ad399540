"""The command line of every contestant."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path


@dataclass(frozen=True)
class Work:
    """Load `days` days from `start` (aware, UTC) of the API at `url` into the tables of the DuckDB file `out`.

    A contestant with windows takes windows of `step` days. None has more than `in_flight` requests in flight.
    """

    url: str
    api_key: str
    out: Path
    start: datetime
    days: int
    step: int
    in_flight: int

    @property
    def end(self) -> datetime:
        """Return the end of the last day."""
        return self.start + timedelta(days=self.days)

    def windows(self) -> list[tuple[datetime, datetime]]:
        """Return the half-open windows."""
        bounds = [self.start + timedelta(days=day) for day in range(0, self.days, self.step)]
        return list(zip(bounds, [*bounds[1:], self.end], strict=True))


def api_time(instant: datetime) -> str:
    """Return an instant in UTC as the API writes it."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def work_from_command_line() -> Work:
    """Return the work that the command line describes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--api-key", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", required=True, help="a date")
    parser.add_argument("--days", type=int, required=True)
    parser.add_argument("--step", type=int, required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    options = vars(parser.parse_args())
    return Work(start=datetime.fromisoformat(f"{options.pop('start')}T00:00:00+00:00"), **options)
