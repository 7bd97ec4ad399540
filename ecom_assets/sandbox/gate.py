"""Stands before the API: notes every request and lets happen to it what the faults say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from datetime import datetime, timezone
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecom_assets.sandbox.faults import Faults
from ecom_assets.sandbox.log import Request, RequestLog

Connections = MutableMapping[tuple[str, int], asyncio.Transport]
"""The open connections by the client's address; kept by the server, because ASGI cannot hang up."""


class Gate:
    """An ASGI application around another one."""

    def __init__(self, app: ASGIApp, faults: Faults, log: RequestLog, connections: Connections) -> None:
        """Take the API, what goes wrong, where requests are noted, and the connections to hang up."""
        self._app = app
        self._faults = faults
        self._log = log
        self._connections = connections
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Hang up on whoever still waits; to be called in the loop that serves."""
        self._stopping.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        now = datetime.now(timezone.utc)
        request = Request(scope["method"], scope["path"], query, headers, now)
        fault = self._faults.take(request.path, query)
        cut = False

        async def noted(message: Message) -> None:
            nonlocal cut
            if message["type"] == "http.response.start":
                # before it is on its way, so that whoever has the answer finds it noted
                request.status = message["status"]
                self._faults.answered(request.path)
            elif cut:
                body = message["body"]
                await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
                await self._hang_up(scope, receive)
                return
            await send(message)

        with self._log.noting(request):
            if fault is None:
                await self._app(scope, receive, noted)
                return
            if fault.delay:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), fault.delay)
            if fault.drop or self._stopping.is_set():
                self._faults.answered(request.path)
                await self._hang_up(scope, receive)
            elif fault.status is None:
                cut = fault.cut
                await self._app(scope, receive, noted)
            else:
                await _response(fault.status, fault.headers, fault.body)(scope, receive, noted)

    async def _hang_up(self, scope: Scope, receive: Receive) -> None:
        """Close the connection once what was sent is out, and wait until the server knows."""
        self._connections[tuple(scope["client"])].close()
        while (await receive())["type"] != "http.disconnect":
            pass


def _response(status: int, headers: Mapping[str, str], body: bytes) -> Response:
    return Response(body, status, headers, media_type="application/json")
