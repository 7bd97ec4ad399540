"""Stands before the API: notes every request and lets happen to it what the faults say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from datetime import datetime, timezone
from email.utils import formatdate
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecom_assets.sandbox.faults import Faults
from ecom_assets.sandbox.request_log import Request, RequestLog

Connections = MutableMapping[tuple[str, int], asyncio.Transport]
"""The open connections by the client's address; kept by the server, because ASGI cannot hang up."""


class Gate:
    """An ASGI application around another one."""

    def __init__(
        self,
        app: ASGIApp,
        faults: Faults,
        log: RequestLog,
        connections: Connections,
        clock: Callable[[], int],
    ) -> None:
        """Take the API, what goes wrong, where requests are noted, the connections to hang up, the API's clock."""
        self._app = app
        self._faults = faults
        self._log = log
        self._connections = connections
        self._clock = clock
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

        def answered(status: int | None) -> None:
            # before it is on its way, so that whoever has the answer finds it noted
            self._log.answered(request, status)
            self._faults.answered(request.path)

        async def spoiled(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered(message["status"])
                date = formatdate(self._clock(), usegmt=True).encode()
                message["headers"] = [*message["headers"], (b"date", date)]
            elif fault is not None and fault.cut:
                half = message["body"][: len(message["body"]) // 2]
                await send({"type": "http.response.body", "body": half, "more_body": True})
                await self._hang_up(scope, receive)
                return
            await send(message)

        self._log.arrived(request)
        if fault is not None and fault.delay:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), fault.delay)
        if self._stopping.is_set() or (fault is not None and fault.drop):
            answered(None)
            await self._hang_up(scope, receive)
        elif fault is None or fault.status is None:
            await self._app(scope, receive, spoiled)
        else:
            answer = Response(fault.body, fault.status, fault.headers, media_type="application/json")
            await answer(scope, receive, spoiled)

    async def _hang_up(self, scope: Scope, receive: Receive) -> None:
        """Close the connection once what was sent is out, and wait until the server knows."""
        connection = self._connections.get(tuple(scope["client"]))
        if connection is not None:  # else the client was faster
            connection.close()
        while (await receive())["type"] != "http.disconnect":
            pass
