"""Requests to one endpoint while it is explored: few, counted, over the project's own session.

What is concluded from the answers is the other modules'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient
from requests import Response

from ecom_assets.ingest.connection import Connection
from ecom_assets.ingest.errors import ApiError, RetryLater

MOST_REQUESTS = 12
"""Requests that one endpoint is asked unless the user allows more."""

Say = Callable[[str], None]


class Spent(Exception):
    """The requests that an endpoint may be asked are used up."""


@dataclass(frozen=True)
class Reply:
    """What came back: parsed JSON and headers, or why the API refused, free of secrets and in one line."""

    params: Mapping[str, Any]
    status: int
    body: Any
    headers: Mapping[str, str]
    url: str
    refusal: str = ""

    @property
    def refused(self) -> bool:
        """Tell whether the API did not answer with JSON and a status below 400."""
        return bool(self.refusal)


class Asker:
    """Asks one endpoint, at most `most` times."""

    def __init__(
        self,
        connection: Connection,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        most: int = MOST_REQUESTS,
        say: Say = lambda text: None,
    ) -> None:
        """Send `params` with every request; `say` is told the number of each."""
        client = connection.shop.client
        self._client = RESTClient(client.base_url, headers=dict(client.headers), session=connection.session)
        self._say = say
        self.path = path
        self.params = dict(params or {})
        self.most = most
        self.asked = 0

    @property
    def left(self) -> int:
        """Return how many requests may still be made."""
        return self.most - self.asked

    def first(self) -> Reply:
        """Return the answer to the plain request; raises ApiError where it is refused."""
        return self._ask(self.path, {}, trial=False)

    def ask(self, params: Mapping[str, Any]) -> Reply:
        """Return the answer to a request that may well be refused.

        Raises Spent, and ApiError where the secrets are refused.
        """
        return self._ask(self.path, params, trial=True)

    def follow(self, url: str) -> Reply:
        """Return the answer at an address that the API gave."""
        return self._ask(url, None, trial=True)

    def _ask(self, where: str, params: Mapping[str, Any] | None, *, trial: bool) -> Reply:
        if self.asked >= self.most:
            raise Spent
        self.asked += 1
        sent = None if params is None else {**self.params, **params}
        self._say(f"{self.path}: request {self.asked} of {self.most} at most")
        answers: list[Response] = []

        def note(response: Response, *args: Any, **kwargs: Any) -> None:
            answers.append(response)

        try:
            response = self._client.get(where, params=sent, hooks={"response": [note]})
            body = response.json()
        except ApiError as error:
            # without an answer it may be that the API fails over a parameter, or a link leads to another host
            status = answers[-1].status_code if answers else 0
            if not trial or status in (401, 429) or isinstance(error, RetryLater):
                raise
            return Reply(sent or {}, status, None, {}, where, str(error))
        return Reply(sent or {}, response.status_code, body, response.headers, response.url)
