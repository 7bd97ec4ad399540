"""Requests to one endpoint while it is explored: few, counted, over the project's own session.

What is concluded from the answers is the other modules'.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient
from requests import Response

from ecom_assets.client.api_connection import ApiConnection
from ecom_assets.declaration.placeholders import placeholder_names
from ecom_assets.extract.request_template import Template
from ecom_assets.foundation.errors import ApiError, RetryLater
from ecom_assets.foundation.progress import OnProgress

MOST_REQUESTS = 12
"""Requests that one endpoint is asked unless the user allows more."""


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
    """Asks one endpoint, at most `most` times; `values` are filled into its placeholders.

    What is tried are parameters, or where there is a body its fields, by dotted paths.
    """

    def __init__(
        self,
        connection: ApiConnection,
        path: str,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        most: int = MOST_REQUESTS,
        on_progress: OnProgress = lambda text: None,
    ) -> None:
        """Send `params` with every request, by POST where there is a `body`; `say` is told the number of each."""
        client = connection.shop.client
        self._client = RESTClient(client.base_url, headers=dict(client.headers), session=connection.session)
        self._say = on_progress
        self.path = path
        self.params = dict(params or {})
        self.body = body
        self.values: Mapping[str, Any] = {}
        self.most = most
        self.asked = 0

    @property
    def left(self) -> int:
        """Return how many requests may still be made."""
        return self.most - self.asked

    def first(self) -> Reply:
        """Return the answer to the plain request; raises ApiError where it is refused."""
        return self._ask(self.path, {}, trial=False)

    def ask(self, params: Mapping[str, Any], values: Mapping[str, Any] | None = None) -> Reply:
        """Return the answer to a request that may well be refused, with other values for once if there are any.

        Raises Spent, and ApiError where the secrets are refused.
        """
        usual, self.values = self.values, self.values if values is None else values
        try:
            return self._ask(self.path, params, trial=True)
        finally:
            self.values = usual

    def names(self, usual: Sequence[str], known: Collection[str]) -> list[str]:
        """Return those of some usual names that can be tried: any but what a description leaves out.

        Of a body these are the paths that end in one of them.
        """
        if self.body is None:
            return [name for name in usual if not known or name in known]
        by_name: dict[str, str] = {}
        for path in body_paths(self.body):
            by_name.setdefault(_squeezed(path.rpartition(".")[2]), path)
        return list(dict.fromkeys(by_name[word] for word in map(_squeezed, usual) if word in by_name))

    def follow(self, url: str) -> Reply:
        """Return the answer at an address that the API gave."""
        return self._ask(url, None, trial=True)

    def _ask(self, where: str, params: Mapping[str, Any] | None, *, trial: bool) -> Reply:
        if self.asked >= self.most:
            raise Spent
        self.asked += 1
        self._say(f"{self.path}: request {self.asked} of {self.most} at most")
        filled = Template(self.path, self.params, {}, self.body).fill(self.values)
        where, sent = (where, None) if params is None else (filled.path, {**filled.params, **params})
        answers: list[Response] = []

        def note(response: Response, *args: Any, **kwargs: Any) -> None:
            answers.append(response)

        try:
            if filled.json_body is None:
                response = self._client.get(where, params=sent, hooks={"response": [note]})
            else:
                response = self._client.post(
                    where,
                    params=dict(filled.params),
                    json=with_fields(filled.json_body, params or {}),
                    hooks={"response": [note]},
                )
            body = response.json()
        except ApiError as error:
            # without an answer it may be that the API fails over a parameter, or a link leads to another host
            status = answers[-1].status_code if answers else 0
            if not trial or status in (401, 429) or isinstance(error, RetryLater):
                raise
            return Reply(sent or {}, status, None, {}, where, str(error))
        return Reply(sent or {}, response.status_code, body, response.headers, response.url)


def body_paths(body: Mapping[str, Any], around: str = "") -> Iterator[str]:
    """Yield the dotted paths of the single values of a body that no placeholder fills."""
    for name, value in body.items():
        if isinstance(value, Mapping):
            yield from body_paths(value, f"{around}{name}.")
        elif not isinstance(value, list) and not placeholder_names(value):
            yield f"{around}{name}"


def with_fields(body: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with other values at some dotted paths."""
    changed = dict(body)
    for path, value in fields.items():
        name, _, rest = path.partition(".")
        inner = changed.get(name)
        changed[name] = (
            with_fields(inner if isinstance(inner, Mapping) else {}, {rest: value}) if rest else value
        )
    return changed


def _squeezed(name: str) -> str:
    return name.lower().replace("_", "")
