"""Runs the sandbox on a port of this machine: as long as a block lasts, or in the foreground for a person."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ecom_assets.sandbox.app import create_app
from ecom_assets.sandbox.fault_middleware import Connections, Gate
from ecom_assets.sandbox.faults import Faults
from ecom_assets.sandbox.record_pages import Listing
from ecom_assets.sandbox.request_log import RequestLog
from ecom_assets.sandbox.settings import SANDBOX_KEY, SandboxSettings

__all__ = ["SANDBOX_KEY", "Running", "SandboxSettings", "serve_forever", "serving"]

_HOST = "127.0.0.1"
_LONGEST_START = 30.0  # seconds


@dataclass(frozen=True)
class Running:
    """A sandbox that answers at `base_url`, such as http://127.0.0.1:8000, its faults, what it was asked."""

    base_url: str
    faults: Faults
    log: RequestLog
    settings: SandboxSettings


@contextmanager
def serving(settings: SandboxSettings | None = None, port: int = 0) -> Iterator[Running]:
    """Serve until the end of the block, from a thread of its own; port 0 takes a free one.

    Raises OSError if the port cannot be had, ValueError for wrong settings in the environment.
    """
    sandbox = _Sandbox(settings or SandboxSettings(), port)
    thread = threading.Thread(target=sandbox.run, name="sandbox", daemon=True)
    thread.start()
    try:
        sandbox.wait_until_started(thread)
        yield sandbox.running
    finally:
        sandbox.stop()
        thread.join()


def serve_forever(
    port: int = 0,
    settings: SandboxSettings | None = None,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve in the foreground until Ctrl-C; `announce` is told the base URL as soon as the port is taken.

    Raises OSError if the port cannot be had, ValueError for wrong settings in the environment.
    """
    sandbox = _Sandbox(settings or SandboxSettings(), port)
    with suppress(KeyboardInterrupt):
        if announce is not None:
            announce(sandbox.running.base_url)
        sandbox.run()


class _Sandbox:
    """The parts of one server, put together on a port that is already taken."""

    def __init__(self, settings: SandboxSettings, port: int) -> None:
        self._socket = _bound(port)
        faults, log = Faults(), RequestLog()
        connections: Connections = {}

        class Protocol(H11Protocol):
            """Keeps the connection where the gate finds it."""

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                connections[transport.get_extra_info("peername")] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                connections.pop(self.transport.get_extra_info("peername"), None)
                super().connection_lost(exc)

        app = create_app(Listing(settings, faults), settings.key)
        self._gate = Gate(app, faults, log, connections, settings.clock)
        self._server = uvicorn.Server(
            uvicorn.Config(
                cast(Any, self._gate),
                http=Protocol,
                ws="none",
                loop="asyncio",
                lifespan="off",
                proxy_headers=False,
                date_header=False,  # the gate tells the time of the sandbox's own clock
                access_log=False,
                log_level="warning",
                log_config=None,  # the logging of the process around it is not the sandbox's
            )
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self.running = Running(f"http://{_HOST}:{self._socket.getsockname()[1]}", faults, log, settings)

    def run(self) -> None:
        """Serve in this thread until stopped."""
        try:
            asyncio.run(self._serve())
        finally:
            self._socket.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._socket])

    def wait_until_started(self, thread: threading.Thread) -> None:
        """Return as soon as requests are answered. Raises RuntimeError if the thread ends before."""
        latest = time.monotonic() + _LONGEST_START
        while not self._server.started:
            if not thread.is_alive() or time.monotonic() > latest:
                raise RuntimeError(f"the sandbox at {self.running.base_url} did not start")
            time.sleep(0.002)

    def stop(self) -> None:
        """Let the thread that serves come to its end."""
        self._server.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it is over already
                self._loop.call_soon_threadsafe(self._gate.stop)


def _bound(port: int) -> socket.socket:
    """Return a socket with this port. Raises OSError."""
    # asyncio turns Nagle's algorithm off, which costs 40 ms an answer, only where the protocol is named
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":  # elsewhere the option would let two servers share a port
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((_HOST, port))
        taken.listen()
    except (OSError, OverflowError) as error:
        taken.close()
        reason = getattr(error, "strerror", None) or str(error)
        message = f"port {port} of {_HOST} cannot be had ({reason}); name another one, or 0 for a free one"
        raise OSError(message) from None  # without a number, so that its text is this line alone
    return taken
