"""Lakes that dlt's configuration describes: Delta tables in buckets of an S3 server from a wheel, and DuckLakes, their
catalogs in databases of the tests' PostgreSQL server or in files.

The fixtures are `conftest`'s.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from ecom_assets_tests.engines import Place

_numbers = count()


_S3 = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://%s:%s" % server.get_host_and_port(), flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Serve S3 from the memory of a process of its own, and return its address.

    Not from a thread: some of deltalake's operations let no other thread of their process run meanwhile.
    """
    command = [sys.executable, "-c", _S3]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield process.stdout.readline().strip()
        process.stdin.close()


@pytest.fixture
def new_bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Return what makes an empty bucket and a destination for Delta tables in it, and returns the latter's name."""

    def made() -> str:
        name = f"lake_{next(_numbers)}"
        bucket = name.replace("_", "-")
        urlopen(Request(f"{s3_server}/{bucket}", method="PUT")).close()
        settings = {
            "DESTINATION_TYPE": "filesystem",
            "BUCKET_URL": f"s3://{bucket}/shops",
            "CREDENTIALS__AWS_ACCESS_KEY_ID": "testing",
            "CREDENTIALS__AWS_SECRET_ACCESS_KEY": "s3cr3t-w0rd",
            "CREDENTIALS__ENDPOINT_URL": s3_server,
        }
        for key, value in settings.items():
            monkeypatch.setenv(f"DESTINATION__{name.upper()}__{key}", value)
        return name

    return made


@pytest.fixture
def new_lake(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Place]:
    """Return what describes an empty lake to dlt, its catalog in a new database and its files in a new folder.

    Its arguments are other settings, named as dlt's variables are after `CREDENTIALS__`.
    """

    def made(**settings: str) -> Place:
        name = f"ducklake_{next(_numbers)}"
        parts = {"CATALOG": "", "STORAGE__BUCKET_URL": f"file://{tmp_path}/{name}", **settings}
        parts["CATALOG"] = parts["CATALOG"] or new_database()
        monkeypatch.setenv(f"DESTINATION__{name.upper()}__DESTINATION_TYPE", "ducklake")
        for part, value in parts.items():
            monkeypatch.setenv(f"DESTINATION__{name.upper()}__CREDENTIALS__{part}", value)
        return Place("ducklake", name)

    return made
