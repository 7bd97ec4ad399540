"""An emulator of BigQuery as a fixture. It has an environment of its own, with what it needs of Google's packages.

`make emulators` installs it into `build/emulators/bigquery`. Without it, tests on BigQuery are skipped.
"""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ecom_assets_tests.support.servers.free_port import free_port

if TYPE_CHECKING:
    from ecom_assets_tests.support.warehouses.engines import Place

_PYTHON = Path("build/emulators/bigquery/bin/python").absolute()
_WAIT = 60.0
_numbers = count()


@pytest.fixture(scope="session")
def bigquery_port() -> Iterator[int]:
    """Run the emulator, and return its port."""
    pytest.importorskip("google.cloud.bigquery", reason="the extra bigquery is not installed")
    if not _PYTHON.exists():
        pytest.skip("the emulator of BigQuery is not installed: make emulators")
    port = free_port()
    script = Path(__file__).with_name("bqemulator_server.py")
    process = subprocess.Popen(
        [_PYTHON, script, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + _WAIT
        while not _answers(port):
            assert process.poll() is None, "the emulator of BigQuery has ended"
            assert time.monotonic() < deadline, "the emulator of BigQuery does not answer"
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait(30)


@pytest.fixture(scope="session")
def new_bigquery(bigquery_port: int) -> Callable[[], str]:
    """Return a function that returns the address of an empty project."""
    return lambda: f"bigquery://shop-{next(_numbers)}?endpoint=http://127.0.0.1:{bigquery_port}"


@pytest.fixture(scope="session")
def copied_bigquery(new_bigquery: Callable[[], str]) -> Callable[[Place], str]:
    """Skip the test: the emulator has no way to copy a dataset with its descriptions."""

    def copied(place: Place) -> str:
        pytest.skip("the emulator of BigQuery copies no dataset")

    return copied


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
