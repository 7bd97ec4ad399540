"""The server that runs the sandbox on a local port: until the end of a block, or in the foreground until Ctrl-C."""

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
from ecom_assets.sandbox.fault_middleware import Connections, FaultMiddleware
from ecom_assets.sandbox.faults import Faults
from ecom_assets.sandbox.record_pages import RecordPages
from ecom_assets.sandbox.request_log import RequestLog
from ecom_assets.sandbox.settings import SANDBOX_KEY, SandboxSettings

__all__ = ["SANDBOX_KEY", "Running", "SandboxSettings", "serve_forever", "serving"]

_HOST = "127.0.0.1"
_START_TIMEOUT = 30.0  # seconds


@dataclass(frozen=True)
class Running:
    """A running sandbox: its address `base_url`, such as http://127.0.0.1:8000, its faults and its request log."""

    base_url: str
    faults: Faults
    log: RequestLog
    settings: SandboxSettings


@contextmanager
def serving(settings: SandboxSettings | None = None, port: int = 0) -> Iterator[Running]:
    """Serve from a separate thread until the end of the block.

    Args:
        settings: The sandbox's settings; the defaults if None.
        port: The port; 0 takes a free one.

    Raises:
        OSError: The port is not available.
        ValueError: The environment holds a wrong setting.
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
    """Serve in the foreground until Ctrl-C.

    Args:
        port: The port; 0 takes a free one.
        settings: The sandbox's settings; the defaults if None.
        announce: Called with the base URL as soon as the server has its port.

    Raises:
        OSError: The port is not available.
        ValueError: The environment holds a wrong setting.
    """
    sandbox = _Sandbox(settings or SandboxSettings(), port)
    with suppress(KeyboardInterrupt):
        if announce is not None:
            announce(sandbox.running.base_url)
        sandbox.run()


class _Sandbox:
    """One server with all its parts; it has its port from the start."""

    def __init__(self, settings: SandboxSettings, port: int) -> None:
        self._socket = _listening_socket(port)
        faults, log = Faults(), RequestLog()
        connections: Connections = {}

        class Protocol(H11Protocol):
            """Registers the open connections, so that the middleware can close them."""

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                connections[transport.get_extra_info("peername")] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                connections.pop(self.transport.get_extra_info("peername"), None)
                super().connection_lost(exc)

        app = create_app(RecordPages(settings, faults), settings.key)
        self._middleware = FaultMiddleware(app, faults, log, connections, settings.clock)
        self._server = uvicorn.Server(
            uvicorn.Config(
                cast(Any, self._middleware),
                http=Protocol,
                ws="none",
                loop="asyncio",
                lifespan="off",
                proxy_headers=False,
                date_header=False,  # the middleware sends the time of the sandbox's own clock
                access_log=False,
                log_level="warning",
                log_config=None,  # leave the logging of the surrounding process alone
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
        """Return as soon as requests are answered. Raises RuntimeError after 30 seconds, or if the thread ends."""
        latest = time.monotonic() + _START_TIMEOUT
        while not self._server.started:
            if not thread.is_alive() or time.monotonic() > latest:
                raise RuntimeError(f"the sandbox at {self.running.base_url} did not start")
            time.sleep(0.002)

    def stop(self) -> None:
        """End the thread that serves."""
        self._server.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._middleware.stop)


def _listening_socket(port: int) -> socket.socket:
    """Return a socket that listens on this port. Raises OSError."""
    # asyncio turns off Nagle's algorithm, which delays each answer by 40 ms, only if the protocol is given here
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":  # elsewhere the option would let two servers share a port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((_HOST, port))
        listening.listen()
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        message = (
            f"port {port} of {_HOST} is not available ({reason}); choose another port, or 0 for a free one"
        )
        raise OSError(message) from None  # without an errno, so that its text is only this line
    return listening
