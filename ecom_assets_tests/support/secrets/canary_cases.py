"""What can go wrong in a run, each time with a server that repeats the shop's keys in many ways."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest

from ecom_assets.contract.contract import Contract
from ecom_assets.load import commit
from ecom_assets.load.staged_rows import StagedRows
from ecom_assets_tests.support.secrets.leaks import echo
from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply

Answering = Callable[[Seen, list[str], str], Reply]
"""Makes the reply from a request, the keys, and the address of a server that no request may reach."""


@dataclass(frozen=True)
class Case:
    """One thing that goes wrong: in the answer, the declaration, the address or the code."""

    answer: Answering = lambda seen, keys, other: Reply()
    base_url: str = "{base_url}"
    client: Mapping[str, Any] = field(default_factory=dict)
    resource: Callable[[list[str]], dict[str, Any]] = lambda keys: {}
    breaks: Callable[[pytest.MonkeyPatch, list[str]], None] = lambda patch, keys: None
    environment: Mapping[str, str] = field(default_factory=dict)
    succeeds: bool = False
    plain: bool = False
    message: str = ""


def _status(code: int, **headers: str) -> Case:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Case(lambda seen, keys, other: Reply(code, echo(seen, keys), named), message=f"status {code}")


def _body(make: Callable[[Seen, list[str]], str | bytes], message: str, **headers: str) -> Case:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Case(lambda seen, keys, other: Reply(body=make(seen, keys), headers=named), message=message)


def _records(make: Callable[[list[str]], Any], **more: Any) -> Case:
    return Case(lambda seen, keys, other: json_reply({"data": make(keys)}), **more)


def _redirect(to: Callable[[list[str], str], str], message: str) -> Case:
    return Case(
        lambda seen, keys, other: Reply(302, echo(seen, keys), {"Location": to(keys, other)}), message=message
    )


def _linked(seen: Seen, keys: list[str], other: str) -> Reply:
    """Answer with a next link that repeats the keys, in the body and in a header; the next page fails."""
    query = "&".join(
        f"{name}={quote(key)}" for name, key in zip(("key", "sign", "token"), keys, strict=False)
    )
    if ("page", "2") in seen.query:
        return Reply(404, echo(seen, keys))
    link = f"http://{seen.headers['host']}/things?page=2&{query}"
    return json_reply({"data": [{"id": 1}], "next": link}, link=f'<{link}>; rel="next"')


def _crash(target: Any, name: str) -> Callable[[pytest.MonkeyPatch, list[str]], None]:
    """Let a part of the project, or of dlt, raise an error whose text, cause and notes hold the keys."""

    def breaks(patch: pytest.MonkeyPatch, keys: list[str]) -> None:
        def crashing(*args: Any, **kwargs: Any) -> Any:
            try:
                raise KeyError(*keys)
            except KeyError as error:
                raise RuntimeError(f"crashed with {keys} and {json.dumps(keys)}") from error

        patch.setattr(target, name, crashing)

    return breaks


CASES: dict[str, Case] = {
    **{f"status {code}": _status(code) for code in (400, 401, 403, 404, 405, 409, 422, 429)},
    **{f"status {code}": _status(code) for code in (500, 502, 503, 504)},
    "pause": Case(
        _status(429, Retry_After="3600").answer,
        breaks=lambda patch, keys: patch.setattr(
            "ecom_assets.orchestration.failures.MAX_PAUSES", 0
        ),  # or it would be taken
        message="asks for a pause of 3600 s",
    ),
    "refused": Case(base_url="http://127.0.0.1:9", message="connection refused"),
    "unknown host": Case(
        base_url="http://nobody.invalid", client={"allow_http": True}, message="the host name is not known"
    ),
    "not TLS": Case(base_url="https://{host}", message="TLS failed (wrong version number)"),
    "self-signed": Case(base_url="https://{tls_host}", message="its TLS certificate is not trusted"),
    "late": Case(lambda seen, keys, other: Reply(delay=30), message="no answer within"),
    "dropped": Case(lambda seen, keys, other: Reply(drop=True), message="the connection was dropped"),
    "cut": Case(
        lambda seen, keys, other: Reply(body=echo(seen, keys), cut=True), message="the body was cut off"
    ),
    "redirect elsewhere": _redirect(
        lambda keys, other: f"{other}/{quote(keys[0])}?key={quote(keys[0])}", "refused to send"
    ),
    "redirect loop": _redirect(lambda keys, other: f"/things?key={quote(keys[0])}", "too many redirects"),
    "redirect nowhere": _redirect(lambda keys, other: f"http://[{quote(keys[0])}", "a broken address"),
    "not JSON": _body(echo, "the body is not JSON"),
    "malformed JSON": _body(lambda seen, keys: json.dumps({"data": keys})[:-2], "the body is not JSON"),
    "empty body": _body(lambda seen, keys: "", "empty body", X_Key="{key}"),
    "HTML": _body(
        lambda seen, keys: f"<html><body>{echo(seen, keys)}</body></html>",
        "but text/html",
        Content_Type="text/html",
    ),
    "not gzip": _body(echo, "cannot be decompressed", Content_Encoding="gzip"),
    "wrong selector": _body(
        lambda seen, keys: json.dumps({"items": keys, **{key: key for key in keys}}), "found nothing"
    ),
    "selector of null": _body(lambda seen, keys: json.dumps({"data": keys[0]}), "found str"),
    "selector is the key": _records(
        lambda keys: [],
        resource=lambda keys: {"endpoint": {"path": "things", "data_selector": keys[0]}},
        plain=True,
        message="data_selector '***'",
    ),
    "total is the key": Case(
        lambda seen, keys, other: json_reply({"data": [], "total": keys[0]}),
        client={"paginator": {"type": "offset", "limit": 10, "total_path": "total"}},
        message="total_path total found",
    ),
    "next link": Case(
        _linked, client={"paginator": {"type": "json_link", "next_url_path": "next"}}, message="404"
    ),
    "next header": Case(_linked, client={"paginator": {"type": "header_link"}}, message="404"),
    "data": _records(
        lambda keys: [
            {"id": place, "note": f"see {key}", "deep": {"er": [key]}, f"new {key}": key}
            for place, key in enumerate(keys)
        ],
        succeeds=True,
    ),
    "rejected": _records(
        lambda keys: [
            {"id": 1},
            *({"id": key, "note": key} for key in keys),
            {"note": json.dumps(keys)},
            keys[0],
        ],
        succeeds=True,
    ),
    "too many rejected": _records(
        lambda keys: [{"id": key} for key in keys],
        resource=lambda keys: {"max_rejected": 0},
        message="max_rejected is 0",
    ),
    "frozen": _records(
        lambda keys: [{"id": 1, key: key} for key in keys],
        resource=lambda keys: {"schema_contract": {"columns": "freeze"}},
        message="undeclared fields",
    ),
    "crash in a transformer": _records(
        lambda keys: [{"id": 1}], breaks=_crash(Contract, "apply"), message="KeyError: "
    ),
    "crash of the ledger": _records(
        lambda keys: [{"id": 1}],
        breaks=_crash(commit, "ledger_rows"),
        message="KeyError: ",
    ),
    "crash at the load": _records(
        lambda keys: [{"id": 1, "note": keys[0]}],
        breaks=_crash(StagedRows, "stage"),
        message="KeyError: ",
    ),
    "warehouse below a file": _records(
        lambda keys: [{"id": 1, "note": keys[0]}],
        environment={"ECOM_WAREHOUSE": "{folder}/shops/canary.yaml/one.duckdb"},
        message="cannot be locked: ",
    ),
    "token": Case(
        lambda seen, keys, other: (
            Reply(401, echo(seen, keys)) if seen.path == "/token" else Reply(403, echo(seen, keys))
        ),
        message="status 40",
    ),
}
