"""The ASGI middleware in front of the sandbox's API: logs each request, and applies the faults to its answer."""

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
from ecom_assets.sandbox.request_log import LoggedRequest, RequestLog

Connections = MutableMapping[tuple[str, int], asyncio.Transport]
"""The open connections by the client's address. The server keeps them, because ASGI cannot close a connection."""


class FaultMiddleware:
    """An ASGI application around the API."""

    def __init__(
        self,
        app: ASGIApp,
        faults: Faults,
        log: RequestLog,
        connections: Connections,
        clock: Callable[[], int],
    ) -> None:
        """Wrap the API.

        Args:
            app: The API.
            faults: What goes wrong.
            log: Gets every request.
            connections: The connections that faults may close.
            clock: Returns the sandbox's time in seconds since 1970 UTC, for the Date header.
        """
        self._app = app
        self._faults = faults
        self._log = log
        self._connections = connections
        self._clock = clock
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Close the connections that still wait for an answer; call this in the server's event loop."""
        self._stopping.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        now = datetime.now(timezone.utc)
        request = LoggedRequest(scope["method"], scope["path"], query, headers, now)
        fault = self._faults.take(request.path, query)

        def note_answer(status: int | None) -> None:
            # before the answer leaves, so that a client that has the answer finds it in the log
            self._log.close(request, status)
            self._faults.count_answer(request.path)

        async def send_with_fault(message: Message) -> None:
            if message["type"] == "http.response.start":
                note_answer(message["status"])
                date = formatdate(self._clock(), usegmt=True).encode()
                message["headers"] = [*message["headers"], (b"date", date)]
            elif fault is not None and fault.cut:
                half = message["body"][: len(message["body"]) // 2]
                await send({"type": "http.response.body", "body": half, "more_body": True})
                await self._close_connection(scope, receive)
                return
            await send(message)

        self._log.add(request)
        if fault is not None and fault.delay:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), fault.delay)
        if self._stopping.is_set() or (fault is not None and fault.drop):
            note_answer(None)
            await self._close_connection(scope, receive)
        elif fault is None or fault.status is None:
            await self._app(scope, receive, send_with_fault)
        else:
            answer = Response(fault.body, fault.status, fault.headers, media_type="application/json")
            await answer(scope, receive, send_with_fault)

    async def _close_connection(self, scope: Scope, receive: Receive) -> None:
        """Close the connection after all data is sent, and wait until the server has noticed."""
        connection = self._connections.get(tuple(scope["client"]))
        if connection is not None:  # else the client was faster
            connection.close()
        while (await receive())["type"] != "http.disconnect":
            pass
