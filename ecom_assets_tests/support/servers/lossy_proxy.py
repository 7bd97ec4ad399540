"""A way to the tests' PostgreSQL server on which, when that is asked for, the answer to a commit is lost.

`main` is a process of its own: DuckDB lets no other thread of its process run while it asks a lake's catalog.
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
def losing_way(address: str) -> Iterator[tuple[str, Path]]:
    """Return an address by way of which a server is reached, and a file: while there is one, answers are lost."""
    server = address.split("host=")[1]
    # a short path, as that of a socket must be
    with tempfile.TemporaryDirectory(prefix="way_") as folder:
        command = [sys.executable, "-c", _MAIN, server, folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
            assert process.stdout
            process.stdout.readline()
            try:
                yield address.replace(server, folder), Path(folder) / "losing"
            finally:
                process.kill()


class _Pair:
    """Two connections, what comes from one of which goes to the other."""

    def __init__(self, client: socket.socket, server: socket.socket, losing: Path) -> None:
        self.client, self.server, self.losing = client, server, losing
        self.committing = False
        for way in (self.there, self.back):
            threading.Thread(target=way, daemon=True).start()

    def there(self) -> None:
        with suppress(OSError):
            while data := self.client.recv(65536):
                self.committing |= b"COMMIT" in data and self.losing.exists()
                self.server.sendall(data)
        self.end()

    def back(self) -> None:
        with suppress(OSError):
            while (data := self.server.recv(65536)) and not self.committing:
                self.client.sendall(data)
        self.end()

    def end(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def main() -> None:
    """Connect who comes to the socket in one folder to that in another, until the end of the process."""
    server, folder = map(Path, sys.argv[1:])
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / _NAME))
        listening.listen()
        print(flush=True)
        while True:
            client, _ = listening.accept()
            there = socket.socket(socket.AF_UNIX)
            there.connect(str(server / _NAME))
            _Pair(client, there, folder / "losing")
