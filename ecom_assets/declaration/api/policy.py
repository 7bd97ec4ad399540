"""The request policy: retries, timeouts, the rate limit and what one run reads at the same time."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ecom_assets.declaration.api.retry import RetryAfter, RetryErrors, RetryStatuses
from ecom_assets.declaration.field_types import finite_number, whole_number
from ecom_assets.declaration.model import DeclarationModel
from ecom_assets.foundation.retry_statuses import RETRY_STATUSES


class Policy(DeclarationModel):
    """The load that a run puts on the API. Times are in seconds; `max_retries` does not count the first try."""

    max_retries: Annotated[int, whole_number(0, 10)] = Field(
        default=3,
        description="Retries after the first try, on one of the `retry_statuses`, a dropped connection, a timeout, or "
        "a truncated body.",
    )
    backoff_factor: Annotated[float, finite_number("a number, 0 or more", 0)] = Field(
        default=2.0,
        description="Seconds to wait before the first retry; each further wait is twice as long. A Retry-After "
        "header takes precedence, and pauses all workers.",
    )
    retry_statuses: RetryStatuses = Field(
        default=RETRY_STATUSES,
        description="The statuses that are retried. 403, 420, 430 and 520 to 529 are retried as well if the response "
        "says how long to wait.",
    )
    retry_after: RetryAfter | None = Field(
        default=None,
        description="Where the API says how long to wait, if it is not in a header such as Retry-After or "
        "X-RateLimit-Reset.",
    )
    retry_errors: RetryErrors | None = Field(
        default=None,
        description="Temporary errors that the API tells in the body of a successful response; they are retried.",
    )
    timeout: Annotated[float, finite_number("a number of seconds above 0", 0, above=True)] = Field(
        default=30.0, description="Seconds to wait for a connection, and for the next bytes of a response."
    )
    response_timeout: Annotated[float, finite_number("a number of seconds above 0", 0, above=True)] = Field(
        default=300.0,
        description="Seconds that one try may take, from the connection to the last byte of the response.",
    )
    max_response_bytes: Annotated[int, whole_number(1)] = Field(
        default=256 * 2**20, description="The most bytes of one response, unpacked; it is held in memory."
    )
    max_pages: Annotated[int, whole_number(1)] = Field(
        default=50_000,
        description="The most pages of one slice. A slice with more pages fails, because its list may have no end.",
    )
    requests_per_second: (
        Annotated[float, finite_number("a number above 0, or null", 0, above=True)] | None
    ) = Field(
        default=None,
        description="The rate limit of the whole run, over all its workers; retries and requests for a token "
        "count too.",
    )
    concurrency: Annotated[int, whole_number(1, 64)] = Field(
        default=8, description="Slices that are read at the same time."
    )
    lookback: Annotated[int, whole_number(0)] = Field(
        default=0,
        description="Seconds before a window to read again, for records that appear late; the part that another "
        "window of the run covers is not read twice.",
    )
