"""A connection to BigQuery: a session, in which transactions and temporary tables live over several queries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from itertools import count, islice
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.oauth2.credentials import Credentials as UserCredentials
from google.oauth2.service_account import Credentials

from ecom_assets.warehouse.bigquery.errors import DRIVER_ERRORS
from ecom_assets.warehouse.server_address import ServerAddress

REQUEST_TIMEOUT = 60.0
"""Seconds to wait for the answer to a request."""
RETRY = bigquery.DEFAULT_RETRY.with_timeout(120.0)
"""How long a request is made again that the service could not answer."""
_SCOPES = ("https://www.googleapis.com/auth/bigquery",)
_TYPES = {
    bool: "BOOL",
    int: "INT64",
    float: "FLOAT64",
    Decimal: "NUMERIC",
    bytes: "BYTES",
    datetime: "TIMESTAMP",
}
_PLACEHOLDER = re.compile(r"'(?:[^'\\]|\\.)*'|`[^`]*`|\?", re.DOTALL)
"""A text, an identifier, or the place of a parameter."""
_OTHER_TYPES = {date: "DATE", time: "TIME"}


class Cursor:
    """The answer to a query: a part of a cursor of Python's database API."""

    def __init__(self, job: Any, rows: Any) -> None:
        """Take the job, which is done, and its rows."""
        self.schema: Sequence[Any] = rows.schema or ()
        self.description = [(field.name,) for field in self.schema] or None
        self.rowcount: int = job.num_dml_affected_rows or 0
        self._rows: Iterator[Any] = iter(rows)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows that have not been fetched yet."""
        return [row.values() for row in self._rows]

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        """Return at most so many of the rows that have not been fetched yet."""
        return [row.values() for row in islice(self._rows, size)]


class Connection:
    """A session of BigQuery, and the dataset that unqualified names mean. Opening it makes the session."""

    def __init__(self, address: ServerAddress, dataset: str) -> None:
        """Begin a session. Raises one of `CONNECT_ERRORS`."""
        given = address.parameters
        self.project: str = given["project"]
        self.location: str = given["location"]
        self.dataset = dataset
        self.bytes_processed = 0
        self.holds_lock = False
        self.client = bigquery.Client(
            project=self.project,
            location=self.location,
            credentials=_credentials(given),
            client_options={"api_endpoint": given["endpoint"]} if given["endpoint"] else None,
        )
        self.labels = {"ecom-assets": label_value(dataset)}
        self.session = ""
        config = bigquery.QueryJobConfig(create_session=True, labels=self.labels)
        job = self.client.query("select 1", job_config=config, retry=RETRY, timeout=REQUEST_TIMEOUT)
        job.result(retry=RETRY)
        self.session = job.session_info.session_id

    def run(self, sql: str, parameters: Sequence[Any] = (), *, in_session: bool = True) -> Cursor:
        """Run a statement in BigQuery's words.

        Args:
            sql: The statement, with `?` for parameters.
            parameters: Their values.
            in_session: Whether it is a part of the session, and so of its transaction.
        """
        config = bigquery.QueryJobConfig(
            labels=self.labels,
            query_parameters=[_parameter(number, value) for number, value in enumerate(parameters)],
        )
        if in_session:
            config.connection_properties = [bigquery.ConnectionProperty("session_id", self.session)]
        # a statement that failed is not run again: only the load knows what came before it
        named = named_parameters(sql)
        job = self.client.query(
            named, job_config=config, retry=RETRY, timeout=REQUEST_TIMEOUT, job_retry=None
        )
        rows = job.result(retry=RETRY, job_retry=None)
        self.bytes_processed += job.total_bytes_processed or 0
        return Cursor(job, rows)

    def schema_of(self, query: str) -> Sequence[Any]:
        """Return the columns of the answer of a query, without running it."""
        config = bigquery.QueryJobConfig(
            dry_run=True,
            connection_properties=[bigquery.ConnectionProperty("session_id", self.session)],
        )
        job = self.client.query(
            query, job_config=config, retry=RETRY, timeout=REQUEST_TIMEOUT, job_retry=None
        )
        return list(job.schema or ())

    def table(self, name: str, dataset: str | None = None) -> str:
        """Return the name of a table as the client has it."""
        return f"{self.project}.{dataset or self.dataset}.{name}"

    def end_session(self) -> None:
        """Give up the session, which rolls an open transaction back: otherwise that would hold the lock for hours."""
        with suppress(*DRIVER_ERRORS):
            if self.session:
                self.run("call bq.abort_session()")


def label_value(text: str) -> str:
    """Return a text as the value of a label: at most 63 lower case letters, digits, dashes and underscores."""
    return re.sub(r"[^a-z0-9_-]", "-", text.lower())[:63]


def named_parameters(sql: str) -> str:
    """Return a statement with `@p0`, `@p1` and so on in place of `?`: the emulator may write an expression twice."""
    numbers = count()
    return _PLACEHOLDER.sub(lambda found: f"@p{next(numbers)}" if found[0] == "?" else found[0], sql)


def _credentials(given: Any) -> Any:
    if given["endpoint"]:
        return AnonymousCredentials()
    if given["user"] is not None:
        return UserCredentials.from_authorized_user_info(dict(given["user"]), scopes=_SCOPES)
    if given["account"] is None:
        return None
    return Credentials.from_service_account_info(
        json.loads(json.dumps(dict(given["account"]))), scopes=_SCOPES
    )


def _parameter(number: int, value: Any) -> Any:
    kinds = {**_TYPES, **_OTHER_TYPES}
    # a text that is null is taken for a null of most types
    return bigquery.ScalarQueryParameter(f"p{number}", kinds.get(type(value), "STRING"), value)
