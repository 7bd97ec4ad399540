"""A real MariaDB server of this machine, in a temporary folder, for tests. Without `mariadbd` they are skipped."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

PASSWORD = "s3cr3t-w0rd"
"""The password of the user `loader`: a canary."""
_STARTS_WITHIN = 30


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """Start a server, and return its address as ECOM_WAREHOUSE has it."""
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


@pytest.fixture(scope="session")
def new_mysql(mariadb: str) -> Callable[[], str]:
    """Return a function that drops all databases, and returns the server's address. There is one place at a time."""
    import pymysql

    def made() -> str:
        parts = urlsplit(mariadb)
        with pymysql.connect(
            host=parts.hostname or "", port=parts.port or 0, user="loader", password=PASSWORD
        ) as connection:
            cursor = connection.cursor()
            cursor.execute(
                "select schema_name from information_schema.schemata where schema_name not in "
                "('mysql', 'sys', 'information_schema', 'performance_schema')"
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f"drop database `{name}`")
        return mariadb

    return made
