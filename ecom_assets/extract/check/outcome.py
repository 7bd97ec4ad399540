"""The outcome of one part of a check of an API."""

from __future__ import annotations

from typing import Literal

Result = Literal["ok", "failed", "skipped", "limit"]
"""`limit` is a promise that the declaration does not allow; `skipped` says what was not seen."""
Outcome = tuple[Result, str]
"""A result, and what was found."""

NO_RECORD: Outcome = ("skipped", "no record was seen")
