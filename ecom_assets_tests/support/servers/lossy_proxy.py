"""A proxy in front of the tests' PostgreSQL server that loses the answer to a commit on demand.

`main` runs as a separate process: DuckDB blocks all other threads of its process while it asks a lake's catalog.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ecom_assets_tests.support.paths import ROOT

_NAME = ".s.PGSQL.5432"
_MAIN = "from ecom_assets_tests.support.servers.lossy_proxy import main; main()"


@contextmanager
def lossy_proxy(address: str) -> Iterator[tuple[str, Path]]:
    """Return the proxy's address, and the path of a file: while that file exists, answers to commits are lost."""
    server = address.split("host=")[1]
    # a short path, because the path of a socket must be short
    with tempfile.TemporaryDirectory(prefix="proxy_") as folder:
        command = [sys.executable, "-c", _MAIN, server, folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
            assert process.stdout
            process.stdout.readline()
            try:
                yield address.replace(server, folder), Path(folder) / "losing"
            finally:
                process.kill()


class _Pair:
    """A client's and a server's connection; each one's data is forwarded to the other."""

    def __init__(self, client: socket.socket, server: socket.socket, losing: Path) -> None:
        self.client, self.server, self.losing = client, server, losing
        self.committing = False
        for forward in (self.to_server, self.to_client):
            threading.Thread(target=forward, daemon=True).start()

    def to_server(self) -> None:
        with suppress(OSError):
            while data := self.client.recv(65536):
                self.committing |= b"COMMIT" in data and self.losing.exists()
                self.server.sendall(data)
        self.shut_down()

    def to_client(self) -> None:
        with suppress(OSError):
            while (data := self.server.recv(65536)) and not self.committing:
                self.client.sendall(data)
        self.shut_down()

    def shut_down(self) -> None:
        for connection in (self.client, self.server):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def main() -> None:
    """Connect each client of the socket in one folder to the socket in the other, until the process ends."""
    server, folder = map(Path, sys.argv[1:])
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / _NAME))
        listening.listen()
        print(flush=True)
        while True:
            client, _ = listening.accept()
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(str(server / _NAME))
            _Pair(client, upstream, folder / "losing")
