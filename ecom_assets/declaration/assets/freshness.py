"""The key `freshness`: how old the last load of a table may be, or by when a load is due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field, StrictBool, model_validator
from typing_extensions import Self

from ecom_assets.declaration.assets.cron_text import CronText
from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_types import TimeZone, finite_number
from ecom_assets.declaration.model import Check, DeclarationModel
from ecom_assets.foundation.cron import Cron

_length = finite_number("a number above 0, at most 87600 hours", 0, 87600 * 60, above=True)
_Length = Annotated[float, _length]
_MINUTE = timedelta(minutes=1)


class Freshness(DeclarationModel):
    """How old the last load of a table may be before Dagster shows the table as late."""

    NOT_IN_FILE: ClassVar[frozenset[str]] = frozenset({"limited"})

    limited: StrictBool = True
    hours: _Length | None = Field(
        default=None,
        description="The age in hours at which the table is late; with `cron`, how long before each deadline a load "
        "counts for it.",
    )
    minutes: _Length | None = Field(default=None, description="The same in minutes, instead of `hours`.")
    warn_hours: _Length | None = Field(
        default=None,
        description="The age in hours at which Dagster warns; less than the age at which it is late.",
    )
    warn_minutes: _Length | None = Field(
        default=None, description="The same in minutes, instead of `warn_hours`."
    )
    cron: CronText | None = Field(
        default=None, description="Deadlines as a cron expression: by each of them the table must be loaded."
    )
    timezone: TimeZone = Field(default="UTC", description="The time zone of `cron`.")

    @property
    def length(self) -> timedelta:
        """Return the age at which a table is late, or the time before a deadline in which a load counts for it."""
        return timedelta(hours=self.hours or 0, minutes=self.minutes or 0)

    @property
    def warn_after(self) -> timedelta | None:
        """Return the age at which Dagster warns, None if it does not."""
        warn = timedelta(hours=self.warn_hours or 0, minutes=self.warn_minutes or 0)
        return warn or None

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        """Require one length of a minute or more, and a warning or a time before a deadline that is shorter."""
        if not self.limited:
            return self
        if (self.hours is None) == (self.minutes is None):
            found = "nothing" if self.hours is None else "both hours and minutes"
            raise rule_error(("hours",), found, "one of hours, minutes")
        if self.warn_hours is not None and self.warn_minutes is not None:
            raise rule_error(
                ("warn_hours",), "both warn_hours and warn_minutes", "one of warn_hours, warn_minutes"
            )
        key = "hours" if self.minutes is None else "minutes"
        warn_key = "warn_hours" if self.warn_minutes is None else "warn_minutes"
        for name, length in ((key, self.length), (warn_key, self.warn_after)):
            if length is not None and length < _MINUTE:
                raise rule_error((name,), f"{getattr(self, name):g}", "a minute or more")
        if self.warn_after is not None and self.cron is not None:
            raise rule_error((warn_key,), f"{warn_key} with cron", f"{warn_key} without cron only")
        if self.warn_after is not None and self.warn_after >= self.length:
            raise rule_error(
                (warn_key,),
                f"{getattr(self, warn_key):g}",
                "less than the age at which the table is late",
            )
        if self.cron is not None and self.length > (gap := Cron(self.cron).shortest_gap()):
            raise rule_error(
                (key,),
                f"{getattr(self, key):g}",
                f"at most {gap.total_seconds() / 3600:g} hours, the shortest time between two deadlines of cron",
            )
        return self


def _freshness(value: Any) -> Any:
    """Take the word `none` for a mapping."""
    if value == "none":
        return {"limited": False}
    if isinstance(value, Freshness) or (isinstance(value, Mapping) and "limited" not in value):
        return value
    if isinstance(value, Mapping):
        raise value_error("an unknown key", ", ".join(Freshness.file_keys()), "limited")
    raise value_error(format_value(value), "a mapping with hours, minutes or cron; or none")


FreshnessOrNone = Annotated[
    Freshness, Check(_freshness, lambda schema: {"anyOf": [{"const": "none"}, schema]})
]
