"""The contestants' virtual environments, each created on demand from its `requirements-<name>.txt`."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.lineup import OWN, TOGETHER

_HERE = Path(__file__).parent
_VERSIONS = """
import json, sys
from importlib.metadata import version
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


def python_of(environment: str, root: Path) -> Path:
    """Return an environment's Python. Create the environment below `root` if it is missing or out of date."""
    if environment == OWN:
        return Path(sys.executable)
    for other in TOGETHER.get(environment, ()):
        python_of(other, root)
    requirements = _HERE / f"requirements-{environment}.txt"
    folder = root / environment
    python = folder / "bin" / "python"
    made_from = folder / ".made-from"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if not made_from.exists() or made_from.read_text() != wanted:
        print(f"installing {requirements.name} into {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--compile", "-r", str(requirements)]
        subprocess.run(install, check=True)
        made_from.write_text(wanted)
    return python


def versions(python: Path, packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of packages in an environment."""
    done = subprocess.run([python, "-c", _VERSIONS, *packages], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found
