"""No secret in what a session hands out, whatever goes wrong and whatever the server repeats."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote, quote_plus

import dlt
import dlt.common.logger
import pytest
from dlt.sources.rest_api import rest_api_source
from requests import Response

from ecom_assets.client.redaction import scrubbed_logging
from ecom_assets.foundation.errors import ApiError
from ecom_assets_tests.support.secrets.leaks import (
    AUTHS,
    SECRET,
    TOKEN,
    echo,
    hidden_with,
    leaks,
    session_with,
)
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.servers.loopback import no_waits as no_waits
from ecom_assets_tests.support.servers.loopback import other as other


def failing(kind: str, secrets: list[str], other: Loopback) -> Any:
    """Return the answers of a server that fails in one way; only the kind `token` refuses to give out tokens."""

    def reply(seen: Seen) -> Reply:
        if seen.path == "/token" and kind != "token":
            return json_reply({"access_token": TOKEN, "expires_in": 3600})
        secret = quote(SECRET, safe="")
        body = echo(seen, secrets)
        replies = {
            "drop": Reply(drop=True),
            "late": Reply(delay=30),
            "cut": Reply(body=body, cut=True),
            "400": Reply(400, body),
            "401": Reply(401, json.dumps({"error": f"no such key {SECRET}", "all": body})),
            "404": Reply(404, body[:300]),
            "503": Reply(503, body),
            "later": Reply(429, body, {"Retry-After": "3600"}),
            "redirect": Reply(302, body, {"Location": f"{other.base_url}/{secret}?key={secret}"}),
            "nowhere": Reply(302, body, {"Location": f"http://[{secret}"}),
            "circle": Reply(302, body, {"Location": f"/things?key={secret}"}),
            "scheme": Reply(302, body, {"Location": f"ftp://host/{secret}"}),
            "host": Reply(302, body, {"Location": "http://S3cr3tUser/things"}),
            "path": Reply(302, "", {"Location": f"/{secret}"}) if seen.path == "/things" else Reply(404),
            "compressed": Reply(body=body, headers={"Content-Encoding": "gzip"}),
            "not json": Reply(body=body, headers={"Content-Type": f"text/{SECRET}"}),
            "token": Reply(401, body),
        }
        return replies[kind]

    return reply


KINDS = [
    "refused",
    "drop",
    "late",
    "cut",
    "400",
    "401",
    "404",
    "503",
    "later",
    "redirect",
    "nowhere",
    "circle",
]
KINDS += ["scheme", "host", "path", "compressed", "not json", "token"]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect the formatted records of all loggers."""
    lines: list[str] = []

    class Collecting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name}: {self.format(record)} {record.msg!r} {record.args!r}")

    handler = Collecting()
    dlt.secrets.get("nothing")  # dlt makes a logger of its own on first use
    monkeypatch.setattr(dlt.common.logger, "LOGGER", logging.getLogger("dlt_in_test"))
    names = ("", "urllib3", "requests", "dlt_in_test", "ecom_assets")
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    logging.getLogger().addHandler(handler)
    for logger, _ in before:
        logger.setLevel(logging.DEBUG)
    yield lines
    for logger, level in before:
        logger.setLevel(level)
    logging.getLogger().removeHandler(handler)


def with_locals(error: BaseException) -> str:
    """Return the chain of an error with all local variables, except those of this file."""
    text = []
    pending: list[BaseException | None] = [error]
    while pending:
        link = pending.pop()
        if link is None:
            continue
        shown = traceback.TracebackException.from_exception(link, capture_locals=True)
        text += [str(frame.locals) for frame in shown.stack if frame.filename != __file__]
        text += [repr(link), str(vars(link)), repr(link.args)]
        pending += [link.__cause__, link.__context__]
    return "\n".join([*text, *traceback.format_exception(error)])


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_failure(kind: str, auth: str, other: Loopback, logged: list[str]) -> None:
    """No failure carries a secret: not its chain, not its frames, not the logs of any library."""
    secrets = [secret for secret in hidden_with(auth) if kind != "token" or secret != TOKEN or auth == "two"]
    with serving() as api:
        api.answering = failing(kind, secrets, other)
        session = session_with(api, auth, max_retries=1, timeout=0.15 if kind == "late" else 5)
        session.max_redirects = 5
        if kind != "refused":
            with closing(session), pytest.raises(ApiError) as caught:
                session.get(f"{api.base_url}/things", params={"q": "1"}).json()
            assert any(seen.path != "/token" for seen in api.seen) == (kind != "token" or auth != "oauth2")
    if kind == "refused":
        with closing(session), pytest.raises(ApiError) as caught:
            session.get(f"{api.base_url}/things", params={"q": "1"}).json()
    assert leaks(with_locals(caught.value), secrets) == []
    assert logged
    assert [line for line in logged if leaks(line, secrets)] == []
    assert len(str(caught.value).splitlines()) == 1
    assert other.seen == []


