"""An emulator of Snowflake as a fixture. It has an environment of its own, because it needs a newer DuckDB.

`make emulators` installs it into `build/emulators/snowflake`. Without it, tests on Snowflake are skipped.
"""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from ecom_assets_tests.support.servers.free_port import free_port

_PYTHON = Path("build/emulators/snowflake/bin/python").absolute()
_WAIT = 60.0
_numbers = count()


@pytest.fixture(scope="session")
def snowflake_port() -> Iterator[int]:
    """Run the emulator, and return its port."""
    if not _PYTHON.exists():
        pytest.skip("the emulator of Snowflake is not installed: make emulators")
    port = free_port()
    process = subprocess.Popen(
        [_PYTHON, Path(__file__).with_name("fakesnow_server.py"), str(port)], stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + _WAIT
        while not _answers(port):
            assert process.poll() is None, "the emulator of Snowflake has ended"
            assert time.monotonic() < deadline, "the emulator of Snowflake does not answer"
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait(30)


@pytest.fixture(scope="session")
def new_snowflake(snowflake_port: int) -> Callable[[], str]:
    """Return a function that creates a database, and returns its address. It has a password as a canary."""
    import snowflake.connector

    def made() -> str:
        name = f"SHOP_{next(_numbers)}"
        connection = snowflake.connector.connect(
            user="ada", password="x", account="shop", host="127.0.0.1", port=snowflake_port, protocol="http"
        )
        connection.cursor().execute(f"create database {name}")
        connection.close()
        where = f"host=127.0.0.1&port={snowflake_port}&protocol=http"
        return f"snowflake://ada:s3cr3t-w0rd@shop/{name}?{where}"

    return made


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
