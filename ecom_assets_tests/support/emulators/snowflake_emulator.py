"""An emulator of Snowflake as a fixture. It has an environment of its own, because it needs a newer DuckDB.

`make emulators` installs it into `build/emulators/snowflake`. Without it, tests on Snowflake are skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from ecom_assets_tests.support.emulators.server_process import server_process

_numbers = count()


@pytest.fixture(scope="session")
def snowflake_port() -> Iterator[int]:
    """Run the emulator, and return its port."""
    with server_process("snowflake", "fakesnow_server") as port:
        yield port


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
