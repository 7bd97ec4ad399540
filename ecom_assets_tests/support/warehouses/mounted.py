"""A fixture that mounts file systems: small ones, and such that cannot be written."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Return a function that mounts at a folder, with arguments for `mount`. Skip where mounting is not allowed."""
    places: list[Path] = []

    def mount(name: str, *arguments: str) -> Path:
        place = tmp_path / name
        if not place.exists():
            place.mkdir()
        done = subprocess.run(["mount", *arguments, str(place)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
        places.append(place)
        return place

    if os.name != "posix" or not shutil.which("mount"):
        pytest.skip("there is no mount here")
    yield mount
    for place in reversed(places):
        subprocess.run(["umount", str(place)], check=True)
        if place.is_dir():
            place.rmdir()
