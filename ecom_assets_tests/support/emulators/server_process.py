"""An emulator's server as a process of its own, because it has an environment of its own."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ecom_assets_tests.support.paths import ROOT
from ecom_assets_tests.support.servers.free_port import free_port

_WAIT = 60.0


@contextmanager
def server_process(name: str, module: str) -> Iterator[int]:
    """Run an emulator that `make emulators` installs, and yield its port. Without it, the test is skipped.

    Args:
        name: The folder of its environment in `build/emulators`.
        module: The module of this folder that is run with the port.
    """
    python = ROOT / "build" / "emulators" / name / "bin" / "python"
    if not python.exists():
        pytest.skip(f"the emulator of {name.capitalize()} is not installed: make emulators")
    port = free_port()
    process = subprocess.Popen(
        [python, "-m", f"{__package__}.{module}", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + _WAIT
        while not _answers(port):
            assert process.poll() is None, f"the emulator {name} has ended"
            assert time.monotonic() < deadline, f"the emulator {name} does not answer"
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
