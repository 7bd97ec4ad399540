"""A real MariaDB server of this machine, in a temporary folder, for tests. Without `mariadbd` they are skipped."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

PASSWORD = "s3cr3t-w0rd"
"""The password of the user `loader`: a canary."""
_STARTS_WITHIN = 30
_OWN_DATABASES = ("mysql", "sys", "information_schema", "performance_schema")


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """Start a server, and return its address as ECOM_WAREHOUSE has it."""
    with running_mariadb() as address:
        yield address


@contextmanager
def running_mariadb(*options: str) -> Iterator[str]:
    """Run a server with more options, and return its address. Skips the test if none is installed."""
    server, install = _program("mariadbd"), _program("mariadb-install-db")
    if server is None or install is None:
        pytest.skip("no mariadbd is installed")
    import pymysql

    with tempfile.TemporaryDirectory(prefix="ecom_maria") as folder:
        data, log = Path(folder, "data"), Path(folder, "log")
        user = "--user=root"
        subprocess.run(
            [
                install,
                "--no-defaults",
                f"--datadir={data}",
                user,
                *options,
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            check=True,
            capture_output=True,
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        path = Path(folder, "s")
        with log.open("w") as file:
            process = subprocess.Popen(
                [
                    server,
                    "--no-defaults",
                    user,
                    f"--datadir={data}",
                    f"--socket={path}",
                    f"--port={port}",
                    "--bind-address=127.0.0.1",
                    f"--pid-file={folder}/pid",
                    "--innodb-flush-log-at-trx-commit=0",
                    *options,
                ],
                stdout=file,
                stderr=file,
            )
        try:
            deadline = time.monotonic() + _STARTS_WITHIN
            while True:
                try:
                    with socket.socket(socket.AF_UNIX) as probe:
                        probe.connect(str(path))
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
            with pymysql.connect(unix_socket=str(path), user="root") as root, root.cursor() as cursor:
                cursor.execute(f"create user loader@'%' identified by '{PASSWORD}'")
                cursor.execute("grant all on *.* to loader@'%'")
            yield f"mysql://loader:{PASSWORD}@127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait()


def _run(server: str, program: str, *arguments: str, given: bytes = b"") -> bytes:
    """Run a client program on the server, and return what it prints."""
    path, parts = _program(program), urlsplit(server)
    assert path is not None
    access = ["--protocol=tcp", f"--host={parts.hostname}", f"--port={parts.port}", "--user=loader"]
    command = [path, "--no-defaults", *access, f"--password={PASSWORD}", *arguments]
    return subprocess.run(command, input=given, check=True, capture_output=True).stdout


def _databases(server: str) -> list[str]:
    names = _run(server, "mariadb", "-N", "-e", "show databases").decode().split()
    return [name for name in names if name not in _OWN_DATABASES]


@pytest.fixture(scope="session")
def new_mysql(mariadb: str) -> Callable[[], str]:
    """Return a function that drops all databases, and returns the server's address. There is one place at a time."""

    def made() -> str:
        _run(mariadb, "mariadb", "-e", ";".join(f"drop database `{name}`" for name in _databases(mariadb)))
        return mariadb

    return made


@pytest.fixture(scope="session")
def copied_mysql(mariadb: str, new_mysql: Callable[[], str]) -> Callable[[object], str]:
    """Return a function that brings the databases back that were there when it was called first for a place.

    The place is that of a fixture, of which each test wants a copy. There is one place at a time.
    """
    kept: list[tuple[object, bytes]] = []

    def made(place: object) -> str:
        if not any(owner is place for owner, _ in kept):
            databases = _databases(mariadb)
            kept.append((place, _run(mariadb, "mariadb-dump", "--hex-blob", "--databases", *databases)))
        new_mysql()
        _run(mariadb, "mariadb", given=next(dump for owner, dump in kept if owner is place))
        return mariadb

    return made