def everything(response: Response) -> str:
    """Return everything that a response can show of itself."""
    pieces = []
    for link in (response, *response.history):
        request = link.request
        pieces += [repr(link), str(vars(link)), str(link.url), repr(request), str(vars(request))]
        pieces += [str(request.url), str(dict(request.headers)), str(request.body), str(dict(link.headers))]
    return "\n".join([*pieces, pickle.dumps(response).decode("latin-1")])


@pytest.mark.parametrize("auth", AUTHS)
def test_answer(auth: str, logged: list[str]) -> None:
    """A response, and the redirects that led to it, know only the unsigned request."""
    secrets = hidden_with(auth)
    with serving() as api, closing(session_with(api, auth)) as session:

        def reply(seen: Seen) -> Reply:
            if seen.path == "/token":
                return json_reply({"access_token": TOKEN, "expires_in": 3600})
            if seen.path == "/b":
                link = f'<{api.base_url}/c?page=2&key={quote(SECRET, safe="")}>; rel="next"'
                return json_reply({"data": []}, link=link if auth in ("query", "two") else "")
            repeated = "&".join(f"{name}={quote_plus(value)}" for name, value in seen.query)
            return Reply(302, "", {"Location": f"/b?{repeated}"})

        api.answering = reply
        response = session.get(f"{api.base_url}/things", params={"q": "1"})
        assert response.json() == {"data": []}
        assert response.url == f"{api.base_url}/b?q=1"
        assert len(response.history) == 1
        assert leaks(everything(response), secrets) == []
        assert leaks(str([seen for seen in api.seen if seen.path == "/b"]), secrets) != []
    assert [line for line in logged if leaks(line, secrets)] == []


@pytest.mark.parametrize("action", [None, [{"status_code": 404, "action": "ignore"}]])
@pytest.mark.parametrize("auth", AUTHS)
def test_dlt(auth: str, action: Any, logged: list[str]) -> None:
    """Neither what dlt raises nor what it logs of requests, next links and bodies holds a secret."""
    secrets = hidden_with(auth)
    with serving() as api, closing(session_with(api, auth)) as session:

        def reply(seen: Seen) -> Reply:
            if seen.path == "/token":
                return json_reply({"access_token": TOKEN, "expires_in": 3600})
            if seen.path == "/things":
                return json_reply({"data": [1], "next": f"{api.base_url}/next?key={quote(SECRET, safe='')}"})
            return Reply(404, echo(seen, secrets))

        api.answering = reply
        source = rest_api_source(
            {
                "client": {
                    "base_url": api.base_url,
                    "session": session,
                    "paginator": {"type": "json_link", "next_url_path": "next"},
                },
                "resources": [
                    {
                        "name": "things",
                        "endpoint": {"path": "things", "data_selector": "data", "response_actions": action},
                    }
                ],
            }
        )
        with scrubbed_logging(session.redactor):
            if action:
                assert list(source.resources["things"]) == [1]
            else:
                with pytest.raises(Exception, match="GET /next: status 404") as caught:
                    list(source.resources["things"])
                assert leaks("".join(traceback.format_exception(caught.value)), secrets) == []
    assert any(line.startswith("dlt_in_test: Making GET request") for line in logged)
    assert [line for line in logged if leaks(line, secrets)] == []
